r"""Points on both sides of each place where an absolute value, an even root, a maximum or a minimum turns.

$|x^2-4|$ and $x^2-4$ differ between -2 and 2 alone, where few random points lie.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact
from or1_verify.latex.points import Point
from or1_verify.latex.tree import (
    Call,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    mapped,
    negated,
    variables,
    walk,
)

_NUM_BASES = 4
"""Points at which the other variables stay while one moves [points]."""
_NUM_STEPS = 18
"""Values of an expression that show its degree as a polynomial, if this is at most `_NUM_STEPS - 4`."""
_MOST_POINTS = 120
_NUM_STRETCHES = 6
"""Stretches at each end of the grid that are compared [stretches]."""
_HALVINGS = 80
_TOUCH = 1e-9
"""A polynomial has a double zero where its value is at most this part of its largest term [fraction]."""
_DENOMINATORS = (12, 1_000, 10**6, 10**12)
_GRID = sorted(
    {Fraction(step, 4) for step in range(-48, 49)}
    | {sign * Fraction(2) ** power * Fraction(9, 8) for power in range(-10, 21) for sign in (-1, 1)}
)
"""Where the signs of an expression that is no polynomial are tried."""
Factor = tuple[Node, bool]
"""An expression, and whether it stands under a root: then only its double zeros count."""
Sign = Callable[[Node, Point], int | None]
"""The sign of an expression at a point; None where it has no real value."""


def points_at_switches(left: Node, right: Node, bases: Iterator[Point], sign: Sign) -> Iterator[Point]:
    """Points between and beside the places where parts of the two expressions turn, one variable at a time.

    Args:
        left: expression.
        right: expression.
        bases: points for the other variables.
        sign: for expressions that are no polynomial in the variable that moves.
    """
    factors = list(dict.fromkeys(factor for node in (left, right) for factor in _turning(node)))
    if factors:
        yield from itertools.islice(_all_points(factors, bases, sign), _MOST_POINTS)


@lru_cache(maxsize=256)
def turning_places(node: Node, name: str) -> tuple[Fraction, ...] | None:
    """Where parts of an expression of one variable turn; None if one of them is no polynomial in it."""
    found: list[float] = []
    for factor, _ in _turning(node):
        if (coefficients := _polynomial(factor, name, {})) is None:
            return None
        found += _places(coefficients)
    return tuple(Fraction(place).limit_denominator(_DENOMINATORS[-2]) for place in found)


def between_turns(node: Node, point: Point) -> Node:
    """An expression without absolute values, maxima and minima: each by the part that counts at a point."""
    node = mapped(node, lambda part: between_turns(part, point))
    match node:
        case Call("abs", (inner,)):
            return negated(inner) if exact(inner, point) < 0 else inner
        case Call("max" | "min" as name, arguments):
            choose = max if name == "max" else min
            return choose(arguments, key=lambda each: exact(each, point))
    return node


def _all_points(factors: list[Factor], bases: Iterator[Point], sign: Sign) -> Iterator[Point]:
    for base in itertools.islice(bases, _NUM_BASES):
        for factor, is_radicand in factors:
            for name in sorted(variables(factor) & base.keys()):
                for value in _beside(factor, name, base, is_radicand, sign):
                    yield {**base, name: value}


def _turning(node: Node) -> Iterator[Factor]:
    """Expressions at whose zeros a part of a node may turn."""
    for part in walk(node):
        match part:
            case Call("abs", (inner,)):
                yield from _factors(inner, False)
            case Call("root", (inner, Number(index))) if index % 2 == 0:
                yield from _factors(inner, True)
            case Power(inner, exponent) if _is_even_root(exponent):
                yield from _factors(inner, True)
            case Call("max" | "min", arguments):
                for one, other in itertools.combinations(arguments, 2):
                    yield from _factors(Sum((one, negated(other))), False)


def _is_even_root(exponent: Node) -> bool:
    try:
        return exact(exponent, {}).denominator % 2 == 0
    except (NotExactError, UndefinedError, TooLargeError):
        return False


def _factors(node: Node, is_radicand: bool) -> Iterator[Factor]:
    """Expressions with the zeros and poles of a node."""
    match node:
        case Product(factors):
            for factor in factors:
                yield from _factors(factor, is_radicand)
        case Quotient(above, below):
            yield from _factors(above, is_radicand)
            yield from _factors(below, is_radicand)
        case Power(base, Number()):
            yield from _factors(base, False)
        case _ if variables(node):
            yield node, is_radicand


def _beside(factor: Node, name: str, base: Point, is_radicand: bool, sign: Sign) -> Iterator[Fraction]:
    """Values of a variable, one for each stretch on which the sign of the factor, or of the root, stays."""
    is_whole = base[name].denominator == 1
    coefficients = _polynomial(factor, name, base)
    if coefficients is not None:
        if not is_radicand or _has_double_zero(coefficients):
            yield from _between(sorted(set(_places(coefficients))), is_whole)
        return
    if is_radicand:
        return
    grid = [each for each in _GRID if not is_whole or (each > 0 and each.denominator == 1)]
    signs = ((value, sign(factor, {**base, name: value})) for value in grid)
    stretches = [[value for value, _ in group] for _, group in itertools.groupby(signs, lambda pair: pair[1])]
    at_ends = stretches[:_NUM_STRETCHES] + stretches[_NUM_STRETCHES:][-_NUM_STRETCHES:]
    yield from (values[len(values) // 2] for values in at_ends)


def _polynomial(node: Node, name: str, base: Point) -> list[float] | None:
    """Coefficients in one variable, the constant first, the largest 1 or -1; None for other nodes."""
    try:
        row = [exact(node, {**base, name: Fraction(step)}) for step in range(_NUM_STEPS)]
    except (NotExactError, UndefinedError, TooLargeError):
        return None
    leading = []
    while any(row):
        leading.append(row[0])
        row = [after - before for before, after in itertools.pairwise(row)]
        if len(row) < 4:
            return None
    # from the form of Newton: leading[k] * x (x - 1) ... (x - k + 1) / k!
    coefficients = [Fraction(0)]
    for step in reversed(range(len(leading))):
        shifted = [Fraction(0), *coefficients]
        stepped = [step * each for each in coefficients] + [Fraction(0)]
        scaled = [(up - down) / (step + 1) for up, down in zip(shifted, stepped, strict=True)]
        coefficients = scaled
        coefficients[0] += leading[step]
    largest = max(map(abs, coefficients)) or 1
    scaled_down = [float(each / largest) for each in coefficients]
    while scaled_down and not scaled_down[-1]:
        scaled_down.pop()
    return scaled_down


def _places(coefficients: list[float]) -> Iterator[float]:
    """Real zeros of a polynomial, and of its derivatives."""
    if len(coefficients) < 2:
        return
    if len(coefficients) == 2:
        yield -coefficients[0] / coefficients[1]
        return
    turns = sorted(set(_places(_derivative(coefficients))))
    yield from turns
    bound = 1 + max(abs(each / coefficients[-1]) for each in coefficients)
    for low, high in itertools.pairwise((-bound, *turns, bound)):
        if (_value(coefficients, low) > 0) != (_value(coefficients, high) > 0):
            yield _zero(coefficients, low, high)


def _derivative(coefficients: list[float]) -> list[float]:
    return [power * each for power, each in enumerate(coefficients)][1:]


def _has_double_zero(coefficients: list[float]) -> bool:
    sizes = [abs(each) for each in coefficients]
    turns = _places(_derivative(coefficients))
    return any(abs(_value(coefficients, turn)) <= _TOUCH * _value(sizes, abs(turn)) for turn in turns)


def _value(coefficients: list[float], place: float) -> float:
    value = 0.0
    for each in reversed(coefficients):
        value = value * place + each
    return value


def _zero(coefficients: list[float], low: float, high: float) -> float:
    """The zero between two numbers at which a polynomial has different signs."""
    is_positive_below = _value(coefficients, low) > 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = (_value(coefficients, middle) > 0) == is_positive_below
        low, high = (middle, high) if is_below else (low, middle)
    return middle


def _between(places: list[float], is_whole: bool) -> Iterator[Fraction]:
    """Short numbers between each two places, and beyond the first and the last."""
    if not places:
        return
    first, last = places[0], places[-1]
    ends = [first - 1 - abs(first) / 4, *places, last + 1 + abs(last) / 4]
    for low, high in itertools.pairwise(ends):
        middle = Fraction((low + high) / 2)
        if is_whole:
            yield from {Fraction(max(1, round(middle))), Fraction(max(1, round(Fraction(high))))}
            continue
        short = (middle.limit_denominator(largest) for largest in _DENOMINATORS)
        yield next((each for each in short if low < each < high), middle)
