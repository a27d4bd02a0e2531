"""Durations in several units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math


@given(st.integers(1, 23), st.integers(1, 59), st.integers(1, 59))
def test_a_duration_is_its_number_of_minutes_in_any_units(hours: int, minutes: int, more: int) -> None:
    gold = rf"{hours}\text{{ hours }}{minutes}\text{{ minutes}}"
    total = 60 * hours + minutes
    answers = [rf"{hours}\text{{ h }}{minutes}\text{{ min}}", rf"{total}\text{{ minutes}}"]
    wrong = [
        rf"{total + more}\text{{ minutes}}",
        rf"{total}\text{{ hours}}",
        rf"{minutes}\text{{ h }}{total}\text{{ s}}",
    ]
    found = [math.verify(gold, rf"\boxed{{{answer}}}").reward for answer in (*answers, *wrong)]
    assert found == [1, 1, 0, 0, 0]


@pytest.mark.parametrize("answer", ["2.3 hours", "150", "2 h 30 s", "30 min 2 h 30 min"])
def test_other_durations_do_not_count(answer: str) -> None:
    assert math.verify(r"2\text{ h }30\text{ min}", rf"\boxed{{{answer}}}").reward == 0
