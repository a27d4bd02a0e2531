"""Elements of lists, tuples and sets are matched by order or by name."""

from __future__ import annotations

import operator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right
from or1_verify.latex.elements import Elements, elements_of, same_elements
from or1_verify.latex.forms import Form, Many, Named, Order, Value, Words
from or1_verify.latex.tree import Number

A, B, C = Words("a"), Words("b"), Words("c")


def elements(order: Order, *items: Words, names: tuple[str, ...] = ()) -> Elements:
    return Elements(order, items, names)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (elements(Order.LIST, A, B), elements(Order.LIST, B, A), True),
        (elements(Order.LIST, A, A, B), elements(Order.LIST, A, B, B), False),
        (elements(Order.LIST, A, B), elements(Order.LIST, A, A), False),
        (elements(Order.LIST, A, B), elements(Order.LIST, A, B, A), False),  # an element counts once
        (elements(Order.LIST, A, B), elements(Order.LIST, A, B, C), False),
        (elements(Order.LIST, A), elements(Order.LIST, A, A), False),  # two values, not one
        (elements(Order.LIST, A, A), elements(Order.LIST, A), False),
        (elements(Order.LIST, A, A), elements(Order.LIST, A, A, A), False),
        (elements(Order.LIST, A, A), elements(Order.SET, A), False),
        (elements(Order.LIST, A, A), elements(Order.SET, A, A), True),
        (elements(Order.LIST, A), elements(Order.SET, A, A), True),
        (elements(Order.SET, A), elements(Order.LIST, A, A), True),
        (elements(Order.TUPLE, A, B), elements(Order.LIST, B, A), False),
        (elements(Order.TUPLE, A, B), elements(Order.LIST, A, B), True),
        (elements(Order.TUPLE, A, B), elements(Order.SET, A, B), False),
        (elements(Order.SET, A, B), elements(Order.LIST, B, A, A), True),
        (elements(Order.SET, A, B), elements(Order.TUPLE, A, B), False),  # two in parentheses: an interval
    ],
)
def test_order_and_repetition(gold: Elements, answer: Elements, same: bool) -> None:
    assert same_elements(gold, answer, operator.eq) is same


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (elements(Order.LIST, B, A, names=("y", "x")), True),
        (elements(Order.LIST, B, A, names=("x", "y")), False),
        (elements(Order.LIST, A, B, names=("x", "z")), False),
        (elements(Order.LIST, A, B), True),
        (elements(Order.LIST, B, A), False),  # without names, in the order of the gold
        (elements(Order.SET, A, B), False),
    ],
)
def test_names(answer: Elements, same: bool) -> None:
    gold = elements(Order.LIST, A, B, names=("x", "y"))
    assert same_elements(gold, answer, operator.eq) is same


def test_names_without_information_are_dropped() -> None:
    repeated = Many(Order.LIST, (Named("x", A), Named("x", B)))
    only_first = Many(Order.LIST, (Named("x", A), B))
    distinct = Many(Order.LIST, (Named("x", A), Named("y", B)))
    assert elements_of(repeated) == elements_of(only_first) == Elements(Order.LIST, (A, B), one_name="x")
    assert elements_of(distinct) == elements(Order.LIST, A, B, names=("x", "y"))


def test_a_named_tuple_names_its_items() -> None:
    named = Named("(x,y)", Many(Order.TUPLE, (A, B)))
    assert elements_of(named) == elements(Order.TUPLE, A, B, names=("x", "y"))
    assert elements_of(A) == elements(Order.LIST, A), "any other form is one element"


SETS = st.recursive(st.just(r"\{\}"), lambda inner: st.lists(inner, max_size=3).map(
    lambda members: rf"\{{{','.join(dict.fromkeys(members))}\}}"), max_leaves=5)  # fmt: skip


