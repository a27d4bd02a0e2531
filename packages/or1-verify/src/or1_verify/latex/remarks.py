r"""Answers whose value stands beside a remark: `540\text{ seconds (9 minutes)}`, `\frac54\text{ or }1.25`.

`plainer` writes such an answer without its remark, or with it in a notation that the reader knows. A remark
that may change the value, or holds another one, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from or1_verify.latex.amounts import read_amount
from or1_verify.latex.bases import read_based, value_of
from or1_verify.latex.forms import Based
from or1_verify.latex.notations import VERBS, in_plain_words
from or1_verify.latex.units import is_unit_word
from or1_verify.latex.words import has_direction

_END = re.compile(r"[\s.}]*$")
_BEFORE_NOTE = re.compile(r"(?:[\s~}]|\\[ ,;:!]|\\q?quad|\\(?:text\w*|mathrm)\s*\{)\s*$")
_APPROXIMATION = re.compile(
    r"(?:\\approx(?![A-Za-z])|≈|\\text\{(?:about|approx\.?|approximately)\}|=)\s*(?=.)"
)
_ABOUT = re.compile(r"(?:about|approximately|approx\.?|roughly)\s+(?=[-\d\\$])")
_NUMBER = re.compile(r"\(=?\s*-?[\d.]+\s*\\?%?\s*\)[\s}.]*$")
_PROSE = re.compile(r"[a-z]{2,}(?:[ '-]+[a-z]+)*")
_TURNS = re.compile(r"\b(?:left|right|negative)\b")
_SO_IS = re.compile(r"and so (?:is|are)\b|(?:as )?(?:required|desired|claimed|wanted)$")
_AND_NAME = re.compile(r"and\s+([A-Za-z])\s*=[^=]*")
_NAME = re.compile(r"\s*([A-Za-z])\s*=[^=]*")
_MULTIPLICITY = re.compile(
    r"(?P<item>-?[\w./\\^]+(?:\{[^{}]*\})*)(?P<open>\s*\\text\s*\{)?\s*\(\s*(?:\\text\s*\{)?\s*"
    r"(?:of |with |a )*(?P<times>double|twice|repeated|triple|thrice"
    r"|multiplicity\s*(?:of )?\$?(?P<number>[2-9]|two|three)\$?)"
    r"(?P<root> (?:root|zero|solution))?\s*\}?\s*\)"
)
_TIMES = {"triple": 3, "thrice": 3, "three": 3} | {str(number): number for number in range(2, 10)}
_COUNTED_SYMBOL = re.compile(
    r"(\s*\d+\s*\\text\s*\{[^{}]*[a-z]s)(?:\s+of\s*\}\s*\$?\\?[A-Za-z]+\$?|\s*\}\s*\((?:\s*[A-Za-z]\s*,)+\s*[A-Za-z]\s*\))\s*"
)
"""A number of values of a letter, or of pairs of letters."""
_OR = re.compile(
    r"\\text\s*\{(?P<unit>[^{}]*?)[\s,]*\b(?:or|i\.e\.,?|that is,?|equivalently,?|or equivalently,?)\s*\}"
)
_ROUGHLY = re.compile(
    r"(?<=[\d})])[\s,]*\\text\s*\{[\s,]*(?:or )?(?:about|approximately|approx\.?|roughly)\s*\}"
    r"(?=\s*-?(?:\d|\\[dt]?frac|\\sqrt))"
)
_REASON = re.compile(
    r"[\s,]*\\text\s*\{[\s,]*(?:since|because)\b(?!.*(?:extraneous|reject|invalid)).*", re.DOTALL
)
_THAT_IS = re.compile(r"(?:that is|i\.e\.|(?:or )?equivalently|or),?\s+(?=[-\d\\])")
_PLACES = re.compile(r"[A-Za-z](?:_\w+)?\s*=[^=,]+(?:,\s*[A-Za-z](?:_\w+)?\s*=[^=,]+)+")
"""The values of several letters."""
_LETTER = re.compile(r"\s*[A-Za-z]\s*")
_IDENTITY = re.compile(r"\s*-?\d*\s*(?:I|\\math(?:bf|rm)\s*\{\s*I\s*\})(?:_\d)?\s*")
"""A multiple of the identity before its matrix."""
_SINCE = re.compile(r"(?:since|because|as) ")
_ALONE = re.compile(
    r"\\text\s*\{[\s,]*(?:and (?:no others?|nothing else)(?: [a-z]+)?"
    r"|(?:is|are) the (?:only|unique)(?: real)? (?:solution|answer|value|root)s?)\s*\}\s*$"
)
_CONCLUSION = re.compile(
    r"[\s,]*\\text\s*\{[\s,]*(?:and )?(?:so|thus|hence|therefore|giving|which gives)\b"
    r"(?:(?!\bnot?\b)[^{}])*\}\s*(?=\S)"
)
_LISTED = re.compile(r"(\s*\d+\s*\\text\s*\{[^{}:]*):\s*\}.+", re.DOTALL)
"""A number of things before these things."""
_ASKS_NUMBER = re.compile(r"\b(?:how many|number of)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"[\s,]*\\text\s*\{(?P<unit>[^{}(,]*?)[\s,(]*(?:which )?"
    r"(?:(?:occur(?:s|ring)|attained|achieved|reached) )?"
    r"(?:at|when|for)\s*\}(?!.*(?:\\text|\band\b|\bor\b))\s*\$?(?:[a-z]\s*=)?"
    r"(?:\([^()]*\)|[^<>,;()])+\)?\s*"
)
"""Where an extremum is."""
_EXTREMUM = re.compile(r"\b(?:maxim|minim|greatest|least|largest|smallest|highest|lowest)", re.IGNORECASE)
_REJECTED = re.compile(
    r"(?:reject|discard|exclud)(?:ing|ed) (?P<first>.+)"
    r"|(?P<second>.+?)(?: is| are)? (?:extraneous|rejected|discarded|invalid|not valid|excluded)"
)
_MAP = re.compile(r"\(?\s*([a-z])\s*\)?\s*\\(?:long)?mapsto(?![A-Za-z])")
_SUBSCRIPT = re.compile("[₀-₉]+")
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_BEYOND = re.compile(
    r"\s*\\text\s*\{\s*(?:[Tt]he )?(?:set of )?[Aa]?l?l?\s*real (?:numbers|values)(?: that are)? "
    r"(?P<side>greater|larger|less|smaller) than(?P<or> or equal to)?\s*\}(?P<end>[^,;]+)"
)
_SPELLINGS = [
    (re.compile(form), text)
    for form, text in {
        r"\\hat\s*\{?\s*\\?([ij])math\s*\}?": r"\\mathbf{\1}",
        r"(?<=\d)\s*in the morning\b": " a.m.",
        r"(?<=\d)\s*in the (?:afternoon|evening)\b": " p.m.",
        r"\s*\((?:[A-Z][a-z]+ )+[Tt]ime\)": "",
        r"^\s*\\text\s*\{\s*(\d\d?(?::\d\d)?)\s*([ap])\.?\s?m\.?\s*\}\s*$": r"\1\\text{ \2m}",
        r"^\s*\\text\s*\{[A-Za-z ]+ at\s*\}\s*(?=\(|\\left\s*\()": "",
        rf"^\s*\\text\s*\{{[^{{}}]*\b(?:{VERBS})\s*:?\s*\}}\s*(?=-?\w+_)": "",
        r"^\s*\\text\s*\{\s*(?:[Tt]he )?(?:letter|month of|day|colou?r)\s+([A-Za-z]+)\s*\}": r"\\text{\1}",
        r"^\s*\\text\s*\{\s*[Ii]t (?:will|would|must) be (?:an? |on )?([A-Za-z]+)\.?\s*\}": r"\\text{\1}",
    }.items()
]
"""Spellings of units, times, bases and names, and others of the same."""
_MOST_SIDES = 12
_INCHES = re.compile(r"(?<=\d)\s*(?:''|\")\s*$")
_SCALE_ASKED = re.compile(
    r"\b(?:how many|in)\s+(?:(?!(?:in|an?|of|is|are|the|per)\b)[a-z]+\s+){0,3}?"
    r"(dozen|quarter|hundred|thousand|million|billion|trillion)s?\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def plainer(answer: str, question: str) -> tuple[str, ...]:
    r"""Other texts of an answer, each of them the same answer.

    >>> plainer(r"3\text{ dozen}", "How many dozens?"), plainer("x=2 (or 3)", "")
    (('3\\text{ }',), ())
    """
    texts = [*_without_note(answer), *_counted(answer, question), *_respelled(answer)]
    texts += [_ROUGHLY.sub(r" \\approx ", answer), _REASON.sub("", answer), _ALONE.sub("", answer)]
    texts += _CONCLUSION.split(answer)[1:][-1:]
    before = _PLACE.search(answer) if _EXTREMUM.search(question) else None
    if before and before.end() == len(answer):
        texts.append(answer[: before.start()] + _unit_alone(before))
    return tuple(dict.fromkeys(text for text in texts if text != answer))


def alternatives(answer: str) -> tuple[str, ...]:
    r"""The texts that an answer gives for one value, each of which has to be equal; empty for other answers.

    >>> alternatives(r"\frac54\text{ or }1.25")
    ('\\frac54', '1.25')
    """
    found = list(_OR.finditer(answer))
    if len(found) == 1 and answer[: found[0].start()].strip() and answer[found[0].end() :].strip():
        return answer[: found[0].start()] + _unit_alone(found[0]), answer[found[0].end() :]
    parts = _value_and_note(answer)
    words = _in_words(parts[1]) if parts else ""
    if _NUMBER.search(answer):
        return parts
    if that_is := _THAT_IS.match(words):
        return parts[0], words[that_is.end() :]
    sides = _sides(answer) if "=" in answer else []
    equal = tuple(side for side in sides if not _IDENTITY.fullmatch(side))
    return equal if len(sides) > 1 else ()


def _sides(answer: str) -> list[str]:
    """The sides of the equalities of an answer that stand in no brackets."""
    sides, depth, start = list[str](), 0, 0
    for place, character in enumerate(answer):
        depth += (character in "{[(") - (character in "}])")
        if character == "=" and depth == 0:
            sides.append(answer[start:place])
            start = place + 1
    return [*sides, answer[start:]]


def _in_words(note: str) -> str:
    return " ".join(re.sub("[{}]", " ", in_plain_words(note)).split())


def _unit_alone(found: re.Match[str]) -> str:
    return rf"\text{{{found['unit']}}}" if found["unit"].strip() else ""


def _without_note(answer: str) -> Iterator[str]:
    """The answer before a note in parentheses, if that says nothing else."""
    parts = _value_and_note(answer)
    if not parts:
        return
    value, note = parts
    words = _in_words(note)
    if _APPROXIMATION.match(note):
        yield f"{value} {note}"
    if about := _ABOUT.match(words):
        yield rf"{value} \approx {words[about.end() :]}"
    amount, other = read_amount(value), read_amount(words)
    if amount and other:
        if amount[:2] == other[:2]:
            yield value
    elif _says_nothing(value, words):
        yield value
    elif _PROSE.fullmatch(words) and not _is_quantity(words):
        yield rf"{value}\text{{ {words}}}"


def _value_and_note(answer: str) -> tuple[str, ...]:
    """The answer before the parentheses at its end, and what is between these; empty for other answers."""
    end = _END.sub("", answer)
    start = _opening(end)
    if start <= 0 or not _BEFORE_NOTE.search(end[:start]) or end[:start].rstrip().endswith("\\left"):
        return ()
    value = end[:start]
    return value + "}" * (value.count("{") - value.count("}")), end[start + 1 : -1]


def _says_nothing(value: str, words: str) -> bool:
    """Whether a note repeats its value, or is about something else."""
    if _PLACES.fullmatch(words):
        return "=" not in value
    named, also = _NAME.fullmatch(value), _AND_NAME.fullmatch(words)
    if named and also:
        return named[1] != also[1]
    since = _SINCE.match(words)
    if rejected := _REJECTED.fullmatch(words, since.end() if since else 0):
        other = "".join((rejected["first"] or rejected["second"]).split())
        own = re.escape("".join(_in_words(value).split()).rpartition("=")[2])
        return re.search(r"\d|=", other) is not None and not re.search(rf"(?<![-\w.]){own}(?![\w.])", other)
    is_none = words.startswith("no ") and in_plain_words(value).strip() == "0"
    return is_none or since is not None or _SO_IS.match(words) is not None


def _is_quantity(words: str) -> bool:
    """Whether words may be a unit or a direction of the value before them."""
    return any(map(is_unit_word, words.split())) or has_direction(words) or bool(_TURNS.search(words))


def _opening(text: str) -> int:
    """The place of the parenthesis that the last character closes; -1 if there is none."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if depth == 0:
            return place if place < len(text) - 1 else -1
    return -1


