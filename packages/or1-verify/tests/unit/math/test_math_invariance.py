"""Verdicts depend on values and not on notation, over random answers."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math

INTEGERS = st.integers(-(10**6), 10**6)
FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=999)


def is_rewarded(gold: str, answer: str) -> bool:
    return math.verify(gold, f"\\boxed{{{answer}}}").reward == 1.0


def written(value: Fraction, factor: int, style: int) -> str:
    above, below = abs(value.numerator) * factor, value.denominator * factor
    sign = "-" if value < 0 else ""
    return (
        sign
        + (f"\\frac{{{above}}}{{{below}}}", f"{above}/{below}", f"\\dfrac {{{above}}} {{{below}}}")[style]
    )


@given(FRACTIONS, FRACTIONS, st.integers(1, 12), st.integers(0, 2), st.integers(0, 2))
def test_fractions_are_equal_as_numbers_however_they_are_written(
    gold_value: Fraction, answer_value: Fraction, factor: int, gold_style: int, style: int
) -> None:
    gold = written(gold_value, 1, gold_style)
    assert is_rewarded(gold, written(gold_value, factor, style))
    assert is_rewarded(gold, written(answer_value, factor, style)) == (gold_value == answer_value)


@given(INTEGERS, INTEGERS, INTEGERS)
def test_expanded_products_are_right_and_their_neighbours_wrong(a: int, b: int, c: int) -> None:
    gold = f"(x + {a})(x + {b})" if min(a, b) >= 0 else f"(x - ({-a}))(x - ({-b}))"
    expanded = f"x^2 + ({a + b})x + ({a * b})"
    assert is_rewarded(gold, expanded)
    assert is_rewarded(gold, f"{expanded} + {abs(c)}") == (c == 0)


@given(st.lists(INTEGERS, min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_order_counts_in_tuples_and_not_in_lists(values: list[int], generator: object) -> None:
    shuffled = list(values)
    generator.shuffle(shuffled)  # type: ignore[attr-defined]
    gold_list, answer_list = ", ".join(map(str, values)), ", ".join(map(str, shuffled))
    assert is_rewarded(gold_list, answer_list)
    assert is_rewarded(f"\\{{{gold_list}\\}}", f"\\{{{answer_list}\\}}")
    assert is_rewarded(f"({gold_list})", f"({answer_list})") == (values == shuffled)
    assert not is_rewarded(gold_list, ", ".join(map(str, values[1:])))


@given(st.integers(2, 400), st.integers(2, 400), st.integers(1, 30))
def test_roots_are_compared_as_numbers(gold_number: int, answer_number: int, factor: int) -> None:
    gold = f"{factor}\\sqrt{{{gold_number}}}"
    assert is_rewarded(gold, f"\\sqrt{{{factor**2 * gold_number}}}")
    assert is_rewarded(gold, f"{factor}\\sqrt{{{answer_number}}}") == (gold_number == answer_number)
    assert not is_rewarded(gold, f"{gold} + 10^{{-300}}")


@given(st.integers(1, 60), st.integers(1, 60))
def test_tiny_values_differ(gold_number: int, answer_number: int) -> None:
    """Rounding to six places would make all of these zero."""
    assert is_rewarded(f"3^{{-{gold_number + 20}}}\\pi", f"\\frac{{\\pi}}{{3^{{{answer_number + 20}}}}}") == (
        gold_number == answer_number
    )


@given(
    st.text(r"\{}[]()^_,;:=<>$%&|!+-*/.0129xyzefi ", max_size=80),
    st.sampled_from(["5", "x+1", "(1,2)", "[0,1]"]),
)
def test_any_text_has_a_verdict(text: str, gold: str) -> None:
    assert math.verify(gold, f"\\boxed{{{text}}}").outcome.value in {"right", "wrong", "no_answer"}
