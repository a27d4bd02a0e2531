"""Vocabulary: words that change a value, and normal forms of statements."""

from __future__ import annotations

import pytest

from or1_verify import math
from or1_verify.latex.words import changes_value, may_be_left_out, multiplier, normal_words, rejects


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("apples", False),
        ("square feet", False),
        ("or 6", True),
        ("at most", True),
        ("half", True),
        ("half hours", False),
        ("percent of the total", True),
        ("repeating", True),
        ("doesn't work", True),
        ("students who didn't work", False),
        ("over", True),
        ("over the weekend", False),
        ("K", True),  # thousand or million
        ("M", True),
        ("north of the ones", False),  # only whole words count
    ],
)
def test_some_words_change_a_value(words: str, changes: bool) -> None:
    assert changes_value(words) is changes


def test_multipliers_multiply() -> None:
    assert multiplier("million dollars") == (10**6, "dollars")
    assert multiplier("hundred thousand") == (10**5, "")
    assert multiplier("dollars") == (1, "dollars")
    assert multiplier("$ millions of dollars") == (10**6, "$")


@pytest.mark.parametrize(
    ("words", "gold", "wanted"),
    [
        ("extraneous", "", True),
        ("are extraneous roots", "", True),
        ("roots rejected", "", True),
        ("rejected since it exceeds the radius", "", True),
        ("extraneous", "extraneous", False),
        ("invalid codes", "", False),
        ("students failed", "", False),
        ("students were excluded", "", False),
        ("reject", "", True),
        ("rejecting the negative root", "", False),
    ],
)
def test_words_that_reject_a_value(words: str, gold: str, wanted: bool) -> None:
    assert rejects(words, gold) is wanted


@pytest.mark.parametrize(
    ("words", "gold", "wanted"),
    [
        ("apples", "", True),
        ("kg", "", True),
        ("kgs", "", True),
        ("t-shirts", "", True),
        ("goats from Farm Y", "", True),
        ("CDs", "", True),
        ("xy", "", False),
        ("xyz", "", False),
        ("mnp", "", False),
        ("ABCD", "", False),
        ("ABCD", "ABCD", True),
        ("apples x", "", False),
        ("cm x", "", False),
        ("times AB", "", False),
        ("e2", "", False),
        ("over pi", "", False),
    ],
)
def test_words_that_may_be_left_out(words: str, gold: str, wanted: bool) -> None:
    assert may_be_left_out(words, gold) is wanted


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


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (r"n \text{ even}", r"n \text{ odd}", False),
        (r"n \text{ even}", r"n", False),
        (r"p \text{ prime}", r"p \text{ composite}", False),
        (r"5 \text{ km north}", r"5 \text{ km south}", False),
        (r"5 \text{ km north}", r"5 \text{ km northwards}", True),
        (r"90^\circ \text{ clockwise}", r"90^\circ \text{ counterclockwise}", False),
        ("5 up", "5 down", False),
        ("5 km north", "5 km to the north", True),
        ("5 km to the north", "5 km to the south", False),
        ("3 years old", "3", True),
        (r"30^\circ\text{ north of east}", r"30^\circ\text{ east of north}", False),
        (r"15 \text{ pupils}", r"15 \text{ students}", True),
        (r"15 \text{ pupils}", r"15", True),
        (r"15", r"15 \text{ pupils in total}", True),
        (r"3 \text{ negative}", r"3 \text{ nonnegative}", False),
    ],
)
def test_words_beside_a_value(left: str, right: str, same: bool) -> None:
    assert (math.verify(left, rf"\boxed{{{right}}}").reward == 1.0) is same
    assert (math.verify(right, rf"\boxed{{{left}}}").reward == 1.0) is same


def test_a_direction_of_the_gold_is_not_left_out() -> None:
    assert math.verify(r"5 \text{ km north}", r"\boxed{5 \text{ km}}").reward != 1.0
    assert math.verify(r"5", r"\boxed{5 \text{ km north}}").reward == 1.0
    assert math.verify(r"14 \text{ right triangles}", r"\boxed{14}").reward == 1.0
