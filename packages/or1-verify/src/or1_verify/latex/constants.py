"""Arbitrary constants of integration: their names, and the places where a letter is one.

A letter is one only beside a variable and no other capital letter: `x^2 + C`, but not `A + B + C`.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from fractions import Fraction

from or1_verify.latex.tree import (
    Call,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    children,
    variables,
    walk,
)

OF_INTEGRATION = re.compile(r"[CK]|[CcKk]_\d")
"""Names that are arbitrary as a factor too."""
AS_TERMS = frozenset("ck")
"""Names that are arbitrary as a term, beside variables alone: `x^2 + c`, but not `a + b + c`."""
VARIABLES = frozenset("rtuvwxyz") | {"theta"}
_WITH_INDEX = VARIABLES | {"n"}
"""Names of variables and of the index of a sequence: `C 2^n`."""
_MINUS_ONE = Number(Fraction(-1))
_AMPLITUDES = frozenset("AB")
"""Names that are arbitrary as two factors beside one variable: `A \\cos x + B \\sin x`."""


class ConstantPlace(StrEnum):
    """The place of a letter that occurs once."""

    TERM = "term"
    """A term of the whole sum, perhaps with a number: `x^2 + 2C`."""
    INNER_TERM = "inner term"
    r"""A term of an inner sum: `\sqrt{x^2 + C}`."""
    OF_EXPONENTIAL = "factor of an exponential"
    FACTOR = "factor"
    """A factor beside a variable: `Cx`, `C/x`."""
    INSIDE = "inside"
    r"""Beside a variable in a function, exponent or denominator: `\sin(x + C)`."""
    ALONE = "alone"
    r"""Without a variable: `\sin C`, `x/C`."""


_ANYWHERE = frozenset({ConstantPlace.TERM, ConstantPlace.INNER_TERM, ConstantPlace.OF_EXPONENTIAL})
"""Places of a constant in any expression; in a solution of an equation it has others too."""


def places(node: Node) -> dict[str, ConstantPlace]:
    """The place of each letter that occurs once."""
    counts = Counter(part.name for part in walk(node) if isinstance(part, Symbol))
    found = {name: ConstantPlace.ALONE for name, count in counts.items() if count == 1}
    _find(node, found, is_whole=True)
    return found


def _find(node: Node, found: dict[str, ConstantPlace], is_whole: bool) -> None:
    """Set the places of letters outside functions, exponents and quotients of letters."""
    terms = node.terms if isinstance(node, Sum) else (node,)
    for term in terms:
        factors = _factors_of(term)
        for factor in factors:
            others = [each for each in factors if each is not factor]
            if isinstance(factor, Symbol) and factor.name in found:
                found[factor.name] = _place(others, terms, is_whole)
                continue
            match factor:
                case (Sum() as inner) | Call("root", (inner, _)):
                    _find(inner, found, is_whole=False)
                case Power(base, exponent):
                    _find(base, found, is_whole=False)
                    _mark_inside(exponent, found)
                case Call():
                    _mark_inside(factor, found)


def _place(others: list[Node], terms: tuple[Node, ...], is_whole: bool) -> ConstantPlace:
    if any(map(_has_variable, others)):
        return ConstantPlace.OF_EXPONENTIAL if any(map(_is_exponential, others)) else ConstantPlace.FACTOR
    if any(map(variables, others)) or not any(map(_has_variable, terms)):
        return ConstantPlace.ALONE
    return ConstantPlace.TERM if is_whole else ConstantPlace.INNER_TERM


def _mark_inside(node: Node, found: dict[str, ConstantPlace]) -> None:
    """Letters of the sums and products of a function or exponent that have a variable too."""
    for part in walk(node):
        if isinstance(part, Sum | Product) and _has_variable(part):
            for letter in children(part):
                names = {each.name for each in _factors_of(letter) if isinstance(each, Symbol)}
                found.update(dict.fromkeys(names & found.keys(), ConstantPlace.INSIDE))


def _factors_of(node: Node) -> tuple[Node, ...]:
    """The factors of a term; a denominator with letters as a power, and none that is a number."""
    match node:
        case Product(factors):
            return tuple(each for factor in factors for each in _factors_of(factor))
        case Quotient(above, below):
            return (*_factors_of(above), *([Power(below, _MINUS_ONE)] if variables(below) else []))
    return (node,)


def _has_variable(node: Node) -> bool:
    return not variables(node).isdisjoint(_WITH_INDEX)


def _is_exponential(node: Node) -> bool:
    match node:
        case Power(base, exponent):
            return _has_variable(exponent) or any(map(_is_exponential, _factors_of(base)))
        case Call("exp", (argument,)):
            return _has_variable(argument)
    return False


def is_arbitrary(name: str, place: ConstantPlace, names: frozenset[str], is_solution: bool) -> bool:
    """Whether a letter of an expression with these names is a constant of integration.

    Args:
        is_solution: the expression is a function `y(x)` or an equation of two variables, in which a constant
            may be a factor or stand inside a function.
    """
    if place is ConstantPlace.TERM and name in AS_TERMS and names - {name} <= VARIABLES:
        return True
    if place in {ConstantPlace.FACTOR, ConstantPlace.OF_EXPONENTIAL} and name in _AMPLITUDES:
        beside = names - _AMPLITUDES
        return names >= _AMPLITUDES and beside <= _WITH_INDEX and len(beside) == 1
    others = frozenset(each for each in names if not OF_INTEGRATION.fullmatch(each))
    has_capital = any(each[0].isupper() for each in others)
    arguments = _WITH_INDEX if place is ConstantPlace.OF_EXPONENTIAL else VARIABLES
    if not OF_INTEGRATION.fullmatch(name) or has_capital or others.isdisjoint(arguments):
        return False
    return place in _ANYWHERE or (place is not ConstantPlace.ALONE and (is_solution or "_" in name))


def is_antiderivative(node: Node) -> bool:
    """Whether a constant of integration is a term of an expression."""
    names = variables(node)
    return any(
        place in {ConstantPlace.TERM, ConstantPlace.INNER_TERM}
        and is_arbitrary(name, place, names, is_solution=False)
        for name, place in places(node).items()
    )
