r"""Agreement of two expressions by numbers to many digits.

Roundings must agree at all residues of their variables (`points`). Other expressions must agree at several
points to sixty digits, and then with several times as many more as lie between their largest and smallest
parts, so that neither $1/2^{99}$ and $1/2^{98}$ nor $\sqrt 2$ and $\sqrt 2 + 2^{-2000}$ agree, nor a limit
and its expression at $10^{-300}$. Two values agree if their difference is no more than the bound
on their rounding errors, which `numeric` computes with them, and if this bound is small beside the gold: at
sixty digits $10^{900}(\pi - \pi)$ is any number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from or1_verify.latex.constants import is_antiderivative
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact
from or1_verify.latex.points import Point, Points, has_rounding
from or1_verify.latex.switches import points_at_switches
from or1_verify.latex.tree import ENDLESS, Call, Node, Number, Series, variables, walk

if TYPE_CHECKING:
    from or1_verify.latex.numeric import WorkBudget

DIGITS = 60
GUARD = 40
"""Margin on the bound of the rounding errors [bits]."""
LEAST_GAIN = 60
"""Least reduction of the errors from the first to the second precision, for a value that exists [bits]."""
NUM_POINTS = 6
_FEW_DIGITS = 15
_MAX_DIGITS = 5_000
_FEWEST_CHOSEN = 5
"""Largest number below in a binomial coefficient of the terms of a series."""
_NUM_SPREADS = 4
"""Digits beyond twice sixty, for each digit between the largest and smallest part [dimensionless]."""
_LARGEST_ERROR = -60
"""Largest bound on the rounding errors of values that agree, beside the gold [bits]."""
_NO_ERROR = -(10**6)
"""Exponent of two of an error that is none [bits]."""
_NUM_DOMAIN_POINTS = 24
"""Points at which domains are compared [points]."""
_NUM_ROUNDED_BY_NUMBERS = 60
"""Points of roundings of irrational values, which cost more [points]."""
_MAX_NODES, _MAX_POINTS = 25_000, 3_000
"""Largest product of points and size of the expressions, and most points, for roundings."""


@dataclass(frozen=True, slots=True)
class Agreement:
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
        if _rounds_terms(self.answer) and not _rounds_terms(self.gold):
            return False  # the terms that are compared are too few to show it
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
        return compared >= NUM_POINTS

    def _agree(self, is_real: bool) -> bool | None:
        """Whether both agree at all points where both have a value; None if there are too few such points."""
        compared = 0
        wanted = NUM_POINTS if self.points.names else 1
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
            rough = self._compared(DIGITS, point, is_real)
            if not rough.agree:
                return False
            if rough.spread > _MAX_DIGITS:
                raise TooLargeError("parts of very different size")
            digits = 2 * DIGITS + rough.spread
            if ENDLESS not in walk(self.gold):  # its terms are of all sizes, and none cancels another
                digits = max(digits, min(digits + (_NUM_SPREADS - 1) * rough.spread, _MAX_DIGITS))
            fine = self._compared(digits, point, is_real)
            # 1 / 0 with a zero that is only computed to be one: more digits make such a value no better
            if fine.error > max(rough.error - LEAST_GAIN, _NO_ERROR):
                return None
            while fine.agree and fine.lack > 0:
                digits += int(fine.lack * 0.302) + DIGITS
                if digits > 2 * _MAX_DIGITS:
                    raise TooLargeError("a value that is only an error")
                fine = self._compared(digits, point, is_real)
        except (UndefinedError, NotRealError):
            return None
        return fine.agree

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

        with mp.workdps(DIGITS):
            try:
                Evaluator(point, self.log_base, True, self.work).value(node)
            except NotRealError:
                return False
            except UndefinedError:
                return True
        return True

    def _compared(self, digits: int, point: Point, is_real: bool) -> _Compared:
        from mpmath import mp

        from or1_verify.latex.numeric import Evaluator

        with mp.workdps(digits):
            gold = Evaluator(point, self.log_base, is_real, self.work)
            answer = Evaluator(point, self.log_base, False, self.work)
            wanted = gold.value(self.gold)
            difference = abs(wanted - answer.value(self.answer))
            error = max(gold.error, answer.error) + GUARD - mp.prec
            spread = max(gold.magnitude, answer.magnitude) * 3 // 10
            bound = mp.ldexp(1, error)
            size = int(mp.mag(wanted)) if abs(wanted) > bound else 0
            return _Compared(bool(difference <= bound), spread, error, error - size - _LARGEST_ERROR)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two values at one precision."""

    agree: bool
    """Whether they differ by no more than their errors."""
    spread: int
    """Between the largest and the smallest part [digits]."""
    error: int
    """The exponent of two of the bound on their errors [bits]."""
    lack: int
    """The precision that the bound lacks to be small beside the gold; at most 0 if it lacks none [bits]."""


def _rounds_terms(node: Node) -> bool:
    """Whether a sum or product rounds inside its terms, or has terms that begin late."""
    bodies = [part.body for part in walk(node) if isinstance(part, Series)]
    return any(has_rounding(body) or any(map(_begins_late, walk(body))) for body in bodies)


def _begins_late(node: Node) -> bool:
    match node:
        case Call("max" | "min", arguments):
            return any(map(variables, arguments))
        case Call("binomial", (above, Number(value))):
            return bool(variables(above)) and value > _FEWEST_CHOSEN
    return False


def _has_abs(node: Node) -> bool:
    return any(isinstance(part, Call) and part.name == "abs" for part in walk(node))
