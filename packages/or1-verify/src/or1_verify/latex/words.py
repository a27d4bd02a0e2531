"""Words of answers: function names, units, statements with several wordings."""

from __future__ import annotations

import re
import string
from fractions import Fraction

from or1_verify.latex.scales import CARDINALS, SCALES, leading_factor
from or1_verify.latex.units import is_unit_word, measure_of

FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "ln", "log", "lg", "exp", "max", "min", "gcd", "lcm", "abs", "floor",
    "ceil", "det", "cis",
})  # fmt: skip
EXTREMA = {
    "maximum": frozenset({"maximum", "max", "maximal", "greatest", "largest", "highest"}),
    "minimum": frozenset({"minimum", "min", "minimal", "least", "smallest", "lowest"}),
}
INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
SMALL_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
)
GREEK = frozenset({*SMALL_GREEK.split(), "iota", "upsilon", "Gamma", "Delta", "Theta", "Lambda", "Xi",
                   "Sigma", "Phi", "Psi", "Omega", "ell", "hbar"})  # fmt: skip
SHORT_WORDS = frozenset({"yes", "no", "not", "but", "nor", "odd", "all", "any", "per", "up"})
"""Words that are as short as products of variables; `FILLERS` has others."""
_MEANINGS = {
    "real numbers": "r, mathbb r, reals, all reals, all real, all real values, set of real numbers, "
    "set of all real numbers",
    "positive real numbers": "all positive reals, positive reals",
    "nonnegative real numbers": "all nonnegative reals, nonnegative reals",
    "nonpositive real numbers": "all nonpositive reals, nonpositive reals",
    "negative real numbers": "all negative reals, negative reals",
    "no solution": "none, emptyset, varnothing, empty, empty set",
    "neither": "neither even nor odd, neither odd nor even",
    "does not exist": "dne, undefined, limit does not exist, not defined, not possible, impossible",
    "diverges": "divergent",
    "converges": "convergent",
    "conditionally convergent": "converges conditionally",
    "absolutely convergent": "converges absolutely",
    "uniformly convergent": "converges uniformly",
    "linearly dependent": "dependent, not independent, not linearly independent",
    "linearly independent": "independent, not dependent, not linearly dependent",
    "right triangle": "rightangled, rightangled triangle, right angled triangle",
    "infinitely many": "infinitely many solutions, infinite, infinity, infinite solutions",
}
_SAME_MEANING = {text: meaning for meaning, texts in _MEANINGS.items() for text in texts.split(", ")}
_NOTHING = re.compile(r"no (?:such(?: [a-z]+){1,2}|(?:real )?(?:solution|root|value)s?)(?: exists?)?")
"""Wordings of "no solution"."""
FILLERS = frozenset({
    "the", "a", "an", "of", "in", "is", "are", "per", "for", "each", "total", "all", "altogether",
    "exactly", "about", "approximately", "there", "this", "that", "and", "with", "to", "on", "at", "by",
    "unit", "way", "number", "value", "integer", "solution", "point", "possibility", "item", "time",
    "people", "person", "pupil", "student", "piece", "thing", "answer", "only", "different", "distinct",
    "possible", "required", "length", "area", "volume", "old", "percent", "pc",
})  # fmt: skip
"""Words that say nothing about the value before them, in the singular."""
_DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "clockwise", "counterclockwise", "anticlockwise", "up", "down"}
)
_SHORTEST_NOUN = 3
"""Fewest letters of a word that may be left out; shorter ones are products of variables [letters]."""
_SHORT_ENGLISH = frozenset({"as", "be", "do", "go", "he", "it", "me", "my", "so", "us", "we", "ad", "tv"})
_OPERATIONS = (FUNCTIONS - {"max", "min", "exp", "det", "floor", "ceil"}) | {"sqrt"}
_NO_NOUNS = FILLERS | SHORT_WORDS | _SHORT_ENGLISH
_LETTERS = re.compile("[b-df-hj-np-tv-xz]{3}")
"""Three letters that are no word, as they have no vowel."""
_WRITTEN = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*\d*")
_LAYOUT = re.compile(
    r"\\(?:text\w*|math\w*|mbox|hbox|emph|operatorname\*?|bf|rm|it|left|right|big\w*|displaystyle|q?quad|boxed|par|tiny"
    r"|small|large)(?![a-z])"
)
"""Commands that leave the meaning of words as it is; an overline or a negation sign does not."""


