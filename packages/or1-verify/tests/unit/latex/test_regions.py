"""Regions are compared as sets of numbers, whatever intervals they are written as."""

from __future__ import annotations

import pytest

from or1_verify.latex.forms import Named, Region
from or1_verify.latex.identity import ExactIdentity, NumericIdentity
from or1_verify.latex.reader import read
from or1_verify.latex.regions import as_region, complement, same_region, union
from or1_verify.latex.tokens import UnreadableError


def region(text: str) -> Region:
    found = as_region(read(text))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        ("[0, 1)", "x >= 0, x < 1", True),
        ("[0, 1)", "[0, 1]", False),
        ("[0, 1)", "(0, 1)", False),
        (r"[0, 1] \cup [1, 2]", "[0, 2]", True),
        (r"[0, 1) \cup (1, 2]", "[0, 2]", False),
        (r"(2, 3) \cup (0, 1)", r"(0, 1) \cup (2, 3)", True),
        (r"(-\infty, 0)", "x < 0", True),
        (r"(-\infty, 0)", r"(0, \infty)", False),
        ("x > 2, x < 5", "(2, 5)", True),
        ("x < 2, x > 5", r"(-\infty, 2) \cup (5, \infty)", True),  # empty as an intersection: a union
        ("(1, 2)", "(2, 1)", False),
        ("(0, a)", "(0, a)", True),
        ("(0, a)", "(0, b)", False),
    ],
)
def test_same_region(gold: str, answer: str, same: bool) -> None:
    assert same_region(region(gold), region(answer), ExactIdentity()) is same


def test_equal_irrational_ends_share_a_number() -> None:
    gold, answer = region(r"[\sqrt{8}, 3]"), region(r"[2\sqrt{2}, 3]")
    assert same_region(gold, answer, NumericIdentity())


def test_an_empty_interval_equals_nothing() -> None:
    empty = region(r"(4, 3)")
    assert not same_region(empty, empty, ExactIdentity())


def test_the_complement_of_points_and_intervals() -> None:
    without = complement(region(r"\{1, 3\}"))
    assert without is not None
    expected = region(r"(-\infty, 1) \cup (1, 3) \cup (3, \infty)")
    assert same_region(expected, without, ExactIdentity())
    below = complement(region(r"(0, \infty)"))
    assert below is not None
    assert below.spans == region(r"(-\infty, 0]").spans
    assert complement(region(r"(-\infty, \infty)")) is None


def test_the_complement_of_irrational_points_needs_no_order() -> None:
    without = complement(region(r"\{\sqrt{3}, -\sqrt{3}\}"))
    expected = region(r"(-\infty, -\sqrt{3}) \cup (-\sqrt{3}, \sqrt{3}) \cup (\sqrt{3}, \infty)")
    missing = region(r"(-\infty, -\sqrt{3}) \cup (-\sqrt{3}, \infty)")
    assert without is not None
    assert same_region(expected, without, NumericIdentity())
    assert not same_region(missing, without, NumericIdentity())


def test_alternatives_do_not_lose_the_conditions_of_one() -> None:
    both = union([region("(0, 5)"), region("(2, 7)")], are_conditions=True)
    with pytest.raises(UnreadableError):
        union([both, region("(8, 9)")])


def test_a_form_that_is_no_set_of_numbers_has_no_region() -> None:
    assert as_region(read("5")) is None
    assert as_region(read("1, 2")) is None


def test_a_union_may_keep_the_number_of_spans_of_each_condition() -> None:
    parts = [region(r"(0, 1) \cup (2, 3)"), region("(0, 5)")]
    assert union(parts).conditions == ()
    assert union(parts, are_conditions=True).conditions == (2, 1)


def test_the_name_of_an_inequality_is_not_part_of_its_region() -> None:
    named = read("x < 1")
    assert isinstance(named, Named)
    assert as_region(named) == named.form
