"""LiveCodeBench's comparison, a test for each of its rules, and what it must never cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.code.compare import difference, same_value

RULES: list[tuple[str, str, bool, str]] = [
    ("3", "3\n", True, "the whole output is stripped"),
    ("\n\n3\n\n", "3", True, "blank lines around it too"),
    ("  3  \n 4 ", "3\n4", True, "each line is stripped"),
    ("3\n\n4", "3\n4", False, "blank lines inside count"),
    ("3", "3\n4", False, "the number of lines must match: only the first line"),
    ("3\n4\n5", "3\n4", False, "and extra lines are wrong"),
    ("1.0", "1", True, "tokens are compared as decimal numbers"),
    ("1e3", "1000.00", True, "in any notation"),
    ("0.1", "0.10000000000000001", False, "exactly: no tolerance"),
    ("0.30000000000000004", "0.3", False, "a float's noise is wrong"),
    ("1 2", "1  2", True, "blanks between numbers are free"),
    ("a b", "a  b", False, "blanks between words are not"),
    ("1 a", "1.0 a", False, "a line is all numbers or compared as text"),
    ("yes", "YES", False, "case counts"),
    ("-0.0", "0", True, "zero has no sign as a number"),
    ("nan", "nan", True, "equal text is equal"),
    ("nan 1", "nan 1.0", False, "nan is no number that equals"),
    ("sNaN", "1", False, "a signaling nan is refused, not raised"),
    ("inf", "Infinity", True, "infinities are decimal numbers"),
    ("1e400", "inf", False, "a decimal does not overflow"),
    ("1e999999", "1", False, "huge exponents are compared, not written out"),
    ("1 2", "1 2 3", False, "tokens must be as many"),
    ("1 2 3", "1 2", False, "on either side"),
    ("", "", True, "nothing is nothing"),
    ("0", "", False, "and something is not"),
    ("1\r\n2", "1\n2", True, "line ends of Windows are stripped away"),
    ("1_2", "12", False, "an underscore is no part of a number"),
    ("0_1_2", "12", False, "nor are several"),
    ("\uff11\uff12", "12", False, "digits are ASCII: not of full width"),
    ("\u0665", "5", False, "nor Arabic"),
    ("1\xa02", "1 2", False, "a fixed space is no separator of numbers"),
    ("1\u20032", "1 2", False, "nor is an em space"),
    ("\u0665", "\u0665", True, "such text equals itself"),
    ("+.5e1 5.", "5 5", True, "a point may come first or last"),
    ("1\t2", "1 2", True, "a tab separates numbers"),
]


@pytest.mark.parametrize(("output", "expected", "same", "rule"), RULES, ids=[rule for *_, rule in RULES])
def test_rule(output: str, expected: str, same: bool, rule: str) -> None:
    assert (difference(output, expected) is None) is same


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), min_size=1))
def test_an_output_agrees_with_itself_whatever_is_around_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert difference(text, text) is None
    assert difference(f"\n {text} \n", text) is None


@given(st.lists(st.integers(), min_size=1), st.data())
def test_one_wrong_number_is_seen_wherever_it_stands(numbers: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(numbers) - 1))
    wrong = [*numbers[:place], numbers[place] + 1, *numbers[place + 1 :]]
    for separator in (" ", "\n"):
        expected = separator.join(map(str, numbers))
        assert difference(separator.join(map(str, wrong)), expected) is not None
        assert difference(separator.join(f"{n}.0" for n in numbers), expected) is None


@pytest.mark.parametrize(
    "output", ["1 " * 4_000_000, "1\n" * 4_000_000, "9" * 8_000_000], ids=["tokens", "lines", "digits"]
)
def test_a_huge_output_is_refused(output: str) -> None:
    """Work that grows with the square of the output would take hours."""
    assert difference(output, "1 2\n3") is not None
    assert difference(output, "12") is not None


endless: list[Any] = []
endless.append(endless)


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        ((1, (2, 3)), [1, [2, 3]], True),
        ({"a": (1,)}, {"a": [1]}, True),
        ({1: 2}, {"1": 2}, False),
        (1, True, True),  # as Python has it, and LiveCodeBench
        (1.0, 1, True),
        (0.1 + 0.2, 0.3, False),
        ("1", 1, False),
        (float("nan"), float("nan"), False),
        (Decimal("sNaN"), 1, False),
        ({1, 2}, [1, 2], False),
        (None, None, True),
        (None, [], False),
        (endless, endless, False),
    ],
)
def test_values(value: Any, expected: Any, same: bool) -> None:
    assert same_value(value, expected) is same


def test_a_value_larger_than_memory_when_written_out_is_compared_at_the_cost_of_the_expected_one() -> None:
    value: Any = [1]
    for _ in range(200):
        value = [value, value]
    assert not same_value(value, [[1, 2], [3, 4]])
    assert not same_value({"a": value}, {"a": 1})
