"""Amounts in several units: durations, lengths, weights, money."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math

_GOLD = r"2\text{ hours }30\text{ minutes}"
_LIST = r"3\text{ hours}, 20\text{ minutes}"


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


@pytest.mark.parametrize(
    ("gold", "correct", "incorrect"),
    [
        (_GOLD, r"2\frac12\text{ hours}", r"2\frac13\text{ hours}"),
        (_GOLD, r"\frac52\text{ hours}", r"\frac72\text{ hours}"),
        (_GOLD, r"\dfrac{5}{2}\text{ hours}", r"\dfrac{5}{2}\text{ minutes}"),
        (_GOLD, r"2\text{ Hours }30\text{ Minutes}", r"2\text{ Hours }31\text{ Minutes}"),
        (_GOLD, r"t=2\text{ hours }30\text{ minutes}", r"t=30\text{ minutes}"),
        (_GOLD, r"\approx 2\text{ hours }30\text{ minutes}", r"\approx 2\text{ hours}"),
        (_GOLD, r"\text{about }2\text{ hours }30\text{ minutes}", r"\text{about }2.3\text{ hours}"),
        (_LIST, r"20\text{ minutes}, 3\text{ hours}", r"21\text{ minutes}, 3\text{ hours}"),
        (_LIST, r"200\text{ minutes}", r"20\text{ minutes}"),
        (r"5\text{ feet }7\text{ inches}", r"67\text{ inches}", r"7\text{ feet }5\text{ inches}"),
        (r"5\text{ feet }7\text{ inches}", "5 ft. 7 in.", "5.7 ft"),
        (r"67\text{ inches}", r"5\text{ ft and }7\text{ in}", r"5\text{ ft }6\text{ in}"),
        (r"2\text{ kg }50\text{ g}", r"2050\text{ g}", r"250\text{ g}"),
        (r"2\text{ pounds }4\text{ ounces}", r"2\frac14\text{ pounds}", r"2\text{ kg }4\text{ g}"),
        (r"3\text{ dollars and }5\text{ cents}", r"3.05\text{ dollars}", r"3.5\text{ dollars}"),
        (r"1\text{ m }20\text{ cm}", r"120\text{ cm}", r"1\text{ min }20\text{ s}"),
        (r"1\text{ h }20\text{ m}", r"80\text{ min}", r"80\text{ m}"),
    ],
)
def test_durations_have_several_notations(gold: str, correct: str, incorrect: str) -> None:
    found = [math.verify(gold, rf"\boxed{{{answer}}}").reward for answer in (gold, correct, incorrect)]
    assert found == [1, 1, 0]


@pytest.mark.parametrize("answer", ["2.3 hours", "150", "2 h 30 s", "30 min 2 h 30 min"])
def test_other_durations_do_not_count(answer: str) -> None:
    assert math.verify(r"2\text{ h }30\text{ min}", rf"\boxed{{{answer}}}").reward == 0
