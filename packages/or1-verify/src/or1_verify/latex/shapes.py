"""The shape of an expression: without order, notation, and zeros and ones that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from or1_verify.latex.tree import ONE, ZERO, Call, Node, Number, Power, Product, Quotient, Sum, mapped, walk

_MINUS_ONE = Number(Fraction(-1))
_MOST_COPIES, _MOST_NODES = 6, 64
"""Largest power that is the same as a product written out [dimensionless], and largest such product
[nodes]."""


def shape_of(node: Node) -> Node:
    """The node without order and notation: quotients and roots as powers, short powers as products."""
    node = mapped(node, shape_of)
    match node:
        case Number(value):
            return Number(value)
        case Quotient(above, below):
            return _product((above, Power(below, _MINUS_ONE)))
        case Call("root", (base, Number(degree))) if degree:
            return _root_of(base, 1 / degree)
        case Power(base, Power(Number(value), Number(power))) if value and power == -1:
            return _root_of(base, 1 / value)
        case Power(base, Number(value)) if value in {0, 1}:
            return base if value else ONE
        case Power(base, Number(value)) if value in range(2, _MOST_COPIES + 1):
            is_small = sum(1 for _ in walk(base)) * value <= _MOST_NODES
            return _product((base,) * int(value)) if is_small else node
        case Product(factors):
            return _product(factors)
        case Sum(terms):
            flat = [each for term in terms for each in (term.terms if isinstance(term, Sum) else (term,))]
            rest = sorted((each for each in flat if each != ZERO), key=repr)
            return rest[0] if len(rest) == 1 else Sum(tuple(rest)) if rest else ZERO
    return node


def _root_of(base: Node, power: Fraction) -> Node:
    """A root of a root is one root, and numbers below it are one number."""
    match base:
        case Power(inner, Number(other)):
            return Power(inner, Number(power * other))
        case Product(factors):
            numbers = [each.value for each in factors if isinstance(each, Number)]
            rest = [each for each in factors if not isinstance(each, Number)]
            return Power(_product((Number(prod(numbers, start=Fraction(1))), *rest)), Number(power))
    return Power(base, Number(power))


def _product(factors: Sequence[Node]) -> Node:
    flat = [each for one in factors for each in (one.factors if isinstance(one, Product) else (one,))]
    is_negative = sum(isinstance(each, Number) and each.value < 0 for each in flat) % 2 == 1
    sizes = [Number(abs(each.value)) if isinstance(each, Number) else each for each in flat]
    rest = sorted((each for each in sizes if each != ONE), key=repr)
    parts = [_MINUS_ONE, *rest] if is_negative else rest
    return parts[0] if len(parts) == 1 else Product(tuple(parts)) if parts else ONE