_CHANGES_VALUE = re.compile(
    r"\b(?:or|not|nor|no|cannot|maybe|either|possibly|perhaps|if|unless|else|otherwise|is|isn't|was"
    r"|plus|minus|multiplied by|divided by|repeating|recurring|factorial|doubled|tripled|halved"
    r"|negated|to the (?:\w+ )?power|below zero|twice|thrice|inverted|reversed|bakers? dozen"
    r"|and an? (?:half|third|quarter)"
    rf"|at (?:least|most|minimum|maximum)|(?:more|less|greater) than|percent of"
    rf"|per (?:hundred|thousand|million)|in (?:an? )?(?:{'|'.join(SCALES)})s?"
    rf"|zero|{'|'.join(CARDINALS)})\b(?!-(?:digit|letter|element|person|sided|dimensional))|^\s*(?:half|quarters|squared|cubed|k|never|nope|\w+n't"
    r"|[a-z-]*fold|to the (?:third|(?!north|south)\w+th))\b(?!-)|^\s*over\W*$|(?<![a-z])\d"
    r"|\b(?:but|except|neither|without|than|from|of)\W*$"
)
_HALF_OF_UNIT = re.compile(r"\s*half\s+([a-z]+)")
_REJECTED = (
    r"(?:extraneous|spurious|invalid|inadmissible|impossible|infeasible|unacceptable|unsuitable"
    r"|ineligible|inconsistent|illegal|disqualified|wrong|incorrect|untrue|false|forbidden"
    r"|(?:exclud|reject|discard|omitt|eliminat|dismiss|disallow|ignor|disregard|prohibit|restrict)ed"
    r"|(?:ruled|crossed|struck|thrown) out)"
)
_REJECTS = re.compile(
    rf"\b(?:(?P<state>{_REJECTED}|undefined|unknown|infinite|infinitely|reciprocal|inverse"
    r"|non-?(?:solution|root)|outside the (?:domain|range|interval)|fails|fail(?:ed)?(?! to)"
    r"|(?:contradict|violat)(?:e?s|ed|ion)?)"
    r"|(?:exclud|reject|discard|omit|eliminat|dismiss|disallow|ignor|disregard)t?(?:e?s?|ing))\b"
)
"""Words that take a value back; a verb with an object rejects another value."""
_STATED = "(?:root|solution|answer|candidate|case|value|number|point|choice|interval|region|set|domain)s?"
_DENIAL = r"(?:not|never|neither|nor|cannot|excluding|except|unless|[a-z]+n't)"
_REJECTED_NAME = re.compile(
    rf"(?:(?:the|an?|we) )?(?:{_REJECTED}(?: {_STATED}| [a-z]+(?<!s))?|{_STATED} {_REJECTED}|reject|discard"
    rf"|exclude|(?:[a-z]+ )?restrictions?|{_DENIAL}\b.*|no(?! of)\b.*)(?: is| are| at)?"
    r"|.*\b(?:wrong|incorrect|false|mistaken?|trap|decoy|distractor|guess|previous|predecessor|successor"
    r"|(?:non-|no )(?:solution|root|answer)s?)\b.*"
    rf"|.*\b(?:{_DENIAL}(?: (?:be|to|an?|the|at|equals?|{_STATED}))*|but|than|(?:different|far|apart) from"
    r"|up to|at (?:least|most)|minus|squared|cubed"
    r"|(?:parallel|perpendicular|tangent|normal|orthogonal|asymptotic|symmetric) to"
    r"|(?:opposite|negative|negation|complement|reflection|inverse) of)(?: is| are)?"
    r"|(?:half|twice|double|triple) (?:of )?the .*"
    r"|(?:negative|between|twice|double|half|without|beyond|inside|outside(?: of)?|above|below|near"
    r"|(?:an? )?(?:multiple|factor|divisor)s? of)(?: is| are)?"
)
"""Labels that take the value after them back, or make another value of it."""
_IS_AT_END = re.compile(r"\s*\b(?:is|are|was|were)\s*$")
_SUBJECT = re.compile(
    r".*\b(?:people|children|men|women|(?!(?:root|solution|answer|value|candidate|case)s$)[a-z]+(?<![sui])s)"
)
_DESCRIBED = re.compile(r"\s*(?:[a-z]+\s+){0,2}[a-z]+(?<![sui])s\W*")
_STATEMENT = re.compile(
    r"^(?:it|they|s?he|[a-z](?:\s*\((?:[a-z]|[a-z]\s*\([a-z]\))\))?"
    r"|(?:the|this|that|these|those|both) (?:[a-z]+ )?[a-z]+"
    r"|(?:function|statement|claim|number|graph|sum|product|line|plane|vector|event|series|integral|triangle"
    r"|answer|relation)s?)"
    r" (?:(?:is|are) |(?=(?:di|con)verges?(?: [a-z]+ly)?\W*$))"
    r"|(?<=^yes),? [a-z]+ (?:is|are|does|do|can|will|exists?)\W*$"
    r"|(?:(?<=^yes),(?!.*\b(?:not|never|cannot|false|wrong|[a-z]+n't)\b)|(?<=^no),)"
    r"(?!.*\b(?:yes|no|true|correct|right|but|unless|except|only|if|maybe|sometimes)\b) .{0,80}$"
    r"|(?<=[a-z]) (?:triangle|lines|planes|vectors|function"
    r"|(?:always )?wins?(?: the game)?|has an? winning strategy)\W*$"
)
"""The subject of a sentence that ends in one adjective or noun; what follows the word in a longer answer."""
_REASON = re.compile(
    r"^we (?=(?:fail|do|reject|accept|cannot))|(?:(?<=h0)|(?<=hypothesis)),? (?:since|because)\b.*$"
)
_POSSESSIVE = re.compile(r"^([a-z]+)'s$")
_HYPHEN = re.compile(r"(?<=[a-z]{3})-(?=[a-z]{3})")
_HEADING = re.compile(r"^(?:facing|heading|due|towards?)\s+(?:the\s+)?(?=north|south|east|west)")
_DAYS_AND_MONTHS = (
    "january february march april may june july august september october november december"
    " monday tuesday wednesday thursday friday saturday sunday"
)
_DATE = re.compile(
    r"(?:(?:on|in) )?(?:(?P<before>\d{1,2}) (?:of )?)?(?P<name>[a-z]{3,9})(?: (?P<after>\d{1,2}))?"
    r"(?: (?P<year>\d{4}))?"
)
_ORDINAL = re.compile(r"(?<=\d)\s*(?:\^\s*)?(?:st|[nr]d|th)(?![a-z])")
_NAMED = re.compile(r"([Tt]he (?:first|second|third) \w+) \(([A-Z][a-z]+)\)")
"""A role and the name of who has it."""
_HOW_OFTEN = frozenset({"always", "sometimes", "never"})
_PHRASES = (
    (re.compile(r"^(?:(?:we )?(?:do not|don't|fail to|cannot|can't) )(?=reject|accept)"), "not "),
    (re.compile(r"(?:the )?null hypothesis(?: h ?_? ?0)?|\bh ?_ ?0"), "h0"),
    (re.compile(r"\bone[- ]?to[- ]?one\b"), "injective"),
    (re.compile(r"\bonto\b"), "surjective"),
    (re.compile(", but "), " but "),
)
"""Phrases inside an answer that say the same."""
_BOTH = re.compile(r"([a-z]+) and ([a-z]+)")
_BETWEEN_WORDS = re.compile(r"\s*,\s*and\s+|\s+and\s+|\s*,\s*")
_SCALE = re.compile(r"(?:^|\s)[KMB](?![A-Za-z])")
MONEY = frozenset({"$", "euro", "pounds"})
"""Signs before an amount, as the tokenizer names them."""


