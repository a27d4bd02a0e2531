r"""Spaces of functions and vectors: `C_1 e^x + C_2 e^{-x}` and `A \cosh x + B \sinh x`, two bases of a space.

The gold is a sum of constants times functions or vectors. The answer is the same family if its functions span
the same space at sample points, by Gaussian elimination on values to sixty digits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fractions import Fraction

from or1_verify.latex.constants import VARIABLES
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Many, Named, Order, Value
from or1_verify.latex.identity import Identity
from or1_verify.latex.matrices import grid_of
from or1_verify.latex.names import same_name
from or1_verify.latex.parameters import letters_of
from or1_verify.latex.tree import ZERO, Call, Node, Number, Power, Quotient, Symbol, replaced, variables, walk

_OF_GOLD = re.compile(r"[CcKk]_\d")
_OF_ANSWER = re.compile(r"alpha|beta|[CcKkABDabst]|[CcKkABab]_\d")
_MOST = 4
"""Most constants [constants]."""
_NUM_POINTS = 14
_SMALL = Fraction(1, 10**40)
"""Largest part of the largest value that is an error [fraction]."""
_FIND = r"\b(?:find|give|determine|state|compute|construct|write down|what (?:is|are))\s+(?:\w+ ){0,3}"
_BASIS = re.compile(rf"{_FIND}bas[ie]s\s+(?:for|of)\b|^{_FIND}bas[ie]s\W*$", re.IGNORECASE)
_EIGENVECTORS = re.compile(rf"{_FIND}eigenvectors?\b", re.IGNORECASE)
_FIXED = re.compile(
    r"\bortho|\bunit\b|\bnormali[sz]ed|\bcoordinates\b|\bmatrix (?:of|for)\b|\bwith respect to\b", re.I
)

Vector = tuple[Fraction, ...]


def same_span(gold: Form, answer: Form, question: str, identity: Identity) -> bool:
    """Whether two families with several constants are one, or two bases one space where the question asks
    for a basis, or two eigenvectors multiples where it asks for these.

    Raises:
        NeedsNumbersError: from an exact identity.
    """
    if _FIXED.search(question):
        return False
    if _BASIS.search(question) or _EIGENVECTORS.search(question):
        bases = _vectors(gold, identity), _vectors(answer, identity)
        if bases[0] and bases[1]:
            return _same_bases(bases[0], bases[1], _BASIS.search(question) is None)
    if isinstance(gold, Named) and isinstance(answer, Named) and not same_name(gold.name, answer.name):
        return False
    wanted, found = _components(gold), _components(answer)
    if not wanted or len(wanted) != len(found):
        return False
    return _same_family(wanted, found, letters_of(question) or frozenset(), identity)


def _components(form: Form) -> tuple[Node, ...]:
    """The parts of a vector, or one expression."""
    form = form.form if isinstance(form, Named) else form
    match form:
        case Value(node, unit=""):
            grid = grid_of(node)
            return (node,) if grid is None else tuple(each for row in grid for each in row)
        case Many(Order.TUPLE, items) if all(isinstance(item, Value) for item in items):
            return tuple(item.node for item in items if isinstance(item, Value))
    return ()


def _same_family(
    gold: Sequence[Node], answer: Sequence[Node], given: frozenset[str], identity: Identity
) -> bool:
    gold_names, answer_names = (frozenset().union(*map(variables, nodes)) for nodes in (gold, answer))
    old = sorted(name for name in gold_names if _OF_GOLD.fullmatch(name) and name not in given)
    coordinates = sorted(gold_names - {*old})
    new = sorted(answer_names - {*coordinates})
    are_constants = all(_OF_ANSWER.fullmatch(name) and name not in given for name in new)
    if not 1 < len(old) <= _MOST or len(new) != len(old) or not are_constants:
        return False
    if any(map(_is_inside, answer, [new] * len(answer))):
        return False
    if not VARIABLES.issuperset(coordinates) or not answer_names.issuperset(coordinates):
        return False
    generator = random.Random(0)
    rows: list[tuple[Vector | None, Vector | None]] = []
    wanted_rows = 3 * len(old) + 3
    for _ in range(_NUM_POINTS):
        if len(rows) >= wanted_rows:
            break
        point = {name: Fraction(generator.randint(-4000, 4000), 1009) for name in coordinates}
        try:
            rows += [
                (_parts(left, old, point, identity), _parts(right, new, point, identity))
                for left, right in zip(gold, answer, strict=True)
            ]
        except (UndefinedError, NotExactError, TooLargeError):
            continue
    if len(rows) <= 2 * len(old) + 2 or any(None in row for row in rows):
        return False
    wanted = [left[1:] for left, _ in rows if left]
    found = [right[1:] for _, right in rows if right]
    shifts = [(left[0] - right[0],) for left, right in rows if left and right]
    size = _rank(wanted)
    is_same = size == _rank(found) == _rank([(*a, *b) for a, b in zip(wanted, found, strict=True)])
    return is_same and size == _rank([(*a, *b) for a, b in zip(wanted, shifts, strict=True)])


def _is_inside(node: Node, names: list[str]) -> bool:
    """Whether a constant stands in a function, a power or a denominator: it takes not all values there."""
    inner: list[Node] = []
    for part in walk(node):
        match part:
            case Call(_, arguments):
                inner += arguments
            case Power(base, exponent):
                inner += [base, exponent]
            case Quotient(_, below):
                inner.append(below)
    return any(not variables(each).isdisjoint(names) for each in inner)


def _parts(node: Node, names: list[str], point: dict[str, Fraction], identity: Identity) -> Vector | None:
    """The value without the constants and the factor of each; None if it is no sum of such terms."""
    for name, value in point.items():
        node = replaced(node, Symbol(name), Number(value))

    def at(*values: int) -> Fraction:
        here = node
        for name, value in zip(names, values, strict=True):
            here = replaced(here, Symbol(name), Number(Fraction(value)) if value else ZERO)
        return identity.value(here)

    first = at(*[0] * len(names))
    factors = [at(*[int(place == one) for place in range(len(names))]) - first for one in range(len(names))]
    mixed = at(*range(2, len(names) + 2)) - first
    linear = sum((factor * (place + 2) for place, factor in enumerate(factors)), Fraction(0))
    scale = max(map(abs, (first, mixed, *factors)))
    return (first, *factors) if abs(mixed - linear) <= _SMALL * scale else None


def _vectors(form: Form, identity: Identity) -> list[Vector]:
    """The vectors of numbers that a form lists; empty if it has anything else."""
    form = form.form if isinstance(form, Named) else form
    items = form.items if isinstance(form, Many) else ()
    if not items or any(isinstance(item, Value) and grid_of(item.node) is None for item in items):
        items = (form,)
    found = [_components(item) for item in items]
    are_numbers = all(found) and not any(variables(node) for vector in found for node in vector)
    if not are_numbers or len({len(vector) for vector in found}) > 1 or len(found[0]) < 2:
        return []
    if any(part == Symbol("infinity") for vector in found for node in vector for part in walk(node)):
        return []
    return [tuple(map(identity.value, vector)) for vector in found]


def _same_bases(gold: list[Vector], answer: list[Vector], each_alone: bool) -> bool:
    if len(gold) != len(answer) or len(gold[0]) != len(answer[0]):
        return False
    if each_alone:
        return all(
            any(_rank([one, other]) == 1 == _rank([other]) for other in answer) for one in gold
        ) and all(any(_rank([one, other]) == 1 for one in gold) for other in answer)
    return _rank(gold) == _rank(answer) == len(gold) == _rank([*gold, *answer])


def _rank(rows: Sequence[Vector]) -> int:
    left = [list(row) for row in rows]
    scale = max((abs(each) for row in left for each in row), default=Fraction(0))
    rank = 0
    for column in range(len(left[0]) if left else 0):
        pivot = max(left[rank:], key=lambda row: abs(row[column]), default=None)
        if pivot is None or abs(pivot[column]) <= scale * _SMALL:
            continue
        left.remove(pivot)
        left.insert(rank, pivot)
        for row in left[rank + 1 :]:
            factor = row[column] / pivot[column]
            for place in range(column, len(row)):
                row[place] -= factor * pivot[place]
        rank += 1
    return rank
