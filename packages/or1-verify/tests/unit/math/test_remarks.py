"""Remarks beside an answer: left out where they say nothing else, and compared where they say a value."""

# ruff: noqa: E501 - answers in one line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        (r"\frac14", r"\frac14\text{ (positive value)}", r"\frac14\text{ (extraneous)}"),
        (r"\frac14", r"\frac14\text{ (the positive value)}", r"\frac14\text{ (or its negative)}"),
        ("270", r"270\text{ seconds (4.5 minutes)}", r"270\text{ seconds (5 minutes)}"),
        ("270", r"270\text{ (as required)}", r"270\text{ (minutes)} + 1"),
        ("q = 3", r"q=3\ (\text{and } p=\tfrac32)", r"q=3\ (\text{and } q=\tfrac32)"),
        ("0", r"0\text{ (no real solutions)}", r"1\text{ (no real solutions)}"),
        (r"132^\circ", r"132^{\circ}\text{ (and so is }\angle E)", r"132^{\circ}\text{ (or }48^\circ)"),
        ("7", r"7\text{ values of }k", r"7k\text{ values of }k"),
        ("29", r"29\text{ ordered pairs }(a,b)", "29(a,b)"),
        ("30", r"30\text{ two-digit integers}", r"30\text{ two}"),
        ("1,1,-2", r"1\text{ (multiplicity 2)},\ -2", r"1\text{ (multiplicity 3)},\ -2"),
        ("4,4", r"4\text{ (multiplicity 2)}", r"4\text{ (multiplicity 3)}"),
        ("0,3a", r"0\text{ (double root) and }3a", r"0\text{ (double root)}"),
        (r"\frac54", r"\frac{5}{4}\text{ or }1.25", r"\frac{5}{4}\text{ or }1.5"),
        ("5", r"5\text{ or }5.0", r"4\text{ or }5"),
        ("-37_8", "\N{MINUS SIGN}37₈", "\N{MINUS SIGN}37₉"),
        ("10001_2", "10001_2=17_{10}", "10001_2=16_{10}"),
        ("3^x-2^x", r"x\mapsto 3^x-2^x", r"x\mapsto 2^x-3^x"),
        (r"(27,\infty)", r"\text{all real numbers greater than }27", r"\text{all real numbers less than }27"),
        (r"(-\infty,5]", r"\text{real numbers less than or equal to }5", r"\text{real numbers less than }5"),
        (r"(-\infty, 0]", r"\text{all nonpositive real numbers}", r"\text{all negative real numbers}"),
        (r"\text{neither}", r"\text{neither even nor odd}", r"\text{both even and odd}"),
        (r"\text{empty}", r"\varnothing", r"\{0\}"),
        (r"\begin{pmatrix} 1 \\ 2 \\ 0 \end{pmatrix}", r"\hat{\imath}+2\hat{\jmath}", r"\hat{\jmath}+2\hat{\imath}"),
        ("2", r"2\text{ (since }x>0)", r"2\text{ (since }x>0)+1"),
        ("2", r"x = 2, \text{ since } x > 0", r"x = 3, \text{ since } x = 2"),
        ("2", r"2\text{ (as }-3\text{ is extraneous)}", r"2\text{ (as }2\text{ is extraneous)}"),
        ("2", r"x=2\ (x=-3\text{ is extraneous})", r"x=2\ (x=2\text{ is extraneous})"),
        ("2", r"2\text{ (rejecting }-3)", r"-3\text{ (rejecting }2)"),
        ("3", r"3\text{ (double root)}", r"3\text{ (twice)}"),
        (r"\sqrt2", r"\sqrt2\text{ (}-\sqrt2\text{ is extraneous)}", r"\sqrt2\text{ (}\sqrt{2}\text{ is extraneous)}"),
        (r"\text{odd}", r"\text{odd}", r"\text{even}\text{ or approximately }\text{odd}"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ \frac42 \end{pmatrix} = \begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix} = \begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"\text{odd}", r"\text{parity} = \text{odd}", r"\text{even} = \text{odd}"),
        (r"\$3.50", r"\$3.50", r"\$4.50\text{ at }x=\$3.50"),
        ("3", r"3\text{ (rejecting }-3)", r"3\text{ (rejecting }3)"),
        ("3", r"x=3\text{ (}x=-3\text{ is invalid)}", r"x=3\text{ (}x=3\text{ is invalid)}"),
        (r"\frac12", r"0.5\ (50\%)", r"0.5\ (40\%)"),
        (r"\frac23", r"\frac{2}{3} \text{ or approximately } 0.667", r"\frac{1}{3} \text{ or approximately } 0.667"),
        (r"\frac23", r"\frac{2}{3}\text{ (about }66.7\%)", r"\frac{1}{3}\text{ (about }66.7\%)"),
        ("(3,4)", r"(3, 4)\text{ and no others}", r"(3, 4)\text{ and }(4,3)"),
        ("109", r"\frac{105}{4},\text{ so } m+n = 109", r"109,\text{ so } m+n = 110"),
        ("422_8", "327_8 + 73_8 = 422_8", "327_8 + 74_8 = 422_8"),
        ("28_9", "N = 26_{10} = 28_9", "N = 27_{10} = 28_9"),
        ("10200_3", r"\text{The sum is } 10200_3", r"\text{The sum is } 10201_3"),
        ("(-2,3)", r"\left(\frac{0-4}{2},\frac{7-1}{2}\right)=(-2,3)", r"\left(\frac{0-4}{2},\frac{7+1}{2}\right)=(-2,3)"),
        ("(-4,1)", r"\text{center at } (-4,1)", r"\text{center at } (4,-1)"),
        (r"(-\infty,0]", r"\{y : y \leq 0\} = (-\infty, 0]", r"\{y : y < 0\} = (-\infty, 0]"),
        ("[-77,77]", r"[-7\cdot 11, 7\cdot 11] = [-77,77]", r"[-7\cdot 12, 7\cdot 12] = [-77,77]"),
        (r"\begin{pmatrix} 2 & 0 \\ 0 & 2 \end{pmatrix}", r"2I = \begin{pmatrix} 2 & 0 \\ 0 & 2 \end{pmatrix}", r"y = 3I"),
        (r"\begin{pmatrix} 2 & 3 \end{pmatrix}", r"\begin{pmatrix} 2 & 3 \end{pmatrix} \quad (a=2, b=3)", r"\begin{pmatrix} 3 & 2 \end{pmatrix} \quad (a=2, b=3)"),
        ("x=1", "x=1", "y=1"),
        (r"\frac{\pi}{4}", r"x = \frac\pi4 \text{ is the only solution}", r"x = \frac\pi4 \text{ is no solution}"),
        (r"\text{M}", r"\text{the letter M}", r"\text{the letter N}"),
        (r"\text{May}", r"\text{the month of May}", r"\text{the month of March}"),
        (r"\text{Sunday}", r"\text{It will be a Sunday}", r"\text{It will not be a Sunday}"),
        (r"\text{odd}", r"f(f(x)) \text{ is odd}", r"f(f(x)) \text{ is not odd}"),
        (r"9\text{ a.m.}", r"\text{9:00 in the morning}", r"\text{9:00 in the evening}"),
        (r"9\text{ a.m.}", r"\text{9:00 a.m.}", r"\text{9:30 a.m.}"),
        ("(0,4)", r"(0, \tfrac{20}{5}) = (0,4)", r"(0, \tfrac{20}{4}) = (0,4)"),
        (r"9\text{ a.m.}", r"9\!:\!00 \text{ a.m.}", r"9\!:\!00 \text{ p.m.}"),
        (r"9\text{ a.m.}", r"\text{9 AM (Denver time)}", r"\text{9 PM (Denver time)}"),
        (r"8:34\text{ p.m.}", r"\text{20:34 (that is, 8:34 p.m.)}", r"\text{20:34 (that is, 8:34 a.m.)}"),
        (r"135^\circ", r"\text{Each angle measures } 135^\circ", r"\text{Each angle measures } 136^\circ"),
        ("2100", r"\text{the year }2100", r"\text{the year }2101"),
    ],
)  # fmt: skip
def test_a_remark_is_no_part_of_the_value(gold: str, right: str, wrong: str) -> None:
    assert is_right(gold, right)
    assert not is_right(gold, wrong)


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("2", r"2\text{ at }x=1", r"2\text{ at }x=1,\ 5\text{ at }x=3"),
        ("2", r"2\text{ (at }x=1)", r"1\text{ (at }x=2)"),
        ("2", r"2,\text{ attained at }x=1", r"1,\text{ attained at }x=2"),
        ("2", r"2\text{ meters at }t=1", r"2\text{ meters at }t=1\text{ and }t=2"),
        ("2", r"2\text{ when }(x,y)=(1,2)", r"1\text{ when }(x,y)=(1,2)"),
    ],
)
def test_an_extremum_may_have_its_place(gold: str, right: str, wrong: str) -> None:
    assert is_right(gold, right, "Find the minimum height.")
    assert not is_right(gold, wrong, "Find the minimum height.")
    assert not is_right(gold, right, "Find the height.")


