"""Compare functions by their pieces: between and at the ends of intervals, or at even and odd numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Cases, Form, Named, Region, Scoped, Span, Value
from or1_verify.latex.identity import ExactIdentity, Identity, NeedsNumbersError, is_infinite
from or1_verify.latex.residues import read_residues
from or1_verify.latex.switches import between_turns, turning_places
from or1_verify.latex.tree import (
    ONE,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    negated,
    replaced,
    variables,
)

_WHOLE = (*range(1, 41), 112, 113, 2_000, 2_001)
"""Whole numbers at which functions of parity are compared, which may be rounded."""
_NEAR = Fraction(1, 10**40)
"""Two ends of intervals that are no farther apart are one: values have sixty digits."""
End = tuple[Node, Fraction]
"""The end of an interval, and its value."""


def same_cases(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Whether two functions have the same values on the same domain.

    Between the ends of all intervals one piece of each holds, and these are compared there: where an end or
    two bound the place, by an expression that takes no other values than those between them.
    """
    names = {text for _, text in (*gold.pieces, *answer.pieces) if isinstance(text, str) and text}
    if names:
        return _same_by_parity(gold, answer, identity) or _same_by_words(gold, answer, identity)
    if isinstance(identity, ExactIdentity):
        raise NeedsNumbersError  # it may take long, and the process that decides exactly has no limit
    x = Symbol(gold.name or answer.name)
    if answer.name and answer.name != x.name:
        answer = Cases(
            x.name, tuple((replaced(node, Symbol(answer.name), x), at) for node, at in answer.pieces)
        )
    values = _values_of_ends(gold, answer, x.name, identity)
    ends = _distinct(values)
    places = [(end, end) for end in ends] + list(pairwise([None, *ends, None]))
    for low, high in places:
        pair = [_piece_at(cases, low, high, values) for cases in (gold, answer)]
        if pair[0] is None or pair[1] is None:
            if pair[0] is not pair[1]:
                return False
            continue
        left, right = (_between(node, x, low, high) for node in pair if node is not None)
        if not identity.equal(left, right):
            return False
    return True


def _between(node: Node, x: Symbol, low: End | None, high: End | None) -> Node:
    """A value between two ends, or at one; as a function of `u` that takes the values between them."""
    inside = _inside(low, high)
    if low is not high and turning_places(node, x.name):
        first = low[1] if low is not None else (high[1] - 2 if high is not None else Fraction(0))
        last = high[1] if high is not None else first + 2
        with contextlib.suppress(NotExactError, UndefinedError, TooLargeError):
            node = between_turns(node, {x.name: (first + last) / 2})
    return node if inside is None else replaced(node, x, inside)


def as_cases(form: Form) -> Cases | None:
    """A function by its pieces; one expression of one variable is one piece."""
    match form:
        case Cases():
            return form
        case Value(node, unit="") if len(variables(node)) < 2:
            return Cases(next(iter(variables(node)), ""), ((node, ""),))
        case Named(_, inner) | Scoped(inner):
            return as_cases(inner)
    return None


def _values_of_ends(gold: Cases, answer: Cases, name: str, identity: Identity) -> dict[Node, Fraction]:
    """The ends of all intervals, and the places where absolute values, maxima and minima turn."""
    pieces = (*gold.pieces, *answer.pieces)
    spans = [span for _, where in pieces if isinstance(where, Region) for span in where.spans]
    nodes: list[Node] = [end for span in spans for end in (span.low, span.high)]
    nodes += [Number(place) for node, _ in pieces for place in turning_places(node, name) or ()]
    return {node: identity.value(node) for node in dict.fromkeys(nodes) if not is_infinite(node)}


def _distinct(values: Mapping[Node, Fraction]) -> list[End]:
    ends = sorted(values.items(), key=lambda end: end[1])
    return [end for number, end in enumerate(ends) if not number or end[1] - ends[number - 1][1] > _NEAR]


def _piece_at(
    cases: Cases, low: End | None, high: End | None, values: Mapping[Node, Fraction]
) -> Node | None:
    """The first piece that holds between two ends, or at one; the piece without a condition else."""
    for node, where in cases.pieces:
        if isinstance(where, Region) and any(_covers(span, low, high, values) for span in where.spans):
            return node
    return next((node for node, where in cases.pieces if where == ""), None)


def _covers(span: Span, low: End | None, high: End | None, values: Mapping[Node, Fraction]) -> bool:
    is_point = low is not None and low is high
    for bound, has_bound, end, sign in (
        (span.low, span.has_low, low, 1),
        (span.high, span.has_high, high, -1),
    ):
        if is_infinite(bound):
            continue
        if end is None:
            return False
        beyond = sign * (end[1] - values[bound])
        if beyond < -_NEAR or (is_point and not has_bound and beyond <= _NEAR):
            return False
    return True


def _inside(low: End | None, high: End | None) -> Node | None:
    """An expression of `u` whose values are those between two ends; None for all numbers."""
    if low is not None and low is high:
        return low[0]
    square = Power(Symbol("u"), Number(Fraction(2)))
    if low is not None and high is not None:
        width = Sum((high[0], negated(low[0])))
        return Sum((low[0], Quotient(Product((width, square)), Sum((ONE, square)))))
    if low is not None:
        return Sum((low[0], square))
    return None if high is None else Sum((high[0], negated(square)))


def _same_by_words(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Pieces by conditions in words (`n even`): the same conditions, and their values."""
    wanted, found = (
        {_key(where, cases.name): node for node, where in cases.pieces} for cases in (gold, answer)
    )
    if wanted.keys() != found.keys() or len(wanted) < len(gold.pieces):
        return False
    return all(identity.equal(node, found[where]) for where, node in wanted.items())


def _same_by_parity(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Functions of whole numbers with a piece for even and one for odd ones, or one formula for both."""
    wanted, found = _by_parity(gold), _by_parity(answer)
    names = {each[0] for each in (wanted, found) if each and each[0]}
    if wanted is None or found is None or len(names) != 1:
        return False
    (name,) = names
    for number in _WHOLE:
        at = Number(Fraction(number))
        left, right = (replaced(each[1][number % 2], Symbol(name), at) for each in (wanted, found))
        if not identity.equal(left, right):
            return False
    return True


def _by_parity(cases: Cases) -> tuple[str, tuple[Node, Node]] | None:
    """The letter, and the values for even and odd ones."""
    if len(cases.pieces) == 1 and cases.pieces[0][1] == "":
        node = cases.pieces[0][0]
        names = sorted(variables(node))
        return ("".join(names), (node, node)) if len(names) < 2 else None
    found: dict[int, Node] = {}
    letters = set()
    for node, where in cases.pieces:
        residues = read_residues(where) if isinstance(where, str) else None
        if residues is None or residues.modulus != 2 or len(residues.values) != 1:
            return None
        found[next(iter(residues.values))] = node
        letters.add(residues.name)
    is_whole = len(letters) == 1 and found.keys() == {0, 1}
    return (letters.pop(), (found[0], found[1])) if is_whole else None


def _key(where: Region | str, name: str) -> object:
    return (name, where) if isinstance(where, Region) else where
