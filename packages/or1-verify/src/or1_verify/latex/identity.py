r"""Equality of two expressions, decided by their values: exact if these are fractions, else to many digits.

An identity of rational functions over the integers is tested at random points: two that differ agree at a
random point of a million with a probability of degree / 10^6, and six points have to agree. Other
expressions have to agree at several points to sixty digits, and then with as many more digits as lie between
their largest and smallest parts, so that neither $1/2^{99}$ and $1/2^{98}$ nor $\sqrt 2$ and
$\sqrt 2 + 2^{-2000}$ compare equal. The points depend on the variable names alone, so a comparison repeats
exactly.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact
from or1_verify.latex.tree import Call, Node, Number, Power, Product, Series, Symbol, variables, walk

if TYPE_CHECKING:
    from or1_verify.latex.numeric import WorkBudget

_DIGITS = 60
_MAX_DIGITS = 5_000
_SMALL = 120
"""Largest exponent and factorial that `ExactIdentity` computes."""
_GUARD = 20
"""Last digits that may be wrong by rounding [digits]."""
_NUM_POINTS = 6
_NUM_TRIES = 40
_NUM_EXACT_POINTS = 6
_COUNTING = frozenset({"factorial", "factorial2", "binomial", "gcd", "lcm"})
"""Functions whose arguments are whole numbers."""


class NeedsNumbersError(Exception):
    """Only floating-point numbers can decide, and `ExactIdentity` does not use them."""


class Identity(Protocol):
    """Decides whether two expressions are equal."""

    def equal(self, left: Node, right: Node) -> bool:
        """Raises UndefinedError, TooLargeError or NotExactError if a value cannot be computed."""
        ...

    def value(self, node: Node) -> Fraction:
        """The value of a constant as a fraction: exact, or to sixty digits."""
        ...


class ExactIdentity:
    """Exact arithmetic alone; NeedsNumbersError if that does not decide."""

    def equal(self, left: Node, right: Node) -> bool:
        if left == right:
            return True
        _refuse_work(left)
        _refuse_work(right)
        try:
            return _equal_exactly(left, right)
        except NotExactError as error:
            raise NeedsNumbersError from error

    def value(self, node: Node) -> Fraction:
        _refuse_work(node)
        try:
            return exact(node, {})
        except NotExactError as error:
            raise NeedsNumbersError from error


class NumericIdentity:
    """Exact arithmetic if that decides, else values to many digits. One object per comparison."""

    def __init__(self) -> None:
        from or1_verify.latex.numeric import WorkBudget

        self._work = WorkBudget()

    def equal(self, left: Node, right: Node) -> bool:
        if left == right:
            return True
        try:
            return _equal_exactly(left, right)
        except NotExactError:
            pass
        from mpmath import mp

        bases = (mp.e, 10) if _has_bare_log(left) or _has_bare_log(right) else (mp.e,)
        return any(_equal_to_many_digits(left, right, base, self._work) for base in bases)

    def value(self, node: Node) -> Fraction:
        try:
            return exact(node, {})
        except NotExactError:
            pass
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator, NotRealError

        with mp.workdps(_DIGITS):
            try:
                found = Evaluator({}, mp.e, True, self._work).value(node)
            except NotRealError as error:
                raise UndefinedError("not real") from error
            sign, man, exponent, _ = found._mpf_
            return Fraction(-int(man) if sign else int(man)) * Fraction(2) ** int(exponent)


def _refuse_work(node: Node) -> None:
    """NeedsNumbersError for powers, factorials and sums whose exact value takes longer than microseconds."""
    for part in walk(node):
        match part:
            case Power(_, Number(exponent)) if abs(exponent) > _SMALL:
                raise NeedsNumbersError
            case Call("factorial" | "factorial2" | "binomial" | "gamma", arguments):
                if any(not isinstance(each, Number) or each.value > _SMALL for each in arguments):
                    raise NeedsNumbersError
            case Series():
                raise NeedsNumbersError


def _equal_exactly(left: Node, right: Node) -> bool:
    names = sorted(variables(left) | variables(right))
    if not names:
        return exact(left, {}) == exact(right, {})
    generator = _generator(left, right)
    whole = _whole_variables(left) | _whole_variables(right)
    if any(isinstance(part, Call) and part.name in {"floor", "ceil"} for part in (*walk(left), *walk(right))):
        raise NotExactError("rounding is the same at all whole points")
    compared = 0
    for number in range(_NUM_TRIES):
        point = {}
        for place, name in enumerate(names):
            size = _count(generator, number, place) if name in whole else generator.randint(2, 1_000_000)
            point[name] = Fraction(size if name in whole else _sign(generator, number, place) * size)
        try:
            if exact(left, point) != exact(right, point):
                return False
        except UndefinedError:
            continue
        compared += 1
        if compared == _NUM_EXACT_POINTS:
            return True
    raise UndefinedError("nowhere defined")


def _sign(generator: random.Random, number: int, place: int) -> int:
    """Sign patterns in order: all negative, all positive, alternating, alternating reversed, then random."""
    alternating = -1 if place % 2 else 1
    patterns = (-1, 1, alternating, -alternating)
    return patterns[number] if number < len(patterns) else generator.choice((-1, 1))


def _count(generator: random.Random, number: int, place: int) -> int:
    """Positive integers of each combination of parities, so that powers of -1 differ."""
    return 2 * generator.randint(2, 19) + (number >> place) % 2


def _equal_to_many_digits(left: Node, right: Node, log_base: object, work: WorkBudget) -> bool:
    """Agreement at several points, of real values if enough points have them, else of complex ones."""
    found = _agreement(left, right, log_base, True, work)
    return _agreement(left, right, log_base, False, work) is True if found is None else found


def _agreement(left: Node, right: Node, log_base: object, only_real: bool, work: WorkBudget) -> bool | None:
    """Whether both agree at all points where both have a value; None if there are too few such points."""
    from or1_verify.latex.numeric import NotRealError

    names = sorted(variables(left) | variables(right))
    compared = 0
    wanted = _NUM_POINTS if names else 1
    for point in _points(left, right, names):
        try:
            same = _agree_at(left, right, point, log_base, only_real, work)
        except (UndefinedError, NotRealError):
            continue
        if not same:
            return False
        compared += 1
        if compared == wanted:
            return True
    return None


def _points(left: Node, right: Node, names: list[str]) -> Iterator[Mapping[str, Fraction]]:
    """Points of all signs and several sizes, since two functions may agree on one half of the line only."""
    generator = _generator(left, right)
    whole = _whole_variables(left) | _whole_variables(right)
    for number in range(_NUM_TRIES if names else 1):
        size = (1, 3, 10, Fraction(1, 3))[number % 4]
        point = {}
        for place, name in enumerate(names):
            value = Fraction(generator.randint(1_000, 2_000_000), 1_000_003) * size
            point[name] = value * _sign(generator, number, place)
            if name in whole:
                point[name] = Fraction(_count(generator, number, place))
        yield point


def _agree_at(
    left: Node,
    right: Node,
    point: Mapping[str, Fraction],
    log_base: object,
    only_real: bool,
    work: WorkBudget,
) -> bool:
    from mpmath import mp

    from or1_verify.latex.numeric import Evaluator

    def agree_to(digits: int) -> tuple[bool, int]:
        """Whether both values agree to `digits` digits, and the spread of their parts [digits]."""
        with mp.workdps(digits):
            evaluators = [Evaluator(point, log_base, only_real, work) for _ in range(2)]
            left_value, right_value = evaluators[0].value(left), evaluators[1].value(right)
            scale = max(abs(left_value), abs(right_value), *(each.scale for each in evaluators))
            same = bool(abs(left_value - right_value) <= scale * mp.mpf(10) ** (_GUARD - digits))
            return same, max(each.magnitude for each in evaluators) * 3 // 10

    same, magnitude = agree_to(_DIGITS)
    if not same:
        return False
    if magnitude > _MAX_DIGITS:
        raise TooLargeError("parts of very different size")
    return agree_to(2 * _DIGITS + magnitude)[0]


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


def _has_bare_log(node: Node) -> bool:
    return any(
        isinstance(part, Call) and part.name == "log" and len(part.arguments) == 1 for part in walk(node)
    )


def _generator(left: Node, right: Node) -> random.Random:
    """Random numbers seeded by the variable names, so that the points of a comparison repeat."""
    return random.Random(" ".join(sorted(variables(left) | variables(right))))


def is_infinite(node: Node) -> bool:
    return any(part == Symbol("infinity") for part in walk(node))