def changes_value(words: str) -> bool:
    """Whether words after a number change its value, rather than name a unit.

    >>> changes_value("feet squared"), changes_value("squared"), changes_value("half hours")
    (False, True, False)
    """
    plain = words.lower()
    if (half := _HALF_OF_UNIT.match(plain)) and is_unit_word(half[1]):
        plain = plain[half.start(1) :]
    return _SCALE.search(words) is not None or _CHANGES_VALUE.search(plain) is not None


def rejects(words: str, gold: str) -> bool:
    """Whether words after a value, which are not in the gold, take it back. Things counted may be invalid.

    >>> [rejects(words, "") for words in ("is extraneous", "invalid codes", "rejecting the other")]
    [True, False, False]
    """
    found = _REJECTS.search(words.lower())
    if found is None or found.group() in gold.lower():
        return False
    before, after = words[: found.start()].lower(), words[found.end() :].lower()
    if not found["state"]:
        return not after.strip(" .)")
    before = before.strip()
    subject = _IS_AT_END.sub("", before)
    if _SUBJECT.fullmatch(subject):
        return False
    return subject != before or _DESCRIBED.fullmatch(after) is None


def takes_back(label: str) -> bool:
    """Whether words before a value say that it is no answer, or make another value of it.

    >>> [takes_back(label) for label in ("Excluded value:", "all but", "number not divisible by 3")]
    [True, True, False]
    """
    return _REJECTED_NAME.fullmatch(" ".join(re.findall(r"[a-z]+(?:['-][a-z]+)*", label.lower()))) is not None


