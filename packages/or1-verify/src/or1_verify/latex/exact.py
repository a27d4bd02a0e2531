"""Exact values of expressions of integers, fractions and decimals, as fractions of any size up to a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from or1_verify.latex import tree

MAX_BITS = 60_000
"""Largest numerator or denominator that is computed [bits]."""
_MAX_POWER = 64
"""Largest value of an exponent with variables."""
MAX_TERMS = 2_000
"""Longest sum or product over an index that is computed [terms]."""
_MAX_WORK = 4_000_000
"""Largest total size of the terms of a sum or product over an index [bits]."""

_LARGEST_GAMMA = 5_000
"""Largest argument of a gamma function [dimensionless]."""


class NotExactError(Exception):
    """The value is not rational, or this module cannot show that it is."""


class UndefinedError(Exception):
    """The expression has no value: a division by zero, a root or a logarithm that is undefined."""


class TooLargeError(Exception):
    """A value over the size limits of this module."""


def exact(node: tree.Node, values: Mapping[str, Fraction]) -> Fraction:
    """The value of an expression at a point.

    Raises:
        NotExactError: the value is not rational.
        UndefinedError: there is no value.
        TooLargeError: the value is over the size limits.
    """
    match node:
        case tree.Number(value):
            return value
        case tree.Symbol(name):
            if name not in values:
                raise NotExactError(name)
            return values[name]
        case tree.Sum(terms):
            return _total([exact(term, values) for term in terms])
        case tree.Product(factors):
            return _product([exact(factor, values) for factor in factors])
        case tree.Quotient(above, below):
            divisor = exact(below, values)
            if divisor == 0:
                raise UndefinedError("division by zero")
            return exact(above, values) / divisor
        case tree.Power(base, exponent):
            power = exact(exponent, values)
            if values and abs(power) > _MAX_POWER and tree.variables(exponent):
                raise NotExactError("a variable exponent")  # at a large point the power would be huge
            return _power(exact(base, values), power)
        case tree.Call(name, arguments):
            return _call(name, [exact(each, values) for each in arguments])
        case tree.Series():
            return _series(node, values)
        case tree.Matrix():
            raise NotExactError(type(node).__name__)


def bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _total(terms: list[Fraction]) -> Fraction:
    """Sum by halves: adding fractions of similar size costs less than one growing sum."""
    if len(terms) < 2:
        return terms[0] if terms else Fraction(0)
    middle = len(terms) // 2
    result = _total(terms[:middle]) + _total(terms[middle:])
    if bits(result) > MAX_BITS:
        raise TooLargeError("a sum")
    return result


def _product(factors: list[Fraction]) -> Fraction:
    result = Fraction(1)
    for factor in factors:
        result *= factor
        if bits(result) > MAX_BITS:
            raise TooLargeError("a product")
    return result


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        return _root(_power(base, Fraction(exponent.numerator)), exponent.denominator)
    if base == 0 and exponent < 0:
        raise UndefinedError("division by zero")
    if base in (0, 1) or (base == 0 and exponent == 0):
        return base if exponent else Fraction(1)
    if base == -1:
        return Fraction(-1 if exponent.numerator % 2 else 1)
    if bits(base) * abs(exponent.numerator) > MAX_BITS:
        raise TooLargeError("a power")
    return base**exponent.numerator


def _root(value: Fraction, index: int) -> Fraction:
    """The real root, if it is rational."""
    if value < 0 and (index % 2 == 0 or index > 64):
        raise NotExactError("a root of a negative number")
    if index > 64:
        raise NotExactError("a high root")
    sign = -1 if value < 0 else 1
    above, below = _whole_root(abs(value.numerator), index), _whole_root(value.denominator, index)
    return Fraction(sign * above, below)


def _whole_root(value: int, index: int) -> int:
    """Integer root by Newton's method from above; NotExactError for an irrational root."""
    if not value:
        return 0
    root = 1 << -(-value.bit_length() // index)
    while (lower := ((index - 1) * root + value // root ** (index - 1)) // index) < root:
        root = lower
    if root**index != value:
        raise NotExactError("an irrational root")
    return root


def _whole(value: Fraction, limit: int) -> int:
    if value.denominator != 1:
        raise NotExactError("not a whole number")
    if abs(value.numerator) > limit:
        raise TooLargeError("the argument of a function")
    return value.numerator


def _call(name: str, values: list[Fraction]) -> Fraction:
    first = values[0]
    match name:
        case "abs":
            return abs(first)
        case "floor" | "ceil":
            return Fraction(math.floor(first) if name == "floor" else math.ceil(first))
        case "max" | "min":
            return max(values) if name == "max" else min(values)
        case "root":
            return _root(first, _whole(values[1], 64)) if values[1] > 0 else _unknown(name, values)
        case "factorial":
            return Fraction(math.factorial(_natural(first, 5_000)))
        case "gamma" if first.denominator == 1 and first <= 0:
            raise UndefinedError("a pole of the gamma function")
        case "gamma" if abs(first) > _LARGEST_GAMMA:
            raise NotExactError("the points of numbers are smaller")
        case "gamma":
            return Fraction(math.factorial(_natural(first - 1, _LARGEST_GAMMA)))
        case "factorial2":
            return Fraction(math.prod(range(_natural(first, 5_000), 0, -2)))
        case "binomial":
            return Fraction(math.comb(_natural(first, 20_000), _natural(values[1], 20_000)))
        case "gcd" | "lcm":
            whole = [_whole(value, 1 << 256) for value in values]
            return Fraction(math.gcd(*whole) if name == "gcd" else math.lcm(*whole))
    return _unknown(name, values)


def _natural(value: Fraction, limit: int) -> int:
    whole = _whole(value, limit)
    if whole < 0:
        raise UndefinedError("a factorial of a negative number")
    return whole


def _unknown(name: str, values: list[Fraction]) -> Fraction:
    raise NotExactError(name)


def series_range(first: Fraction, last: Fraction) -> range:
    """The indices of a series; NotExactError for bounds that are no integers, TooLargeError for too many."""
    start, end = _whole(first, 1 << 62), _whole(last, 1 << 62)
    if end - start >= MAX_TERMS:
        raise TooLargeError("a series")
    return range(start, end + 1)


def _series(node: tree.Series, values: Mapping[str, Fraction]) -> Fraction:
    if any(isinstance(part, tree.Series) for part in tree.walk(node.body)):
        raise TooLargeError("a series of series")
    indices = series_range(exact(node.first, values), exact(node.last, values))
    terms: list[Fraction] = []
    left = _MAX_WORK
    for index in indices:
        terms.append(exact(node.body, {**values, node.index: Fraction(index)}))
        left -= bits(terms[-1])
        if left < 0:
            raise TooLargeError("a series")
    return _total(terms) if node.kind == "sum" else _product(terms)
