r"""Number words after a value, as factors: `5\text{ thousands}`, `3\text{ eighths}`, `2\text{ per mille}`."""

from __future__ import annotations

import re
from fractions import Fraction

_ONES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
CARDINALS = {word: number for number, word in enumerate(_ONES.split(), 1)} | {
    word: 10 * number for number, word in enumerate(_TENS.split(), 2)
}
_ILLIONS = "m b tr quadr quint sext sept oct non dec"
SCALES = {
    "ten": 10, "dozen": 12, "hundred": 100, "thousand": 10**3, "myriad": 10**4, "lakh": 10**5, "lac": 10**5,
    "crore": 10**7, "googol": 10**100,
    **{f"{prefix}illion": 10 ** (3 * number) for number, prefix in enumerate(_ILLIONS.split(), 2)},
}  # fmt: skip
_NEVER_PLURAL = {"score": 20, "grand": 1000, "gross": 144, "mil": 10**6}
"""Scales whose plurals are other nouns."""
_PARTS_OF = {"per mille": 1000, "per mil": 1000, "permille": 1000, "permil": 1000, "basis point": 10_000,
             "basis points": 10_000, "bps": 10_000}  # fmt: skip
_OLD_STEMS = {"thir": 3, "fif": 5, "eigh": 8, "nin": 9, "twelf": 12}
"""Cardinals that change before the ending of an ordinal."""
_WORD = re.compile(r"\s*(?:of\s+)?(?:an?\s+)?(?!gross\s+(?!of\b)[a-z])([A-Za-z]+(?:-[A-Za-z]+)*)")
"""The next word; `gross` before a noun is no number."""
_PART = re.compile(rf"\s*({'|'.join(sorted(_PARTS_OF, key=len, reverse=True))})(?![A-Za-z-])", re.IGNORECASE)


def leading_factor(words: str) -> tuple[Fraction, str]:
    """The factor that number words at the start of a text are, and the rest of the text.

    >>> leading_factor("hundreds of thousands of votes"), leading_factor("eighths"), leading_factor("votes")
    ((Fraction(100000, 1), 'of votes'), (Fraction(1, 8), ''), (Fraction(1, 1), 'votes'))
    """
    if part := _PART.match(words):
        return Fraction(1, _PARTS_OF[part[1].lower()]), words[part.end() :].strip()
    factor, rest = Fraction(1), words.strip()
    while (found := _WORD.match(rest)) and (scale := _scale(found[1].lower())) is not None:
        factor, rest = factor * scale, rest[found.end() :].strip()
    if factor == 1 and found and (share := denominator_of(found[1].lower())) is not None:
        after = rest[found.end() :].strip()
        if found[1].endswith("s") or not after or after.startswith("of "):
            return Fraction(1, share), after
    return factor, rest


def cardinal(words: str) -> int | None:
    """A whole number in words.

    >>> cardinal("zero"), cardinal("three hundred and five"), cardinal("a dozen"), cardinal("hundreds")
    (0, 305, 12, None)
    """
    total, group, below, largest = 0, 0, 1000, 10**102
    for word in words.replace("-", " ").split():
        number, scale = CARDINALS.get(word, 0), SCALES.get(word, 0)
        if 0 < number < below:
            group, below = group + number, 10 if number >= 20 else 1
        elif word in {"a", "an"} and below == 1000 and not total:
            group, below = 1, 1
        elif 0 < group < 100 and scale in {12, 100}:
            group, below = group * scale, 100 if scale == 100 else 1
        elif group and 1000 <= scale < largest:
            total, group, below, largest = total + group * scale, 0, 1000, scale
        elif word != "and" or below < 100 or not total + group:
            return 0 if words == "zero" else None
    is_whole = total + group and not words.endswith((" and", " a")) and words not in {"a", "an"}
    return total + group if is_whole else None


def ordinal(word: str) -> int | None:
    """The number of an ordinal: `third`, `twenty-first`.

    >>> ordinal("second"), ordinal("thirteenth"), ordinal("thirteenths")
    (2, 13, None)
    """
    before, _, last = word.rpartition("-")
    number = {"zeroth": 0, "first": 1, "second": 2, "third": 3}.get(last)
    number = _ordinal(last) if number is None else number
    if not before or number is None:
        return number
    tens = CARDINALS.get(before, 0)
    return tens + number if tens >= 20 and number < 10 else None


def _scale(word: str) -> int | None:
    return _NEVER_PLURAL.get(word) or SCALES.get(word) or SCALES.get(word.removesuffix("s"))


def denominator_of(word: str) -> int | None:
    """The number of an ordinal that names a part, singular or plural; `second` and `quarter` are units.

    >>> denominator_of("eighths"), denominator_of("twenty-fifth"), denominator_of("ten-thousandths")
    (8, 25, 10000)
    """
    *before, last = word.removesuffix("s").split("-")
    number = 2 if word == "halves" else 3 if last == "third" else _ordinal(last)
    for name in reversed(before):
        factor = CARDINALS.get(name) or SCALES.get(name)
        if number is None or factor is None:
            return None
        number = number * factor if number >= 100 else number + factor
    return number


def _ordinal(word: str) -> int | None:
    stem = word.removesuffix("th")
    if stem == word:
        return None
    stem = f"{stem.removesuffix('ie')}y" if stem.endswith("ie") else stem
    number = _OLD_STEMS.get(stem) or CARDINALS.get(stem) or SCALES.get(stem)
    return number if number is not None and number > 2 else None
