r"""Angles, triangles, rays, relations between them: the order of points counts where the object has one."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right

ORDERS = st.sampled_from(["".join(each) for each in permutations("ABC")])
SYMMETRIC, ORDERED = [r"\parallel", r"\perp"], [r"\circ", r"\oplus", r"\star", r"\subset", r"\to", r"\cap"]


@given(ORDERS, ORDERS)
def test_an_angle_has_its_vertex_in_the_middle(gold: str, answer: str) -> None:
    assert is_right(rf"\angle {gold}", rf"\angle {answer}") is (gold[1] == answer[1])
    assert is_right(rf"90^\circ-\angle {gold}", rf"-\angle {answer}+90^\circ") is (gold[1] == answer[1])
    assert is_right(rf"\triangle {gold}", rf"\triangle {answer}")


@given(ORDERS, ORDERS)
def test_similar_triangles_correspond_vertex_by_vertex(left: str, right: str) -> None:
    gold, moved = r"\triangle ABC \sim \triangle DEF", right.translate(str.maketrans("ABC", "DEF"))
    assert is_right(gold, rf"\triangle {left}\sim\triangle {moved}") is (left == right)
    assert is_right(gold, rf"\triangle {moved}\sim\triangle {left}") is (left == right)


@given(st.sampled_from(SYMMETRIC + ORDERED), st.sampled_from([("f", "g"), ("A", "B"), ("AB", "CD")]))
def test_the_sides_of_a_sign_that_is_no_multiplication_have_an_order(
    sign: str, sides: tuple[str, str]
) -> None:
    left, right = sides
    assert is_right(f"{left} {sign} {right}", f"{left}{sign} {right}")
    assert is_right(f"{left} {sign} {right}", f"{right} {sign} {left}") is (sign in SYMMETRIC)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"AB \parallel CD", r"DC \parallel AB", True),
        (r"AB \parallel CD", r"AC \parallel BD", False),
        (r"AB \perp CD", r"AD \perp BC", False),
        (r"AB \cong DE", r"ED \cong BA", True),
        (r"AB \cong DE", r"AD \cong BE", False),
        (r"\ell_1 \perp \ell_2", r"\ell_2 \perp \ell_1", True),
        (r"\ell_1 \perp \ell_2", r"\ell_1 \parallel \ell_2", False),
        (r"\angle ABC \cong \angle DEF", r"\angle FED \cong \angle ABC", True),
        (r"\measuredangle ABC", r"\angle CBA", True),
        (r"\measuredangle ABC \cong \measuredangle DEF", r"\measuredangle FED \cong \angle ABC", True),
        (r"\measuredangle ABC \cong \measuredangle DEF", r"\angle FDE \cong \angle ABC", False),
        (r"\overrightarrow{AB}", r"\overrightarrow{BA}", False),
        (r"2\overrightarrow{AB}+\overrightarrow{CD}", r"\overrightarrow{CD}+2\overrightarrow{AB}", True),
        (r"\angle A_1", r"\angle A_2", False),
        (r"\triangle ABC", r"\triangle ABK", False),
        (r"f \circ g^{-1}", r"f\circ g", False),
        (r"\triangle=b^2-4ac", r"\triangle=-4ac+b^2", True),
        (r"x^\star+1", r"1+x^\star", True),
        ("a=b=c=1", "a=b=1", False),
        ("a=b=c=1", "a=1,b=1,c=1", True),
        ("a=b=c=1", "c=1,b=1,a=2", False),
        ("x=3, y=3", "x=y=3", True),
        ("x=3, y=4", "x=y=3", False),
        ("a=1", "a=b=1", True),
        ("5", "AB=CD=5", True),
        ("a=b=1,c=2", "c=2,a=1,b=1", True),
    ],
)
def test_names_of_several_letters_and_of_one_value(gold: str, answer: str, same: bool) -> None:
    assert is_right(gold, answer) is same


@settings(max_examples=30)
@given(st.lists(st.sampled_from("ABDNOPQRST"), min_size=3, max_size=3, unique=True))
def test_letters_after_the_sign_of_an_object_are_points(points: list[str]) -> None:
    """Also where they spell a word: `\\triangle AND`, `\\angle OR`."""
    a, b, c = points
    assert is_right(rf"\triangle {a}{b}{c}", rf"\triangle {c}{a}{b}")
    assert not is_right(rf"\triangle {a}{b}{c}", rf"\triangle {a}{b}K")
    assert is_right(rf"\overline{{{a}{b}}}", rf"\overline{{{b}{a}}}")
    assert is_right(rf"\overrightarrow{{{a}{b}}}", rf"\vec{{{a}{b}}}")
    assert not is_right(rf"\overrightarrow{{{a}{b}}}=(1,2)", rf"\overrightarrow{{{b}{a}}}=(1,2)")


@settings(max_examples=30)
@given(st.permutations("fghpq"), st.integers(2, 4))
def test_composition_has_an_order_and_needs_no_brackets(letters: list[str], num: int) -> None:
    names = letters[:num]
    gold, turned = r" \circ ".join(names), r"\circ ".join(reversed(names))
    assert is_right(gold, r"\circ ".join([rf"({names[0]}\circ {names[1]})", *names[2:]]))
    assert not is_right(gold, turned)
    assert is_right(rf"({gold})(x)=4x^2", rf"({gold})(x)=(2x)^2")
    assert not is_right(rf"({gold})(x)=4x^2", rf"({turned})(x)=4x^2")