@settings(max_examples=60)
@given(SETS)
def test_a_set_is_no_set_of_itself(text: str) -> None:
    assert is_right(text, text.replace(r"\{\}", r"\emptyset"))
    assert not is_right(text, rf"\{{{text}\}}")
    assert not is_right(rf"\{{{text}\}}", text)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"\{1,2,\ldots,10\}", r"\{1,2,3,4,5,6,7,8,9,10\}", True),
        (r"\{1,2,3,4,5,6,7,8,9,10\}", r"\{1,2,\ldots,10\}", True),
        (r"1,\ldots,5", r"1,2,\dots,5", True),
        (r"5,4,\ldots,1", "1,2,3,4,5", True),
        (r"2,4,\ldots,10", "2,4,6,8,10", True),
        (r"2,4,\ldots,10", "2,3,4,5,6,7,8,9,10", False),
        (r"\{1,2,\ldots,10\}", r"\{1,2,3,4,5,6,7,8,9\}", False),
        (r"\{1,2,4,\ldots,16\}", r"\{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\}", False),
        (r"\{1,2,4,\ldots,16\}", r"\{1,2,4,8,16\}", True),
        (r"\{3,9,27,\ldots,729\}", r"\{3,9,27,81,\ldots,729\}", True),
        (r"\{3,9,27,\ldots,729\}", r"\{3,9,27,81,729\}", False),
        (r"0,1,\ldots,n-1", r"0,1,2,\ldots,n-1", True),
        (r"0,1,\ldots,n-1", r"0,1,2,\ldots,n", False),
        (r"0,1,\ldots,n-1", r"1,2,\ldots,n-1", False),
        (r"1,2,3,\ldots", r"1,2,\dots", True),
        (r"1,2,3,\ldots", r"1,3,\ldots", False),
        (r"1,2,3,\ldots", r"0,1,2,\ldots", False),
        (r"1,2,\ldots,1000", r"1,2,3,\ldots,1000", True),
        (r"1,2,\ldots,1000", r"1,2,3,\ldots,999", False),
        (r"1,3,\ldots,10", "1,3,5,7,9,10", False),  # no step of 2 ends at 10
    ],
)
def test_dots_stand_for_the_numbers_that_they_leave_out(gold: str, answer: str, same: bool) -> None:
    assert is_right(gold, answer) is same


@given(st.integers(-30, 30), st.integers(1, 9), st.integers(3, 40), st.integers(-1, 1))
def test_dots_between_any_two_numbers_of_a_progression(first: int, step: int, num: int, more: int) -> None:
    numbers = [first + step * n for n in range(num + more)]
    gold = rf"{first}, {first + step}, \ldots, {first + step * (num - 1)}"
    assert is_right(gold, ", ".join(map(str, numbers))) is (more == 0)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        ("(1,2),(2,1)", r"x=1,y=2 \text{ or } x=2,y=1", True),
        ("(1,2),(2,1)", "x=2,y=1; x=1,y=2", True),
        ("(x,y)=(1,2),(2,1)", r"y=2,x=1 \text{ and } x=2,y=1", True),
        ("(1,2),(3,1)", "x=1,y=2; x=1,y=3", False),
        ("(1,2),(2,1)", "x=1,y=2", False),
        ("(1,2),(2,1)", "x=1,y=2; x=2", False),
        (r"x=1 \text{ and } y=2", r"x=1 \text{ or } y=2", False),
        ("x=2,y=-3", "2,-3", True),
        ("x=2,y=-3", "x=2,-3", False),  # two values of x
        ("(1,4)", "x=1,4", False),
        ("1,4", "x=1,4", True),
        ("x_1=1,x_2=4", "x=1,4", True),
    ],
)
def test_solutions_by_name_are_tuples(gold: str, answer: str, same: bool) -> None:
    assert is_right(gold, answer) is same


@pytest.mark.parametrize("order", [Order.LIST, Order.SET])
def test_whole_numbers_are_matched_without_comparing_each_with_each(order: Order) -> None:
    """Dots may stand for a hundred of them."""
    numbers = tuple(Value(Number(Fraction(n))) for n in range(100))

    def same(one: Form, other: Form) -> bool:
        raise AssertionError("two whole numbers are compared")

    gold, answer = Elements(order, numbers), Elements(order, numbers[::-1])
    assert same_elements(gold, answer, same)
    assert same_elements(gold, Elements(order, (*numbers, numbers[5])), same) is (order is Order.SET)
    assert not same_elements(gold, Elements(order, numbers[1:]), same)
