"""Notations that stand for an expression of simpler ones."""

from __future__ import annotations

from fractions import Fraction

from or1_verify.latex.tree import Call, Node, Number, Product, Quotient, Sum, negated


def repeating(start: str, period: str) -> Node:
    """The decimal `start` with `period` repeated after it without end."""
    places = len(start.partition(".")[2])
    return Number(Fraction(start) + Fraction(int(period), (10 ** len(period) - 1) * 10**places))


def times(left: Node, right: Node) -> Node:
    if isinstance(left, Product):
        return Product((*left.factors, right))
    return Product((left, right))


def nearest(node: Node) -> Node:
    r"""The nearest whole number, halves up: `\lfloor x\rceil`, `\operatorname{round}(x)`."""
    return Call("floor", (Sum((node, Number(Fraction(1, 2)))),))


def fractional_part(node: Node) -> Node:
    r"""`\{x\}`, `\operatorname{frac}(x)`."""
    return Sum((node, negated(Call("floor", (node,)))))


def remainder(dividend: Node, divisor: Node) -> Node:
    r"""`n \bmod 3`: the remainder of the rounded-down quotient."""
    rounded = Call("floor", (Quotient(dividend, divisor),))
    return Sum((dividend, negated(Product((divisor, rounded)))))


def composition(outer: Node, inner: Node) -> Node:
    r"""`f \circ g`: a function of both in their order; `(f \circ g) \circ h` is `f \circ (g \circ h)`."""
    parts = [
        each.arguments if isinstance(each, Call) and each.name == "composition_" else (each,)
        for each in (outer, inner)
    ]
    return Call("composition_", (*parts[0], *parts[1]))


def is_whole(node: Node) -> bool:
    return isinstance(node, Number) and not node.is_decimal


def is_proper(node: Node) -> bool:
    """Whether a node is a fraction of whole numbers below one, as in a mixed number."""
    match node:
        case Quotient(Number(above, False), Number(below, False)):
            return 0 < above < below
    return False
