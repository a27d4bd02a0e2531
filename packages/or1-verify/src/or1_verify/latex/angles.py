r"""Degrees inside an expression: `270^\circ - \beta`, `\frac{720^\circ}{11}`, `12^\circ 30'`."""

from __future__ import annotations

from fractions import Fraction

from or1_verify.latex.tree import DEGREE, Call, E, Node, Number, Power, Product, Quotient, mapped, walk

_MINUTES, _SECONDS = 60, 3600


def arc(number: Node, are_seconds: bool) -> Node:
    """Minutes or seconds of arc."""
    return Product((number, Quotient(DEGREE, Number(Fraction(_SECONDS if are_seconds else _MINUTES)))))


def is_arc(node: Node) -> bool:
    match node:
        case Product((Number(), Quotient(degree, Number()))):
            return degree == DEGREE
    return False


def in_degrees(node: Node) -> Node:
    r"""The number of degrees: degree signs are 1, except in the arguments of functions."""
    match node:
        case Call(name) if name != "abs":
            return node
        case Power(base) if base == E:
            return node
        case Product(factors) if DEGREE in factors:
            rest = tuple(in_degrees(factor) for factor in factors if factor != DEGREE)
            return rest[0] if len(rest) == 1 else Product(rest)
    if node == DEGREE:
        return Number(Fraction(1))
    return mapped(node, in_degrees) if any(part == DEGREE for part in walk(node)) else node
