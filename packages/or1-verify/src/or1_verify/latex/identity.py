r"""Equality of two expressions, decided by their values: exact if these are fractions, else to many digits.

An identity of rational functions over the integers is tested at random points: two that differ agree at a
random point of a million with a probability of degree / 10^6, and six points have to agree. Roundings must
agree at all residues of their variables (`points`). Other expressions must agree at several points to sixty
digits, and then with as many more digits as lie between their largest and smallest parts, so that neither
$1/2^{99}$ and $1/2^{98}$ nor $\sqrt 2$ and $\sqrt 2 + 2^{-2000}$ compare equal. Two values agree if their
difference is no more than the bound on their rounding errors, which `numeric` computes with them.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from or1_verify.latex.constants import is_antiderivative
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact
from or1_verify.latex.points import Point, Points, has_rounding
from or1_verify.latex.switches import points_at_switches
from or1_verify.latex.tree import ENDLESS, Call, Node, Number, Power, Series, Symbol, variables, walk

if TYPE_CHECKING:
    from or1_verify.latex.numeric import WorkBudget

_DIGITS = 60
_FEW_DIGITS = 15
_MAX_DIGITS = 5_000
_SMALL = 120
"""Largest exponent and factorial that `ExactIdentity` computes."""
_GUARD = 40
"""Margin on the bound of the rounding errors [bits]."""
_LEAST_GAIN = 60
"""Least reduction of the errors from the first to the second precision, for a value that exists [bits]."""
_NO_ERROR = -(10**6)
"""Exponent of two of an error that is none [bits]."""
_NUM_POINTS = 6
_NUM_DOMAIN_POINTS = 24
"""Points at which domains are compared [points]."""
_NUM_ROUNDED_BY_NUMBERS = 60
"""Points of roundings of irrational values, which cost more [points]."""
_MAX_NODES, _MAX_POINTS = 25_000, 3_000
"""Largest product of points and size of the expressions, and most points, for roundings."""


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
        return any(_Numbers(left, right, points, base, self._work).equal() for base in bases)

    def _clearly_differ(self, left: Node, right: Node) -> bool:
        """Whether two constants differ by their values: each is computed once, for lists of many elements."""
        from mpmath import mp

        found = self._constant(left), self._constant(right)
        if found[0] is None or found[1] is None:
            return False
        with mp.workdps(_DIGITS):
            margin = mp.ldexp(1, max(found[0][1], found[1][1]) + _GUARD - mp.prec)
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

        with mp.workdps(_DIGITS):
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

        for digits in (_DIGITS, 10 * _DIGITS):
            with mp.workdps(digits):
                evaluator = Evaluator({}, mp.e, True, self._work)
                try:
                    found = evaluator.value(node)
                except NotRealError as error:
                    raise UndefinedError("not real") from error
                if evaluator.error - mp.prec < max(mp.mag(found), 0) - _LEAST_GAIN:
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
    compared = 0
    for point in points.large():
        try:
            if exact(left, point) != exact(right, point):
                return False
        except UndefinedError:
            continue
        compared += 1
        if compared == _NUM_POINTS:
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


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Compares by numbers to many digits.

    Args:
        log_base: base of a logarithm written without one: e or 10.
        work: operations that are left.
    """

    gold: Node
    answer: Node
    points: Points
    log_base: object
    work: WorkBudget

    def equal(self) -> bool:
        """Agreement at several points, where the gold is real if it is at enough of them."""
        if self.points.rounded and not self._agree_at_roundings():
            return False
        if self.points.are_whole_where_rounded:
            return True
        found = self._agree(is_real=True)
        if found is None:
            return self._agree(is_real=False) is True
        return found and not self._is_wider() and self._agree_at_switches()

    def _agree_at_switches(self) -> bool:
        """Agreement on each branch of absolute values, even roots, maxima and minima."""
        points = points_at_switches(self.gold, self.answer, self.points.real(), self._sign)
        return all(self._agree_at(p, True) is not False or self._has_coupled_signs(p) for p in points)

    def _sign(self, node: Node, point: Point) -> int | None:
        """None where there is no real value."""
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator, NotRealError

        with mp.workdps(_FEW_DIGITS):
            try:
                return int(mp.sign(Evaluator(point, self.log_base, True, self.work).value(node)))
            except (NotRealError, UndefinedError):
                return None

    def _is_wider(self) -> bool:
        r"""Whether absolute values make the answer real where the gold is not: `\ln|x|` for `\ln x`, unless
        the gold is an antiderivative, whose constant may differ from side to side."""
        if not self.points.names or is_antiderivative(self.gold):
            return False
        if _has_abs(self.gold) or not _has_abs(self.answer):
            return False
        points = islice(self.points.real(), _NUM_DOMAIN_POINTS)
        return any(self._is_real(self.answer, p) and not self._is_real(self.gold, p) for p in points)

    def _agree_at_roundings(self) -> bool:
        compared = compared_by_numbers = 0
        parts = [*walk(self.gold), *walk(self.answer)]
        limit = _NUM_ROUNDED_BY_NUMBERS if any(isinstance(part, Series) for part in parts) else _MAX_POINTS
        limit = min(limit, _MAX_NODES // len(parts))
        for point in islice(self.points.at_roundings(), limit):
            same: bool | None
            try:
                same = exact(self.gold, point) == exact(self.answer, point)
            except UndefinedError:
                continue
            except NotExactError:
                compared_by_numbers += 1
                if compared_by_numbers > _NUM_ROUNDED_BY_NUMBERS:
                    break
                same = self._agree_at(point, is_real=True)
            if same is False:
                return False
            compared += same is True
        return compared >= _NUM_POINTS

    def _agree(self, is_real: bool) -> bool | None:
        """Whether both agree at all points where both have a value; None if there are too few such points."""
        compared = 0
        wanted = _NUM_POINTS if self.points.names else 1
        for point in self.points.real():
            same = self._agree_at(point, is_real)
            if same is False and not (is_real and self._has_coupled_signs(point)):
                return False
            compared += same is True
            if compared == wanted:
                return True
        return None

    def _agree_at(self, point: Point, is_real: bool) -> bool | None:
        """None where one has no value, or `is_real` and the gold has no real one; else both must be real."""
        from or1_verify.latex.numeric import NotRealError

        try:
            same, magnitude, rough = self._agree_to(_DIGITS, point, is_real)
            if not same:
                return False
            if magnitude > _MAX_DIGITS:
                raise TooLargeError("parts of very different size")
            same, _, fine = self._agree_to(2 * _DIGITS + magnitude, point, is_real)
        except (UndefinedError, NotRealError):
            return None
        # 1 / 0 with a zero that is only computed to be one: more digits make such a value no better
        return same if fine <= max(rough - _LEAST_GAIN, _NO_ERROR) else None

    def _has_coupled_signs(self, point: Point) -> bool:
        r"""Whether the gold is real only because several variables are negative together: `\ln(xy)`, which
        `\ln x + \ln y` equals by custom. `\ln|x|` is real for each sign, so that `\ln x` is less."""
        negative = [name for name, value in point.items() if value < 0]
        if len(negative) < 2 or self._is_real(self.answer, point):
            return False
        turned = ({**point, name: -point[name]} for name in negative)
        return not all(self._is_real(self.gold, each) for each in turned)

    def _is_real(self, node: Node, point: Point) -> bool:
        """Whether no part of an expression is complex at a point."""
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator, NotRealError

        with mp.workdps(_DIGITS):
            try:
                Evaluator(point, self.log_base, True, self.work).value(node)
            except NotRealError:
                return False
            except UndefinedError:
                return True
        return True

    def _agree_to(self, digits: int, point: Point, is_real: bool) -> tuple[bool, int, int]:
        """Whether the values differ by no more than their errors at that precision, the spread of their parts
        [digits], and the exponent of two of the errors."""
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator

        with mp.workdps(digits):
            gold = Evaluator(point, self.log_base, is_real, self.work)
            answer = Evaluator(point, self.log_base, False, self.work)
            difference = gold.value(self.gold) - answer.value(self.answer)
            exponent = max(gold.error, answer.error) + _GUARD - mp.prec
            spread = max(gold.magnitude, answer.magnitude) * 3 // 10
            return bool(abs(difference) <= mp.ldexp(1, exponent)), spread, exponent


def _has_bare_log(node: Node) -> bool:
    return any(
        isinstance(part, Call) and part.name == "log" and len(part.arguments) == 1 for part in walk(node)
    )


def _has_abs(node: Node) -> bool:
    return any(isinstance(part, Call) and part.name == "abs" for part in walk(node))


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