def _counted(answer: str, question: str) -> Iterator[str]:
    """Roots with their multiplicity, once and as often; numbers of values of a letter; and numbers in the
    scale that the question asks for."""
    times = _MULTIPLICITY.search(answer)
    if times and (times["root"] or times["number"] or "," in answer or "and" in answer):
        yield _MULTIPLICITY.sub(lambda found: found["item"] + (found["open"] or ""), answer)
        yield _MULTIPLICITY.sub(_repeated, answer)
    if found := _COUNTED_SYMBOL.fullmatch(answer):
        yield f"{found[1]}}}"
    if _ASKS_NUMBER.search(question) and (listed := _LISTED.fullmatch(answer)):
        yield f"{listed[1]}}}"
    if "inch" in question:
        yield _INCHES.sub(r"\\text{ inches}", answer)
    if asked := _SCALE_ASKED.search(question):
        yield re.sub(rf"\b{asked[1]}s?\b(?:\s+of\b)?\s*", "", answer, flags=re.IGNORECASE)


def _repeated(found: re.Match[str]) -> str:
    times = _TIMES.get(found["number"] or found["times"], 2)
    return ", ".join([found["item"]] * times) + (found["open"] or "")


def _respelled(answer: str) -> Iterator[str]:
    """Subscripts of Unicode, arrows of functions, numbers in several bases, half-lines, times and names in
    words."""
    plain = answer.replace("\N{MINUS SIGN}", "-")
    yield _SUBSCRIPT.sub(lambda found: f"_{{{found.group().translate(_DIGITS)}}}", plain)
    yield _MAP.sub(r"f(\1) = ", answer)
    spelled = answer
    for form, text in _SPELLINGS:
        spelled = form.sub(text, spelled)
    yield spelled
    sides = [side for side in answer.split("=") if not _LETTER.fullmatch(side)]
    totals = {_total(side) for side in sides} if "_" in answer and len(sides) < _MOST_SIDES else set()
    if len(totals) == 1 and None not in totals:
        yield from sides
    if found := _BEYOND.fullmatch(answer):
        is_above = found["side"] in {"greater", "larger"}
        shut = bool(found["or"])
        low, high = f"{'(['[shut]}{found['end']},\\infty)", f"(-\\infty,{found['end']}{')]'[shut]}"
        yield low if is_above else high


def _total(text: str) -> int | None:
    """The value of a sum of numbers with their bases."""
    first, *rest = re.split(r"(?<=[\d}])\s*([+-])\s*", text.strip())
    total = 0
    for sign, term in zip(["+", *rest[::2]], [first, *rest[1::2]], strict=True):
        number = read_based(term) or (Based(term.strip(), "10") if term.strip().isdigit() else None)
        value = value_of(number) if number else None
        if value is None:
            return None
        total += value if sign == "+" else -value
    return total