def multiplier(unit: str) -> tuple[Fraction, str]:
    """The factor in words after a value: `million dollars` and `$ million` multiply by a million."""
    money, _, rest = unit.strip().partition(" ")
    if money not in MONEY or not rest:
        return leading_factor(unit)
    factor, rest = leading_factor(rest)
    return factor, money if measure_of(rest) == measure_of(money) else f"{money} {rest}".strip()


def meaning_words(text: str) -> tuple[str, ...]:
    """The words after a value that are neither units nor fillers.

    >>> meaning_words("km north of the house"), meaning_words("square units in all")
    (('north', 'house'), ())
    """
    words = re.findall("[a-z]+", re.sub(r"\b(non|counter|anti)-", r"\1", text.lower()))
    return tuple(
        word.removesuffix("wards").removesuffix("ward")
        for word in words
        if not is_unit_word(word) and not {word, word.removesuffix("s")} & FILLERS
    )


def may_be_left_out(words: str, gold: str) -> bool:
    """Whether the gold may lack the words after an answer: units, fillers and nouns, with names after a noun.

    >>> [may_be_left_out(words, "") for words in ("apples", "goats of Farm Y", "m", "AB", "x", "times pi")]
    [True, True, True, False, False, False]
    """
    known, written, has_noun = set(_WRITTEN.findall(gold)), _WRITTEN.findall(words), False
    is_prose = any(len(word) >= _SHORTEST_NOUN or (is_unit_word(word) and word != "in") for word in written)
    for word in written:
        lower = word.lower()
        is_filler = {lower, lower.removesuffix("s")} & _NO_NOUNS and (is_prose or lower in SHORT_WORDS)
        if word in known or is_filler or is_unit_word(word.rstrip("23")):  # `be` alone is a product
            continue
        is_product = word.isupper() or word[-1].isdigit() or lower in _OPERATIONS or _LETTERS.fullmatch(word)
        is_product = is_product or word in string.ascii_lowercase
        if len(word) >= _SHORTEST_NOUN and not is_product:
            has_noun = True
        elif not has_noun or (word.isalpha() and word.islower()):
            return False
    return True


