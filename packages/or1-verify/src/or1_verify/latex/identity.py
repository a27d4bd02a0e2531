r"""Equality of two expressions, decided by their values: exact if these are fractions, else to many digits.

An identity of rational functions over the integers is tested at random points: two that differ agree at a
random point of a million with a probability of degree / 10^6, and six points have to agree. Other expressions
are compared by numbers (`agreement`).
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from or1_verify.latex.agreement import DIGITS, GUARD, LEAST_GAIN, NUM_POINTS, Agreement
from or1_verify.latex.exact import NotExactError, UndefinedError, exact
from or1_verify.latex.points import Point, Points, has_rounding
from or1_verify.latex.switches import points_at_switches
from or1_verify.latex.tree import ENDLESS, Call, Node, Number, Power, Series, Symbol, variables, walk

if TYPE_CHECKING:
    pass

_SMALL = 120
"""Largest exponent and factorial that `ExactIdentity` computes."""


_MOST_LOST = 2
"""Most random points at which an answer may lack a value that the gold has [points]."""


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
        self._constants: dict[Node, tuple[Any, int] | None] = {}

    def equal(self, left: Node, right: Node) -> bool:
        if left == right:
            return True
        if left in self._constants and right in self._constants and self._clearly_differ(left, right):
            return False
        try:
            return _equal_exactly(left, right)
        except NotExactError:
            if self._clearly_differ(left, right):
                return False
        from mpmath import mp

        points = Points.of(left, right)
        bases = (mp.e, 10) if _has_bare_log(left) or _has_bare_log(right) else (mp.e,)
        return any(Agreement(left, right, points, base, self._work).equal() for base in bases)

    def _clearly_differ(self, left: Node, right: Node) -> bool:
        """Whether two constants differ by their values: each is computed once, for lists of many elements."""
        from mpmath import mp

        found = self._constant(left), self._constant(right)
        if found[0] is None or found[1] is None:
            return False
        with mp.workdps(DIGITS):
            margin = mp.ldexp(1, max(found[0][1], found[1][1]) + GUARD - mp.prec)
            return bool(abs(found[0][0] - found[1][0]) > margin)

    def _constant(self, node: Node) -> tuple[Any, int] | None:
        """The value of a constant and the bound on its error (`numeric`); None if only more can tell."""
        if node not in self._constants:
            is_open = variables(node) or _has_bare_log(node) or any(isinstance(p, Series) for p in walk(node))
            self._constants[node] = None if is_open else self._computed(node)
        return self._constants[node]

    def _computed(self, node: Node) -> tuple[Any, int] | None:
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator

        with mp.workdps(DIGITS):
            evaluator = Evaluator({}, mp.e, False, self._work)
            try:
                return evaluator.value(node), evaluator.error
            except (UndefinedError, NotExactError):
                return None

    def value(self, node: Node) -> Fraction:
        try:
            return exact(node, {})
        except NotExactError:
            if any(part == ENDLESS for part in walk(node)):
                raise
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator, NotRealError

        for digits in (DIGITS, 10 * DIGITS):
            with mp.workdps(digits):
                evaluator = Evaluator({}, mp.e, True, self._work)
                try:
                    found = evaluator.value(node)
                except NotRealError as error:
                    raise UndefinedError("not real") from error
                if evaluator.error - mp.prec < max(mp.mag(found), 0) - LEAST_GAIN:
                    sign, man, exponent, _ = found._mpf_
                    return Fraction(-int(man) if sign else int(man)) * Fraction(2) ** int(exponent)
        raise UndefinedError("a value that is only an error")


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
    if has_rounding(left) or has_rounding(right):
        raise NotExactError("rounding is the same at almost all random points")
    points = Points.of(left, right)
    if not points.names:
        return exact(left, {}) == exact(right, {})
    compared = num_lost = 0
    for point in points.large():
        try:
            wanted = exact(left, point)
        except UndefinedError:
            continue
        try:
            if wanted != exact(right, point):
                return False
        except UndefinedError:
            num_lost += not points.whole  # `\\frac{x(x + |x|)}{x + |x|}` has no value on half the line
            if num_lost > _MOST_LOST:
                return False
            continue
        compared += 1
        if compared == NUM_POINTS:
            return _equal_at_switches(left, right, points)
    raise UndefinedError("nowhere defined")


def _equal_at_switches(left: Node, right: Node, points: Points) -> bool:
    """Equality on each branch of absolute values, maxima and minima."""
    for point in points_at_switches(left, right, points.real(), _no_sign):
        with contextlib.suppress(UndefinedError):
            if exact(left, point) != exact(right, point):
                return False
    return True


def _no_sign(node: Node, point: Point) -> int | None:
    raise NotExactError("only numbers can tell where it turns")


def _has_bare_log(node: Node) -> bool:
    return any(
        isinstance(part, Call) and part.name == "log" and len(part.arguments) == 1 for part in walk(node)
    )


def is_infinite(node: Node) -> bool:
    return any(part == Symbol("infinity") for part in walk(node))


def is_irrational(node: Node) -> bool:
    """Whether a constant is no fraction that exact arithmetic finds.

    >>> from or1_verify.latex.tree import PI
    >>> is_irrational(PI), is_irrational(Number(Fraction(1, 3)))
    (True, False)
    """
    try:
        ExactIdentity().value(node)
    except NeedsNumbersError:
        return True
    return False