def test_a_number_may_stand_before_the_things() -> None:
    assert is_right("4", r"4\text{ divisors: } \pm 1, \pm 7", "How many divisors are there?")
    assert not is_right("4", r"5\text{ divisors: } \pm 1, \pm 7", "How many divisors are there?")


@pytest.mark.parametrize(
    ("question", "gold", "right", "wrong"),
    [
        ("Compute $AD$.", "26", "AD=26", "AD^2 = 26"),
        ("Find the complex number $z$.", "-5+4i", "z=-5+4i", r"\bar z = -5+4i"),
    ],
)
def test_a_name_made_of_the_one_asked_for_is_another(
    question: str, gold: str, right: str, wrong: str
) -> None:
    assert is_right(gold, right, question)
    assert not is_right(gold, wrong, question)


@given(value=st.integers(-99, 99), other=st.integers(-99, 99))
def test_two_values_are_one_answer_only_if_they_are_equal(value: int, other: int) -> None:
    for joint in ("or", "i.e.", "or equivalently"):
        answer = rf"{value}\text{{ {joint} }}{other}"
        assert is_right(str(value), answer) is (value == other)
        assert is_right(str(other), answer) is (value == other)


@given(value=st.integers(1, 99), other=st.integers(2, 99))
def test_a_note_with_another_value_is_not_left_out(value: int, other: int) -> None:
    if value != other:
        for note in (f"or {other}", f"{other}", f"not {other}", rf"\text{{or }}x={other}"):
            assert not is_right(str(value), rf"{value}\text{{ ({note})}}")
            assert not is_right(f"x={value}", rf"x={value}\ (\text{{and }}x={other})")
            for joint in ("since", "rejecting", ", i.e., ", "at", "things:"):
                assert not is_right(f"x={other}", rf"x={value}\text{{ {joint} }}x={other}")
