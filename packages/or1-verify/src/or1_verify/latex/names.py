r"""Names before a value: `x`, `f'(x)`, `P(A)`, `AB`, `\text{area}`. A name may be missing or be a label."""

from __future__ import annotations

import re

from or1_verify.latex.objects import named_object

_LETTER = r"(?:[A-Za-z]|\\(?:alpha|beta|gamma|delta|theta|lambda|mu|phi|omega|sigma|rho|angle|triangle|ell))"
_PLAIN_NAME = re.compile(rf"{_LETTER}(?:_\w|_\{{[^{{}}]*\}})?'*")
_EVENT = (
    r"(?:[A-Za-z0-9,<>=|']|\\(?:lambda|theta|alpha|beta|phi|omega)(?![A-Za-z])"
    r"|\\(?:overline|bar|cap|cup|mid)\{?|(?<=\w)\})*"
)
_ATOM = (
    rf"(?:m?\\angle{{?)?(?:[A-Z]{{1,6}}|{_LETTER})(?:_\w+|_\\[a-z]+|_\{{[^{{}}]*\}})?'*(?:\^\{{?-1\}}?)?'*}}?"
    rf"(?:\({_EVENT}\))?"
)
_MARK = r"overline|bar|hat|tilde|widetilde|dot|ddot|vec|mathbf|operatorname"
_NAME = re.compile(
    rf"{_ATOM}(?::{_ATOM})*|\|{_ATOM}\||\\frac\{{{_ATOM}\}}\{{{_ATOM}\}}|\({_LETTER}(?:_\w|_\{{\w+\}})?(?:,{_LETTER}"
    rf"(?:_\w|_\{{\w+\}})?)+\)|\\(?:{_MARK})\{{?\w+\}}?(?:\([a-z]\))?|\\max|\\min|\\(?:det|dim)(?:\(?[A-Z]\)?)?|\[[A-Z]{{3,6}}\]"
    r"|\\sigma\^\{?2\}?|E\[[A-Z]\]|\\nabla\*?(?:\\vec\{?)?[A-Za-z]\}?(?:\([^()]*\))?|\\langle[a-z],[a-z]\\rangle"
    r"|\[\\?[a-z]+\]_\\?[A-Za-z]|\[(?:[A-Z]|\\mathbb\{[A-Z]\}(?:\([^():]*\))?):\\mathbb\{[A-Z]\}\]"
    r"|[A-Z](?:\\(?:cap|cup|setminus)\{?[A-Z]\}?)+'*"
    r"|\\frac\{(?:d|\\partial)(?:\^\{?\d\}?)?[A-Za-z]\}\{(?:d|\\partial)[A-Za-z](?:\^\{?\d\}?)?\}"
)
_SEGMENT = re.compile(r"\|[A-Z]{2,}\|")
_DERIVATIVE = re.compile(r"\\frac\{(?:d|\\partial)(?:\^\{?(\d)\}?)?[A-Za-z]\}\{(?:d|\\partial).*")
_PARTIAL = re.compile(r"\\frac\{\\partial([a-z])\}\{\\partial([a-z])\}|([a-z])_([a-z])\([a-z](?:,[a-z])+\)")
_MARKED = re.compile(r"\\(overline|bar|tilde|widetilde|dot|ddot)\{?[A-Za-z](?![A-Za-z])")
_APPLIED = re.compile(r"([^()]+)\((.*)\)")
_POINTS = re.compile(r"(?:m?\\(angle|triangle|overline|vec))?\{?([A-Z]+)\}?")
_WORDS = re.compile(r"\\?(?:operatorname\{)?([a-z]{3,}(?: [a-z]+)*)\}?")
_FILLERS = frozenset(
    {"the", "of", "an", "is", "total", "answer", "value", "result", "number", "solution", "and"}
)
JOINT = " = "
"""Between the names of one value: `a = b = 1`."""


def is_name(shown: str) -> bool:
    return _NAME.fullmatch(shown) is not None and shown not in {"e", "i"}


def with_short_partials(shown: str) -> str:
    r"""Partial derivatives as `f_x`.

    >>> with_short_partials(r"\frac{\partialf}{\partialx}"), with_short_partials("f_y(x,y)")
    ('f_x', 'f_y')
    """
    return _PARTIAL.sub(lambda found: f"{found[1] or found[3]}_{found[2] or found[4]}", shown)


def is_variable(name: str) -> bool:
    return _PLAIN_NAME.fullmatch(name) is not None


def same_name(gold: str, answer: str) -> bool:
    r"""Whether two names may be of one thing: two names of one kind have to agree, and their primes, inverses
    and bars; a name of another kind is a label.

    >>> same_name("f(x)", "y"), same_name("f(x)", "f'(x)"), same_name("f(3)", "f(2)"), same_name("AB", "BA")
    (True, False, False, True)
    """
    if gold.lower() == answer.lower():
        return True
    if JOINT in gold or JOINT in answer:
        names, others = set(gold.split(JOINT)), set(answer.split(JOINT))
        return names == others if len(names) > 1 else names < others
    if is_variable(gold) and is_variable(answer):
        return False
    if gold[0] == "|" or answer[0] == "|":
        inner = gold.strip("|"), answer.strip("|")
        if gold[0] == answer[0] or _SEGMENT.fullmatch(gold) or _SEGMENT.fullmatch(answer):
            return same_name(*inner)
        return inner[0] != inner[1]  # `|z| = 2` is not `z = 2`
    if gold.startswith("\\frac") != answer.startswith("\\frac") and (gold in answer or answer in gold):
        return False  # `x/y = 0` is not `x = 0`
    words = _WORDS.fullmatch(gold), _WORDS.fullmatch(answer)
    if words[0] and words[1]:
        return _same_words(words[0][1], words[1][1])
    if words[0] or words[1]:
        return True
    if _signs(gold) != _signs(answer):
        return False
    applied = _APPLIED.fullmatch(gold), _APPLIED.fullmatch(answer)
    if (applied[0] and applied[0][2] == answer) or (applied[1] and applied[1][2] == gold):
        return False  # `f(x) = 3` is not `x = 3`
    if applied[0] and applied[1] and _is_inverse(gold) != _is_inverse(answer):
        return False
    if applied[0] and applied[1] and applied[0][1] == applied[1][1]:
        return all(len(each[2]) == 1 and each[2].islower() for each in applied if each)
    points = _POINTS.fullmatch(gold), _POINTS.fullmatch(answer)
    if points[0] and points[1] and len(points[0][2]) == len(points[1][2]):
        kinds = {points[0][1], points[1][1]}
        if "angle" not in kinds or len(kinds) == 1:
            kind = kinds.pop() if kinds in ({"angle"}, {"vec"}) else "triangle"
            return named_object(kind, points[0][2]) == named_object(kind, points[1][2])
    return True


def _same_words(gold: str, answer: str) -> bool:
    left, right = (set(text.split()) - _FILLERS for text in (gold, answer))
    is_short = gold.startswith(answer) or answer.startswith(gold)
    return is_short or left <= right or right <= left


def _is_inverse(name: str) -> bool:
    return "^{-1}" in name or "^-1" in name


def _signs(name: str) -> tuple[int, list[str]]:
    """Number of primes and the bars of a name."""
    derivative = _DERIVATIVE.fullmatch(name)
    primes = int(derivative[1] or 1) if derivative else name.count("'") + name.count("\\prime")
    bars = ["overline" if mark == "bar" else mark for mark in _MARKED.findall(name)]
    return primes, bars
