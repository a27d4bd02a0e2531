"""Words of answers: function names, units, statements with several wordings."""

from __future__ import annotations

import re

from or1_verify.latex.units import is_unit_word

FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "ln", "log", "lg", "exp", "max", "min", "gcd", "lcm", "abs", "floor",
    "ceil", "det", "cis",
})  # fmt: skip
GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
    "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma",
    "Delta", "Theta", "Lambda", "Xi", "Sigma", "Phi", "Psi", "Omega", "ell", "hbar",
})  # fmt: skip
SHORT_WORDS = frozenset({"yes", "no", "odd", "all", "any", "per", "up"})
"""Words that are as short as products of variables; `FILLERS` has others."""
_MEANINGS = {
    "all real numbers": "r, mathbb r, all reals, all real, all real values, real numbers",
    "no solution": "no solutions, none, emptyset, empty set, no real solution, no real solutions, "
    "no real roots",
    "does not exist": "dne, undefined",
    "infinitely many": "infinitely many solutions, infinite, infinity, infinite solutions",
}
_SAME_MEANING = {text: meaning for meaning, texts in _MEANINGS.items() for text in texts.split(", ")}
FILLERS = frozenset({
    "the", "a", "an", "of", "in", "is", "are", "per", "for", "each", "total", "all", "altogether",
    "exactly", "about", "approximately", "there", "this", "that", "and", "with", "to", "on", "at", "by",
    "unit", "way", "number", "value", "integer", "solution", "point", "possibility", "item", "time",
    "people", "person", "pupil", "student", "piece", "thing", "answer", "only", "different", "distinct",
    "possible", "required", "length", "area", "volume", "old", "percent", "as", "be", "it", "so", "we",
})  # fmt: skip
"""Words that say nothing about the value before them, in the singular."""
_DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "clockwise", "counterclockwise", "anticlockwise", "up", "down"}
)
_THINGS = tuple(frozenset(group.split()) for group in (
    "boy girl", "man woman", "male female", "son daughter", "brother sister", "mother father", "uncle aunt",
    "husband wife", "king queen", "head tail", "win loss", "row column", "vertex edge face",
    "penny nickel dime quarter", "red blue green yellow black white", "dog cat horse cow pig sheep bird",
    "apple orange banana pear peach", "marble coin card stamp book pencil", "car truck bus bicycle",
))  # fmt: skip
"""Groups of things counted, in the singular: no word of a group stands for another."""
_PLURALS = (
    (re.compile(r"men$"), "man"), (re.compile(r"ices$"), "ex"), (re.compile(r"ies$"), "y"),
    (re.compile(r"(?:(?<=ss|sh|ch)|(?<=x))es$"), ""), (re.compile(r"(?<!s)s$"), ""),
)  # fmt: skip
_SHORTEST_NOUN = 3
"""Fewest letters of a word that may be left out; shorter ones are products of variables [letters]."""
_OPERATIONS = (FUNCTIONS - {"max", "min", "exp", "det", "floor", "ceil"}) | GREEK | {"sqrt", "over", "pi"}
_WRITTEN = re.compile(r"[A-Za-z]+\d*")
_LAYOUT = re.compile(
    r"\\(?:text\w*|math\w*|mbox|hbox|emph|operatorname\*?|bf|rm|it|left|right|big\w*|displaystyle|q?quad|boxed|par|tiny"
    r"|small|large)(?![a-z])"
)
"""Commands that leave the meaning of words as it is; an overline or a negation sign does not."""


_CHANGES_VALUE = re.compile(
    r"\b(?:or|not|nor|no|cannot|maybe|either|possibly|perhaps|if|unless|else|otherwise|is|isn't|was"
    r"|plus|minus|factorial|doubled|tripled|halved|to the (?:\w+ )?power|below zero"
    r"|and an? (?:half|third|quarter)"
    r"|at least|at most|(?:more|less|greater) than|per(?:cent of| hundred| thousand| million)"
    r"|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b|\b(?:wrong|incorrect|false)\W*$"
    r"|^\s*(?:half|halves|thirds|quarters|fourths|fifths|sixths|sevenths|eighths|ninths|tenths|twelfths|sixteenths"
    r"|\w+edths|\w+andths|\w+ionths|squared|cubed|k)\b(?!-)|(?<![a-z])\d"
)
_HYPHEN = re.compile(r"(?<=[a-z]{3})-(?=[a-z]{3})")
_ORDINAL = re.compile(r"(?<=\d)\s*(?:\^\s*)?(?:st|[nr]d|th)(?![a-z])")
_BOTH = re.compile(r"([a-z]+) and ([a-z]+)")
_BETWEEN_WORDS = re.compile(r"\s*,\s*and\s+|\s+and\s+|\s*,\s*")
_SCALE = re.compile(r"(?:^|\s)[KMB](?![A-Za-z])")
MONEY = frozenset({"$", "euro", "pounds"})
"""Signs before an amount, as the tokenizer names them."""
_MULTIPLIERS = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9,
                "trillion": 10**12}  # fmt: skip


def changes_value(words: str) -> bool:
    """Whether words after a number change its value, rather than name a unit.

    >>> changes_value("feet squared"), changes_value("squared"), changes_value("wrong answers")
    (False, True, False)
    """
    return _SCALE.search(words) is not None or _CHANGES_VALUE.search(words.lower()) is not None


