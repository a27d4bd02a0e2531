"""What must not matter to a verdict, and what must, over drawn answers."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math

INTEGERS = st.integers(-(10**6), 10**6)
FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=999)


def paid(gold: str, answer: str) -> bool:
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
    mine: Fraction, theirs: Fraction, factor: int, gold_style: int, style: int
) -> None:
    gold = written(mine, 1, gold_style)
    assert paid(gold, written(mine, factor, style))
    assert paid(gold, written(theirs, factor, style)) == (mine == theirs)


@given(INTEGERS, INTEGERS, INTEGERS)
def test_expanded_products_are_right_and_their_neighbours_wrong(a: int, b: int, c: int) -> None:
    gold = f"(x + {a})(x + {b})" if min(a, b) >= 0 else f"(x - ({-a}))(x - ({-b}))"
    expanded = f"x^2 + ({a + b})x + ({a * b})"
    assert paid(gold, expanded)
    assert paid(gold, f"{expanded} + {abs(c)}") == (c == 0)


@given(st.lists(INTEGERS, min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_order_counts_in_tuples_and_not_in_lists(values: list[int], generator: object) -> None:
    shuffled = list(values)
    generator.shuffle(shuffled)  # type: ignore[attr-defined]
    mine, theirs = ", ".join(map(str, values)), ", ".join(map(str, shuffled))
    assert paid(mine, theirs)
    assert paid(f"\\{{{mine}\\}}", f"\\{{{theirs}\\}}")
    assert paid(f"({mine})", f"({theirs})") == (values == shuffled)
    assert not paid(mine, ", ".join(map(str, values[1:])))


@given(st.integers(2, 400), st.integers(2, 400), st.integers(1, 30))
def test_roots_are_compared_as_numbers(mine: int, theirs: int, factor: int) -> None:
    gold = f"{factor}\\sqrt{{{mine}}}"
    assert paid(gold, f"\\sqrt{{{factor**2 * mine}}}")
    assert paid(gold, f"{factor}\\sqrt{{{theirs}}}") == (mine == theirs)
    assert not paid(gold, f"{gold} + 10^{{-300}}")


@given(st.integers(1, 60), st.integers(1, 60))
def test_tiny_values_are_told_apart(mine: int, theirs: int) -> None:
    """Rounding to six places would make all of these zero."""
    assert paid(f"3^{{-{mine + 20}}}\\pi", f"\\frac{{\\pi}}{{3^{{{theirs + 20}}}}}") == (mine == theirs)


@given(
    st.text(r"\{}[]()^_,;:=<>$%&|!+-*/.0129xyzefi ", max_size=80),
    st.sampled_from(["5", "x+1", "(1,2)", "[0,1]"]),
)
def test_any_text_has_a_verdict(text: str, gold: str) -> None:
    assert math.verify(gold, f"\\boxed{{{text}}}").outcome.value in {"right", "wrong", "no_answer"}
