"""Expression trees: their parts, variables, and replacements."""

from __future__ import annotations

import pytest

from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import tokenize
from or1_verify.latex.tree import Node, Number, Product, Symbol, negated, replaced, variables, walk


def node(text: str) -> Node:
    return parse(tokenize(text))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x + y", {"x", "y"}),
        (r"\pi + e + i", set()),  # constants
        (r"\sum_{k=1}^{n} k x", {"n", "x"}),  # the index is bound
        (r"\begin{pmatrix} a & 1 \end{pmatrix}", {"a"}),
        (r"\frac{\sin a}{b^c}", {"a", "b", "c"}),
    ],
)
def test_free_variables(text: str, names: set[str]) -> None:
    assert variables(node(text)) == names


def test_a_replacement_reaches_every_kind_of_node() -> None:
    text = r"\frac{\sin @}{@^@} + 2@ + \sum_{k=@}^{9} @ + \begin{pmatrix} @ \end{pmatrix}"
    before, after = (node(text.replace("@", name)) for name in ("x", "y"))
    assert replaced(before, Symbol("x"), Symbol("y")) == after


def test_negation_keeps_a_number_a_number() -> None:
    assert negated(node("1.5")) == Number(-node("1.5").value, is_decimal=True)  # type: ignore[union-attr]
    assert negated(Symbol("x")) == Product((negated(node("1")), Symbol("x")))


def test_a_walk_meets_each_node_once() -> None:
    assert len(list(walk(node(r"\frac{x}{y} + 1")))) == 5