def multiplier(unit: str) -> tuple[int, str]:
    """`million dollars` and `$ million` multiply by a million."""
    money, _, rest = unit.strip().partition(" ")
    if money in MONEY and rest:
        factor, rest = multiplier(rest)
        return factor, f"{money} {rest}".strip()
    factor = 1
    while (name := unit.strip().partition(" ")[0].lower()) in _MULTIPLIERS:
        factor *= _MULTIPLIERS[name]
        unit = unit.strip().partition(" ")[2]
    return factor, unit


def meaning_words(text: str) -> tuple[str, ...]:
    """The words after a value that are neither units nor fillers.

    >>> meaning_words("km north of the house"), meaning_words("square units in all")
    (('north', 'house'), ())
    """
    words = re.findall(r"[a-z]+", text.lower().replace("non-", "non").replace("counter-", "counter"))
    return tuple(
        word.removesuffix("wards").removesuffix("ward")
        for word in words
        if not is_unit_word(word) and not {word, word.removesuffix("s")} & FILLERS
    )


def may_be_left_out(words: str, gold: str) -> bool:
    """Whether the gold may lack the words after an answer: each is a unit, a filler or a noun, or in the gold.

    >>> [may_be_left_out(words, "") for words in ("apples", "m", "AB", "x", "over pi")]
    [True, True, False, False, False]
    """
    known = set(_WRITTEN.findall(gold))
    return all(_is_word(word) for word in _WRITTEN.findall(words) if word not in known)


def _is_word(word: str) -> bool:
    if is_unit_word(word.rstrip("23")) or word.lower() in FILLERS | SHORT_WORDS:
        return True
    is_product = word.isupper() or word.lower() in _OPERATIONS
    return len(word) >= _SHORTEST_NOUN and word.isalpha() and not is_product


def has_direction(text: str) -> bool:
    """Whether the words name a direction, without which a distance or angle is not the answer."""
    return not _DIRECTIONS.isdisjoint(meaning_words(text))


def counted_words(text: str) -> tuple[str, ...]:
    """The words after a number that count: a plural is only the name of the things counted.

    >>> counted_words("students"), counted_words("turns clockwise")
    ((), ('clockwise',))
    """
    return tuple(word for word in meaning_words(text) if not word.endswith("s") or word.endswith("ss"))


def singular(word: str) -> str:
    """The singular of a regular plural, and of words in -men and -ices; other words as they are.

    >>> [singular(word) for word in ("boxes", "babies", "women", "vertices", "loss", "boys")]
    ['box', 'baby', 'woman', 'vertex', 'loss', 'boy']
    """
    return next((form.sub(end, word) for form, end in _PLURALS if form.search(word)), word)


def are_of_other_things(gold: str, answer: str) -> bool:
    """Whether words after two numbers name things that exclude each other; other plurals may be synonyms.

    >>> are_of_other_things("boys", "girls"), are_of_other_things("children", "kids")
    (True, False)
    """
    gold_things, answer_things = ({singular(word) for word in meaning_words(text)} for text in (gold, answer))
    return any(
        gold_things & group and answer_things & group and gold_things.isdisjoint(answer_things & group)
        for group in _THINGS
    )


def same_words(gold: str, answer: str) -> bool:
    r"""Whether two texts have one normal form. The words that a gold joins by "and" may have any order.

    >>> same_words("Ann, Bob and Cy", "Cy, Ann, Bob"), same_words("Ann, Bob, Cy", "Cy, Ann, Bob")
    (True, False)
    """
    if normal_words(gold) == normal_words(answer):
        return True
    wanted, is_set = _listed(gold)
    return is_set and len(wanted) > 1 and sorted(wanted) == sorted(_listed(answer)[0])


def _listed(text: str) -> tuple[list[str], bool]:
    """The single words that a text lists, and whether "and" joins them; empty for other texts."""
    plain = " ".join(_without_layout(text).replace(".", " ").split())
    words = _BETWEEN_WORDS.split(plain)
    return (words if all(word.isalpha() for word in words) else []), " and " in plain


def _without_layout(text: str) -> str:
    return re.sub(r"[\\{}$~*]", " ", _LAYOUT.sub(" ", text.lower()))


def normal_words(text: str) -> str:
    r"""Normal form of a text: case, blanks, punctuation and articles are ignored.

    >>> normal_words(r"The  Midpoints."), normal_words("No solutions")
    ('midpoints', 'no solution')
    """
    plain = re.sub(r"[.,;:!?'\"()]+(?=\s|$)|(?<![a-z0-9])['\"(]+", " ", _without_layout(text))
    plain = _ORDINAL.sub("", plain)
    plain = _HYPHEN.sub("", " ".join(plain.split()))
    plain = re.sub(r"^(?:(?:there (?:is|are|exists?)|it is|it's)\s+)?(?:(?:to the|the|a|an)\s+)?", "", plain)
    if plain in _SAME_MEANING:
        return _SAME_MEANING[plain]
    plain = plain.removeprefix("all ")
    both = _BOTH.fullmatch(plain)
    return " and ".join(sorted(both.groups())) if both else plain
