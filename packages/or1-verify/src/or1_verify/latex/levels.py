r"""Families of curves with one arbitrary constant: `x^2 + 2y^2 = K` and `\frac{x^2}{2} + y^2 = C`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container
from fractions import Fraction

from or1_verify.latex.constants import AS_TERMS, OF_INTEGRATION, VARIABLES
from or1_verify.latex.exact import TooLargeError, UndefinedError
from or1_verify.latex.identity import ExactIdentity, Identity, NeedsNumbersError
from or1_verify.latex.tree import (
    ZERO,
    Call,
    E,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    mapped,
    negated,
    replaced,
    variables,
    walk,
)
from or1_verify.latex.words import INVERSES

_INVERSES = INVERSES | {inverse: name for name, inverse in INVERSES.items()}
_SCALE, _TWO = Number(Fraction(10**5)), Number(Fraction(2))


def same_levels(
    gold: Node,
    answer: Node,
    letters: Container[str] | None,
    identity: Identity,
    proportional: Callable[[Node, Node], bool],
) -> bool:
    r"""Whether two equations are one family of curves: `y = Ce^x` and `\ln|y| = x + C`.

    Each is solved for its constant. The two functions of the coordinates that this gives have the same level
    curves if one of them, or its logarithm, is a number times the other plus a number.

    Args:
        gold: difference of the sides.
        answer: difference of the sides.
        letters: those of the question, which are given and not arbitrary; None if they are not known.
        identity: compares expressions.
        proportional: whether the quotient of two expressions is one constant.
    """
    one, other = _level(_smooth(gold), letters, identity), _level(_smooth(answer), (), identity)
    if one is None or other is None:
        return False
    coordinates = variables(one)
    if coordinates != variables(other) or len(coordinates) != 2 or not coordinates <= VARIABLES:
        return False
    if isinstance(identity, ExactIdentity):
        raise NeedsNumbersError  # it may take long, and the process that decides exactly has no limit
    pairs = ((one, other), (_logarithm(one), other), (one, _logarithm(other)))
    return any(_is_affine(left, right, identity, proportional) for left, right in pairs)


def solved(gold: Node, answer: Node) -> Node | None:
    """The one coordinate of the gold that an expression lacks, minus this one; None if it lacks none."""
    missing = sorted((variables(gold) & VARIABLES) - variables(answer))
    return Sum((Symbol(missing[0]), negated(answer))) if len(missing) == 1 else None


def _level(node: Node, letters: Container[str] | None, identity: Identity) -> Node | None:
    """The function of the coordinates that has the value of the constant."""
    found = variables(node)
    names = [name for name in found if OF_INTEGRATION.fullmatch(name)]
    names = names or sorted(found & AS_TERMS if letters is not None else ())
    if len(names) != 1 or names[0] in (letters or ()):
        return None
    (name,) = names
    if sum(part == Symbol(name) for part in walk(node)) == 1:
        return _isolated(node, ZERO, name)
    zeroth, first, second = (replaced(node, Symbol(name), Number(Fraction(each))) for each in range(3))
    if not identity.equal(Sum((second, zeroth)), Sum((first, first))):
        return None
    return Quotient(zeroth, Sum((zeroth, negated(first))))


def _isolated(node: Node, value: Node, name: str) -> Node | None:
    r"""The letter that occurs once in a node, from the node's value.

    None for powers and roots that lose a sign: `y = \sqrt{C - x^2}` has half of the curves, `y = e^{x + C}`
    half of the solutions of y' = y.
    """
    match node:
        case Symbol():
            return value
        case Sum(parts) | Product(parts):
            inner = next(part for part in parts if name in variables(part))
            rest = tuple(part for part in parts if part is not inner)
            if isinstance(node, Sum):
                return _isolated(inner, Sum((value, *map(negated, rest))), name)
            return _isolated(inner, Quotient(value, Product(rest)) if rest else value, name)
        case Quotient(above, below):
            if name in variables(above):
                return _isolated(above, Product((value, below)), name)
            return _isolated(below, Quotient(above, value), name)
        case Power(base, Number(exponent)) if exponent.numerator % 2 and exponent.denominator % 2:
            return _isolated(base, Power(value, Number(1 / exponent)), name)
        case Call("root", (base, Number(index))) if index.denominator == 1 and index % 2:
            return _isolated(base, Power(value, Number(index)), name)
        case Call("ln" | "log", (inner,)):
            return _isolated(inner, Power(E, value), name)
        case Call(function, (inner,)) if function in _INVERSES:
            return _isolated(inner, Call(_INVERSES[function], (value,)), name)
    return None


def _smooth(node: Node) -> Node:
    """Logarithms of squares in place of those of absolute values, which turn at zero."""
    node = mapped(node, _smooth)
    match node:
        case Call("ln", (Call("abs", (inner,)),)):
            return _logarithm(inner)
    return node


def _logarithm(node: Node) -> Node:
    """The logarithm of the absolute value."""
    return Quotient(Call("ln", (Power(node, _TWO),)), _TWO)


def _is_affine(
    one: Node, other: Node, identity: Identity, proportional: Callable[[Node, Node], bool]
) -> bool:
    """Whether a function is a number times another one plus a number, from the steps of both."""
    steps = _step(one), _step(other)
    with contextlib.suppress(TooLargeError, UndefinedError):
        return not any(identity.equal(each, ZERO) for each in steps) and proportional(*steps)
    return False


def _step(node: Node) -> Node:
    """The difference of a function between two points, near enough for exponentials."""
    here = there = node
    for name in variables(node):
        here = replaced(here, Symbol(name), Quotient(Symbol(name), _SCALE))
        there = replaced(there, Symbol(name), Quotient(Symbol(f"{name}*"), _SCALE))
    return Sum((here, negated(there)))