def has_direction(text: str) -> bool:
    """Whether the words name a direction, without which a distance or angle is not the answer."""
    return not _DIRECTIONS.isdisjoint(meaning_words(text))


def counted_words(text: str) -> tuple[str, ...]:
    """The words after a number that count: a plural is only the name of the things counted.

    >>> counted_words("students"), counted_words("turns clockwise")
    ((), ('clockwise',))
    """
    return tuple(word for word in meaning_words(text) if not word.endswith("s") or word.endswith("ss"))


def same_words(gold: str, answer: str) -> bool:
    r"""Whether two texts have one normal form. The words that a gold joins by "and" may have any order.

    >>> same_words("Ann, Bob and Cy", "Cy, Ann, Bob"), same_words("Ann, Bob, Cy", "Cy, Ann, Bob")
    (True, False)
    """
    stated = _STATEMENT.sub("", _REASON.sub("", " ".join(_without_layout(answer).split())))
    words = normal_words(answer)
    if normal_words(gold) in {words, normal_words(stated)}:
        return True
    plain_gold = gold.strip()
    named = _NAMED.fullmatch(plain_gold)
    if named is not None and words in map(normal_words, named.groups()):
        return True
    if plain_gold.lower() in _HOW_OFTEN:
        others = {*words.split()} & (_HOW_OFTEN | {"false", "not", "untrue", "wrong"})
        return words.startswith(plain_gold.lower()) and len(others) == 1
    wanted, is_set = _listed(gold)
    return is_set and len(wanted) > 1 and sorted(wanted) == sorted(_listed(answer)[0])


def _listed(text: str) -> tuple[list[str], bool]:
    """The single words that a text lists, and whether "and" joins them; empty for other texts."""
    plain = " ".join(_without_layout(text).replace(".", " ").split()).removesuffix(" only")
    words = _BETWEEN_WORDS.split(plain)
    return (words if all(word.isalpha() for word in words) else []), " and " in plain


def _with_full_date(text: str) -> str:
    """A day or date with the name in full and before the number: `30 oct` is `october 30`."""
    found = _DATE.fullmatch(text)
    name = next((full for full in _DAYS_AND_MONTHS.split() if found and full.startswith(found["name"])), "")
    if not found or not name:
        return text
    return " ".join(part for part in (name, found["before"] or found["after"], found["year"]) if part)


def _without_layout(text: str) -> str:
    """The words alone; the braces of a set stay."""
    return re.sub(r"\\(?![{}])|(?<!\\)[{}]|[$~*]", " ", _LAYOUT.sub(" ", text.lower()))


def normal_words(text: str) -> str:
    r"""Normal form of a text: case, blanks, punctuation and articles are ignored.

    >>> normal_words(r"The  Midpoints."), normal_words("No solutions")
    ('midpoints', 'no solution')
    """
    plain = re.sub(r"[.,;:!?'\"()]+(?=\s|$)|(?<![a-z0-9])['\"(]+", " ", _without_layout(text))
    plain = _POSSESSIVE.sub(r"\1", _ORDINAL.sub("", plain).strip()).replace("grey", "gray")
    plain = _HYPHEN.sub("", " ".join(plain.split()))
    plain = re.sub(r"^(?:(?:there (?:is|are|exists?)|it is|it's)\s+)?(?:(?:to the|the|a|an)\s+)?", "", plain)
    for phrase, other in _PHRASES:
        plain = phrase.sub(other, plain)
    plain = "no solution" if _NOTHING.fullmatch(plain) else plain
    if plain in _SAME_MEANING:
        return _SAME_MEANING[plain]
    plain = plain.removeprefix("all ").removesuffix(" only")
    plain = _with_full_date(_HEADING.sub("", plain))
    both = _BOTH.fullmatch(plain)
    return " and ".join(sorted(both.groups())) if both else plain
