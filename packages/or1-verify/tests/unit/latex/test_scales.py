"""Number words after a value: the factor that they are."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right
from or1_verify.latex.scales import CARDINALS, SCALES, cardinal, denominator_of, leading_factor, ordinal
from or1_verify.latex.units import UNIT_OF

COUNTS = st.integers(2, 99)
SCALE_WORDS = st.sampled_from(sorted(SCALES.keys() - {"googol"}))
ORDINALS = {
    "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12, "thirteenth": 13, "twentieth": 20,
    "twenty-fifth": 25, "ninetieth": 90, "hundredth": 100, "ten-thousandth": 10_000, "millionth": 10**6,
}  # fmt: skip
KNOWN = {name.lower() for name in UNIT_OF} | {"up", "sq", "cu", "or"}
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=2).filter(lambda text: text not in KNOWN)


@given(COUNTS, SCALE_WORDS, st.sampled_from(["", "s"]), st.sampled_from(["", " apples", " of apples"]))
def test_a_scale_is_a_factor(count: int, scale: str, ending: str, things: str) -> None:
    answer = rf"{count}\text{{ {scale}{ending}{things}}}"
    assert is_right(str(count * SCALES[scale]), answer)
    assert not is_right(str(count), answer)
    assert is_right(answer, answer)


@given(COUNTS, SCALE_WORDS, SCALE_WORDS)
def test_two_scales_multiply(count: int, first: str, second: str) -> None:
    answer = rf"{count}\text{{ {first}s of {second}s}}"
    assert is_right(str(count * SCALES[first] * SCALES[second]), answer)
    assert not is_right(str(count * SCALES[first]), answer)


@given(COUNTS, st.sampled_from(sorted(ORDINALS)), st.sampled_from(["", "s"]))
def test_an_ordinal_is_a_part(count: int, name: str, ending: str) -> None:
    answer = rf"{count}\text{{ {name}{ending}}}"
    assert is_right(rf"\frac{{{count}}}{{{ORDINALS[name]}}}", answer)
    assert not is_right(str(count), answer)


@given(
    COUNTS, LETTERS, st.sampled_from([r"%d\text{ %s}", r"%d\text{%s}", "%d %s", r"%d\mathrm{ %s}", "%d\\,%s"])
)
def test_one_or_two_letters_that_are_no_unit_are_not_left_out(count: int, letters: str, form: str) -> None:
    assert not is_right(str(count), form % (count, letters))


@pytest.mark.parametrize(
    ("words", "factor", "rest"),
    [
        ("third graders", 1, "third graders"),
        ("third of a mile", Fraction(1, 3), "of a mile"),
        ("sixteenths inch", Fraction(1, 16), "inch"),
        ("seconds", 1, "seconds"),
        ("score", 20, ""),
        ("scores", 1, "scores"),  # of a test
        ("per mille", Fraction(1, 1000), ""),
        ("tens", 10, ""),
    ],
)
def test_other_words_are_the_rest(words: str, factor: Fraction, rest: str) -> None:
    assert leading_factor(words) == (factor, rest)


def test_cardinals_and_ordinals_are_read_back() -> None:
    assert {cardinal(word) for word in CARDINALS} == {*range(1, 20), *range(20, 100, 10)}
    assert [ordinal(name) for name in ORDINALS if name not in {"ten-thousandth"}] == [
        number for name, number in ORDINALS.items() if name not in {"ten-thousandth"}
    ]
    assert [denominator_of(f"{name}s") for name in ORDINALS] == list(ORDINALS.values())
    assert [cardinal(word) for word in ("twenty-five", "five-twenty", "hundred")] == [25, None, None]


def _in_words(number: int) -> str:
    """A whole number below a million in English words."""
    names = {value: word for word, value in CARDINALS.items()}
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            joint = (" and " if rest < 100 else " ") if rest else ""
            return f"{_in_words(number // size)} {name}{joint}{_in_words(rest) if rest else ''}"
    return names.get(number) or f"{names[number // 10 * 10]}-{names[number % 10]}"


@given(st.integers(1, 999_999), st.integers(1, 999_999))
def test_whole_numbers_in_words(number: int, other: int) -> None:
    assert cardinal(_in_words(number)) == number
    assert cardinal(_in_words(number).replace(" and ", " ").replace("-", " ")) == number
    assert is_right(str(number), _in_words(other)) == (number == other)
