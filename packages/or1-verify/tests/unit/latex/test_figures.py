"""Names of points have an order; statements about figures may be turned and swapped, and not reordered."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify import math

POINTS = st.lists(st.sampled_from("ABDEFGHMNOPQRSTUVWXYZ"), min_size=4, max_size=6, unique=True)


def is_paid(gold: str, answer: str) -> bool:
    return math.verify(gold, rf"\boxed{{{answer}}}").reward == 1.0


@settings(max_examples=30)
@given(POINTS, st.sampled_from([r"\angle %s", r"2\angle %s", r"\angle %s=40^\circ", r"180^\circ-\angle %s"]))
def test_an_angle_has_its_vertex_in_the_middle(points: list[str], form: str) -> None:
    a, b, c, other = points[:4]
    for order in permutations((a, b, c)):
        assert is_paid(form % f"{a}{b}{c}", form % "".join(order)) == (order[1] == b)
    assert not is_paid(form % f"{a}{b}{c}", form % f"{a}{b}{other}")


@settings(max_examples=30)
@given(POINTS)
def test_a_triangle_alone_is_a_set_of_points_and_a_vector_has_a_direction(points: list[str]) -> None:
    a, b, c, other = points[:4]
    assert all(
        is_paid(rf"\triangle {a}{b}{c}", rf"\triangle {''.join(order)}") for order in permutations((a, b, c))
    )
    assert not is_paid(rf"\triangle {a}{b}{c}", rf"\triangle {a}{b}{other}")
    assert is_paid(rf"\overrightarrow{{{a}{b}}}", rf"\vec{{{a}{b}}}")
    assert not is_paid(rf"\overrightarrow{{{a}{b}}}", rf"\overrightarrow{{{b}{a}}}")
    assert not is_paid(rf"\overrightarrow{{{a}{b}}}=(1,2)", rf"\overrightarrow{{{b}{a}}}=(1,2)")
    assert is_paid(rf"\overline{{{a}{b}}}", rf"\overline{{{b}{a}}}")
    assert not is_paid(rf"\overline{{{a}{b}}}", rf"\overline{{{a}{c}}}")


@settings(max_examples=30)
@given(POINTS, st.permutations(range(3)), st.permutations(range(3)), st.sampled_from([r"\sim", r"\cong"]))
def test_triangles_correspond_point_by_point(
    points: list[str], left: list[int], right: list[int], sign: str
) -> None:
    first, second = "".join(points[:3]), "".join(points[1:4])
    gold = rf"\triangle {first} {sign} \triangle {second}"
    turned = ["".join(name[place] for place in order) for name, order in ((first, left), (second, right))]
    for one, other in (turned, turned[::-1]):
        assert is_paid(gold, rf"\triangle {one} {sign} \triangle {other}") == (left == right)


@settings(max_examples=30)
@given(POINTS, st.sampled_from([r"\parallel", r"\perp", r"\cong"]))
def test_segments_may_be_turned_and_swapped(points: list[str], sign: str) -> None:
    a, b, c, d = points[:4]
    gold = rf"{a}{b} {sign} {c}{d}"
    assert all(is_paid(gold, rf"{one} {sign} {other}") for one, other in ((b + a, c + d), (d + c, a + b)))
    assert not is_paid(gold, rf"{a}{c} {sign} {b}{d}")
    assert not is_paid(gold, rf"{a}{d} {sign} {b}{c}")


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        (r"ABCD \sim EFGH", r"BCDA \sim FGHE", True),
        (r"ABCD \sim EFGH", r"DCBA \sim HGFE", True),
        (r"ABCD \sim EFGH", r"ACBD \sim EGFH", False),  # another quadrilateral
        (r"AB \parallel CD", r"AB \perp CD", False),
        (r"l \parallel m", r"m \parallel l", True),
        (r"l \parallel m", r"l \parallel n", False),
        (r"\angle ABC \cong \angle DEF", r"\angle FED \cong \angle ABC", True),
        (r"\angle ABC \cong \angle DEF", r"\angle ACB \cong \angle DFE", False),
        (r"2\angle A+\angle B", r"\angle B+2\angle A", True),
        (r"2\angle A+\angle B", r"2\angle B+\angle A", False),
    ],
)
def test_statements(gold: str, answer: str, paid: bool) -> None:
    assert is_paid(gold, answer) is paid


@settings(max_examples=30)
@given(st.permutations("fghpq"), st.integers(2, 4))
def test_composition_has_an_order_and_needs_no_brackets(letters: list[str], num: int) -> None:
    names = letters[:num]
    gold = r" \circ ".join(names)
    assert is_paid(gold, r"\circ ".join([rf"({names[0]}\circ {names[1]})", *names[2:]]))
    for order in permutations(names):
        assert is_paid(gold, r"\circ ".join(order)) == (list(order) == names)
