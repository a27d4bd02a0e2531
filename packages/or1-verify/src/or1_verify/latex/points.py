r"""The points at which two expressions are compared.

The points depend on the structure of the two expressions and never on the names of their variables, so that a
comparison repeats exactly and no verdict depends on a letter.

A variable inside `floor` or `ceil` is a counting variable, positive and whole, if the rounding depends on the
residue of whole numbers (`\lfloor n/2\rfloor`); if it does not (`\lfloor x\rfloor`), the variable is real.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact
from or1_verify.latex.tree import (
    Call,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Series,
    Symbol,
    variables,
    walk,
)

Point = Mapping[str, Fraction]
_NUM_TRIES = 40
_LEAST_LATTICE, _LARGEST_LATTICE = 40, 1_500
"""Fewest and most points of the grid at which roundings are compared [points]."""
_NUM_APART = 200
"""Points outside the grid, for periods that it does not cover [points]."""
_DIVISORS = frozenset({"gcd", "lcm"})
_COUNTING = frozenset({"factorial", "factorial2", "binomial"}) | _DIVISORS
"""Functions whose arguments are whole numbers."""
_PARTS = 12
"""Real variables inside a rounding take multiples of 1 / 12."""


def names_of(left: Node, right: Node) -> list[str]:
    """Names of the free variables of both, in the order in which they occur."""
    free = variables(left) | variables(right)
    parts = itertools.chain(walk(left), walk(right))
    return list(dict.fromkeys(part.name for part in parts if isinstance(part, Symbol) and part.name in free))


@dataclass(frozen=True, slots=True)
class Points:
    """The variables of two expressions, by the numbers that they stand for."""

    left: Node
    right: Node
    names: tuple[str, ...]
    whole: frozenset[str]
    """Positive whole numbers."""
    rounded: frozenset[str]
    """Variables inside a rounding: whole ones, and real ones."""

    @classmethod
    def of(cls, left: Node, right: Node) -> Points:
        names = names_of(left, right)
        if not names:
            return cls(left, right, (), frozenset(), frozenset())
        counting, real = set[str](), set[str]()
        for call in filter(_is_rounding, itertools.chain(walk(left), walk(right))):
            (real if _is_the_same_at_whole_points(call) else counting).update(variables(call) & set(names))
        whole = _whole_variables(left) | _whole_variables(right) | (counting - real)
        return cls(left, right, tuple(names), frozenset(whole), frozenset(counting | real))

    @property
    def are_whole_where_rounded(self) -> bool:
        """Whether the whole points alone decide."""
        return bool(self.rounded) and self.rounded <= self.whole

    def large(self) -> Iterator[Point]:
        """Random whole numbers of all signs up to a million, for exact arithmetic."""
        generator = self._generator()
        for number in range(_NUM_TRIES):
            point = {}
            for place, name in enumerate(self.names):
                size = _count(generator, number, place) if name in self.whole else generator.randint(2, 10**6)
                point[name] = Fraction(size if name in self.whole else _sign(generator, number, place) * size)
            yield point

    def real(self) -> Iterator[Point]:
        """Real points of all signs and sizes: two functions may agree on one half of the line only."""
        generator = self._generator()
        for number in range(_NUM_TRIES if self.names else 1):
            yield {
                name: Fraction(_count(generator, number, place))
                if name in self.whole
                else _real(generator, number, place)
                for place, name in enumerate(self.names)
            }

    def at_roundings(self) -> Iterator[Point]:
        """Points at which roundings can differ: all residues of whole variables if their period is at most
        500, else those beside the steps; multiples of 1 / 12 for real variables."""
        generator = self._generator()
        lattice = [name for name in self.names if name in self.rounded & self.whole]
        steps = [name for name in self.names if name in self.rounded - self.whole]
        for number, counts in enumerate(self._counts(len(lattice), generator)):
            point = dict(zip(lattice, map(Fraction, counts), strict=True))
            for place, name in enumerate(steps):
                spread = (number - 36) if place == 0 else generator.randint(-36, 60)
                point[name] = Fraction(spread if number < 100 else generator.randint(-999, 999), _PARTS)
            for place, name in enumerate(self.names):
                if name not in self.rounded:
                    is_count = name in self.whole
                    point[name] = (
                        Fraction(_count(generator, number, place))
                        if is_count
                        else _real(generator, number, place)
                    )
            yield point

    def _counts(self, num_variables: int, generator: random.Random) -> Iterator[tuple[int, ...]]:
        if not num_variables:
            yield from [()] * _NUM_APART
            return
        periods = [period for node in (self.left, self.right) for period in _periods(node)]
        period = math.lcm(*periods) if periods else 1
        longest = int(_LARGEST_LATTICE ** (1 / num_variables))
        side = min(max(3 * period + 4, _LEAST_LATTICE), longest)
        grid = sorted(itertools.product(range(1, side + 1), repeat=num_variables), key=max)
        yield from grid[:_LEAST_LATTICE]
        if period > side // 3:
            beside = _beside_steps(self.left, self.right, periods)
            for _ in range(_NUM_APART if num_variables > 1 else 1):
                yield tuple(generator.choice(beside) for _ in range(num_variables))
                yield tuple(generator.randint(1, 4 * min(period, 10**6)) for _ in range(num_variables))
            yield from ((count,) for count in beside if num_variables == 1)
        yield from grid[_LEAST_LATTICE:]

    def _generator(self) -> random.Random:
        return random.Random(len(self.names))


def has_rounding(node: Node) -> bool:
    """Whether a variable is rounded, or a divisor of it is taken: values depend on residues."""
    return any(map(_is_rounding, walk(node)))


def _is_rounding(node: Node) -> bool:
    return isinstance(node, Call) and node.name in {"floor", "ceil", *_DIVISORS} and bool(variables(node))


def _is_the_same_at_whole_points(call: Node) -> bool:
    """Whether the fractional part of the argument is the same at all whole points."""
    if isinstance(call, Call) and call.name in _DIVISORS:
        return False
    generator = random.Random(0)
    names = names_of(call, call)
    argument = call.arguments[0] if isinstance(call, Call) else call
    parts = set[Fraction]()
    for number in range(1, 25):
        others = [generator.randint(1, 40) for _ in names[1:]]
        point = dict(zip(names, map(Fraction, (number, *others)), strict=True))
        try:
            parts.add(exact(argument, point) % 1)
        except UndefinedError:
            continue
        except (NotExactError, TooLargeError):
            return False
    return len(parts) < 2


def _periods(node: Node) -> list[int]:
    """For each rounding a multiple of its period in whole variables: the product of its divisors."""
    found = []
    for call in filter(_is_rounding, walk(node)):
        divisors = [1]
        is_divisor = isinstance(call, Call) and call.name in _DIVISORS
        for part in walk(call):
            match part:
                case Quotient(_, below) if not variables(below):
                    try:
                        divisors.append(max(1, abs(exact(below, {}).numerator)))
                    except (NotExactError, UndefinedError, TooLargeError):
                        continue
                case Number(value):
                    divisors.append(value.denominator)
                    if is_divisor:
                        divisors.append(max(1, abs(value.numerator)))
        found.append(math.prod(divisors))
    return found


def _beside_steps(left: Node, right: Node, periods: list[int]) -> list[int]:
    """Multiples of the periods plus or minus a number of the expressions, and the numbers beside these."""
    written = {
        abs(int(part.value))
        for part in itertools.chain(walk(left), walk(right))
        if isinstance(part, Number) and part.value.denominator == 1
    }
    offsets = sorted(written | {0})[:12]
    found = {
        multiple * period + sign * offset + change
        for period in set(periods)
        for multiple in (0, 1, 2, 3, 7)
        for offset in offsets
        for sign in (-1, 1)
        for change in (-1, 0, 1)
    }
    return sorted(count for count in found if count > 0)


def _real(generator: random.Random, number: int, place: int) -> Fraction:
    size = (1, 3, 10, Fraction(1, 3))[number % 4]
    value = Fraction(generator.randint(1_000, 2_000_000), 1_000_003) * size
    return value * _sign(generator, number, place)


def _sign(generator: random.Random, number: int, place: int) -> int:
    """Sign patterns in order: all negative, all positive, alternating, alternating reversed, then random,
    but each third all positive: some expressions of many variables are real nowhere else."""
    alternating = -1 if place % 2 else 1
    patterns = (-1, 1, alternating, -alternating)
    sign = patterns[number] if number < len(patterns) else generator.choice((-1, 1))
    return 1 if number >= len(patterns) and number % 3 == 2 else sign


def _count(generator: random.Random, number: int, place: int) -> int:
    """Positive integers of each combination of parities, so that powers of -1 differ."""
    return 2 * generator.randint(2, 19) + (number >> place) % 2


def _whole_variables(node: Node) -> frozenset[str]:
    """Integer variables: in bounds of sums, factorials, binomials, exponents of negative numbers."""
    found: frozenset[str] = frozenset()
    for part in walk(node):
        if isinstance(part, Series):
            found |= variables(part.first) | variables(part.last)
        if isinstance(part, Power) and isinstance(part.base, Number | Product) and _is_negative(part.base):
            found |= variables(part.exponent)
        if isinstance(part, Call) and part.name in _COUNTING:
            found |= variables(part)
    return found


def _is_negative(base: Node) -> bool:
    match base:
        case Number(value) | Product((Number(value), Number(_))):
            return value < 0
    return False
