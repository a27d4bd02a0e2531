"""Vocabulary: units with their names, words that change a value, and normal forms of statements."""

from __future__ import annotations

import pytest

from or1_verify.latex.words import changes_value, is_unit, multiplier, normal_words, unit_of


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("cm", ("centimeter", 1)),
        ("centimetres", ("centimeter", 1)),
        ("square cm", ("centimeter", 2)),
        ("cubic feet", ("foot", 3)),
        ("miles per hour", ("mph", 1)),
        ("$", ("dollar", 1)),
        ("apples", None),
        ("", None),
    ],
)
def test_units_have_several_names(text: str, unit: tuple[str, int] | None) -> None:
    assert unit_of(text) == unit


def test_a_single_letter_is_a_variable_and_no_unit() -> None:
    assert not is_unit("m")
    assert is_unit("cm")


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("apples", False),
        ("square feet", False),
        ("or 6", True),
        ("at most", True),
        ("halves", True),
        ("percent of the total", True),
        ("wrong", True),
        ("north of the ones", False),  # only whole words count
    ],
)
def test_some_words_change_a_value(words: str, changes: bool) -> None:
    assert changes_value(words) is changes


def test_multipliers_multiply() -> None:
    assert multiplier("million dollars") == (10**6, "dollars")
    assert multiplier("hundred thousand") == (10**5, "")
    assert multiplier("dollars") == (1, "dollars")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("The midpoint.", "midpoint", True),
        ("No solutions", "none", True),
        (r"\text{DNE}", "undefined", True),
        ("odd", "even", False),
        ("not odd", "odd", False),
    ],
)
def test_normal_words(left: str, right: str, same: bool) -> None:
    assert (normal_words(left) == normal_words(right)) is same
