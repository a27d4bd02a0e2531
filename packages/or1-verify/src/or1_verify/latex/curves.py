"""Equations of one curve, with and without fractions: `xy = 6` and `y = 6/x`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from or1_verify.latex.constants import OF_INTEGRATION
from or1_verify.latex.exact import NotExactError, UndefinedError, exact
from or1_verify.latex.identity import Identity
from or1_verify.latex.tree import Node, Number, Power, Product, Quotient, Sum, Symbol, replaced, variables

_ONE, _ZERO = Number(Fraction(1)), Number(Fraction(0))
_MOST_OF_CURVE = 3
"""Most variables of a curve or surface; an equation of more is a formula of quantities, none of them zero."""
_COORDINATES = frozenset("rstuvwxyz")
"""Names of coordinates; three variables without any of them make a formula."""
Cleared = tuple[Node, tuple[Node, ...]]
"""A numerator, and the factors of its denominator that have variables."""


def same_curve(
    gold: Node, answer: Node, identity: Identity, proportional: Callable[[Node, Node], bool]
) -> bool:
    """Whether both expressions are zero at the same points, shown by clearing their fractions.

    The numerators have to be `proportional`, and nowhere zero where a denominator is: `y = x^2/x` lacks the
    points with x = 0 of `xy = x^2`. The quantities of a
    formula (`PV = nRT`) are not zero. False if a factor of a denominator is not linear in one variable.
    """
    (gold_above, gold_below), (answer_above, answer_below) = _cleared(gold), _cleared(answer)
    if not gold_below and not answer_below:
        return False
    names = variables(gold)
    is_formula = len(names) > _MOST_OF_CURVE or (len(names) == _MOST_OF_CURVE and not names & _COORDINATES)
    return proportional(gold_above, answer_above) and all(
        is_formula or _is_nonzero_at(gold_above, factor, identity) for factor in (*gold_below, *answer_below)
    )


def _cleared(node: Node) -> Cleared:
    match node:
        case Sum(terms):
            parts = [_cleared(term) for term in terms]
            below: tuple[Node, ...] = ()
            for _, each in parts:
                below += _without(each, below)
            above = Sum(tuple(Product((part, *_without(below, factors))) for part, factors in parts))
            return above, below
        case Product(factors):
            parts = [_cleared(factor) for factor in factors]
            product = Product(tuple(part for part, _ in parts))
            return product, tuple(each for _, part in parts for each in part)
        case Quotient(dividend, divisor):
            (over, over_below), (under, under_below) = _cleared(dividend), _cleared(divisor)
            scales = tuple(Quotient(_ONE, factor) for factor in _factors(under) if not variables(factor))
            below = tuple(factor for factor in _factors(under) if variables(factor))
            return Product((over, *under_below, *scales)), (*over_below, *below)
        case Power(base, Number(exponent)) if -exponent in range(1, 10):
            return _cleared(Quotient(_ONE, Power(base, Number(-exponent))))
    return node, ()


def _factors(node: Node) -> tuple[Node, ...]:
    """The factors of a product; a whole power is one factor repeated."""
    match node:
        case Product(factors):
            return tuple(each for factor in factors for each in _factors(factor))
        case Power(base, Number(exponent)) if exponent in range(1, 10):
            return _factors(base) * int(exponent)
    return (node,)


def _without(factors: tuple[Node, ...], others: tuple[Node, ...]) -> tuple[Node, ...]:
    """The factors that remain when each of the others has cancelled one."""
    left = list(factors)
    for other in others:
        if other in left:
            left.remove(other)
    return tuple(left)


def _is_nonzero_at(node: Node, factor: Node, identity: Identity) -> bool:
    """Whether the node is a constant other than zero where the factor is zero."""
    names = variables(factor)
    root = _root(factor, *names) if len(names) == 1 else None
    if root is None:
        return False
    there = replaced(node, Symbol(*names), Number(root))
    moved = there
    for name in variables(there):
        if not OF_INTEGRATION.fullmatch(name):  # `xy = C` is `y = C/x`, as C is not zero
            moved = replaced(moved, Symbol(name), Symbol(f"{name}'"))
    return identity.equal(there, moved) and not identity.equal(there, _ZERO)


def _root(factor: Node, name: str) -> Fraction | None:
    """The zero of a linear function of one variable; None for other functions."""
    try:
        first, second, third = (exact(factor, {name: Fraction(point)}) for point in (2, 3, 5))
    except (NotExactError, UndefinedError):
        return None
    slope = second - first
    return 2 - first / slope if slope and third - first == 3 * slope else None
