"""Elements of lists, tuples and sets are matched by order or by name."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right
from or1_verify.latex.elements import Elements, elements_of, same_elements
from or1_verify.latex.forms import Many, Named, Order, Words

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
    assert elements_of(repeated) == elements_of(only_first) == elements(Order.LIST, A, B)
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
