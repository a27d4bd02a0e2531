"""Evaluate expressions that are not rational to many digits; each step is bounded before it is computed.

Importing this module loads mpmath.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import mp

from or1_verify.latex import tree
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact, series_range

MpNumber = Any
"""mpf or mpc."""
_MAX_TERMS = 400
"""Longest series [terms]."""
_MAX_LOG = 100_000
"""Largest |natural logarithm| of a value that is computed."""
_ONE_ARGUMENT = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot,
    "sec": mpmath.sec, "csc": mpmath.csc,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "ln": mpmath.log, "abs": abs,
}  # fmt: skip
_CALL_WORK = 10
_GROWING = {"sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "exp": mpmath.exp}


class NotRealError(Exception):
    """An intermediate value is not real, and `only_real` is set."""


class WorkBudget:
    """Limit on the work of one comparison, in operations at sixty digits (about three microseconds each)."""

    def __init__(self, operations: float = 60_000) -> None:
        self._left = operations

    def spend(self, operations: float) -> None:
        """TooLargeError when the budget is used up."""
        self._left -= operations * (mp.dps / 60) ** 1.5
        if self._left < 0:
            raise TooLargeError("too many operations")


_EXACT = -(10**9)
"""The error of a value that is exact."""
_NUM_ENDLESS_TERMS, _LAST_ENDLESS_TERM = 12, 40
"""Terms of an infinite series that are compared, and where the search for them ends."""


class Evaluator:
    """Evaluates at one point, at mpmath's current precision, with a bound on the rounding error.

    Args:
        values: a value for every variable.
        log_base: base of a logarithm written without one: e or 10.
        only_real: NotRealError for a complex intermediate value.
        work: operations that are left.
    """

    def __init__(
        self, values: Mapping[str, Fraction], log_base: MpNumber, only_real: bool, work: WorkBudget
    ) -> None:
        self._work = work
        self._values = dict(values)
        self._log_base = log_base
        self._only_real = only_real
        self.error = _EXACT
        """Bound on the rounding error of the last value: it is at most 2^(error - precision) [bits]."""
        self.magnitude = 0
        """Largest |exponent of two| of any value: extra bits that keep small terms of a sum."""

    def value(self, node: tree.Node) -> MpNumber:
        """The value at the point; its error is in `error`.

        Raises:
            NotExactError: no value (an unknown form).
            UndefinedError, TooLargeError, NotRealError: see there.
        """
        self._work.spend(_CALL_WORK if isinstance(node, tree.Call | tree.Power) else 1)
        found = self._value(node)
        if not mp.isfinite(found):
            raise UndefinedError("not finite")
        if isinstance(found, mp.mpc) and found.imag == 0:
            found = found.real
        if self._only_real and isinstance(found, mp.mpc):
            raise NotRealError
        if found:
            size = mp.mag(found)
            if not (isinstance(node, tree.Number) and found == node.value.numerator):
                self.error = max(self.error, size)
            self.magnitude = max(self.magnitude, abs(int(size)))
        return found

    def _value(self, node: tree.Node) -> MpNumber:
        """The value, and the error that comes from its parts; `value` adds that of the last rounding."""
        match node:
            case tree.Number(value):
                self.error = _EXACT
                return mp.mpf(value.numerator) / value.denominator
            case tree.Symbol(name):
                self.error = _EXACT
                return self._symbol(name)
            case tree.Sum(terms):
                return self._sum([self._with_error(term) for term in terms])
            case tree.Product(factors):
                return self._product([self._with_error(factor) for factor in factors])
            case tree.Quotient(above, below):
                dividend, divisor = self._with_error(above), self._with_error(below)
                if not divisor[0]:
                    raise UndefinedError("division by zero")
                size = mp.mag(divisor[0])
                self.error = max(dividend[1], divisor[1] + self._size(dividend) - size) - size + 2
                return dividend[0] / divisor[0]
            case tree.Power(base, exponent):
                return self._power(self._with_error(base), self._with_error(exponent), _ratio(exponent))
            case tree.Call(name, arguments):
                return self._call(name, arguments)
            case tree.Series():
                return self._series(node)
            case tree.Matrix():
                raise NotExactError(type(node).__name__)

    def _with_error(self, node: tree.Node) -> tuple[MpNumber, int]:
        return self.value(node), self.error

    def _size(self, part: tuple[MpNumber, int]) -> int:
        """The exponent of two of a value, or of its error if that is larger."""
        error = part[1] - int(mp.prec)
        return max(int(mp.mag(part[0])), error) if part[0] else error

    def _sum(self, terms: list[tuple[MpNumber, int]]) -> MpNumber:
        self.error = max(error for _, error in terms) + len(terms).bit_length()
        return mp.fsum([value for value, _ in terms])

    def _product(self, factors: list[tuple[MpNumber, int]]) -> MpNumber:
        sizes = [self._size(factor) for factor in factors]
        together = sum(sizes)
        pairs = zip(factors, sizes, strict=True)
        self.error = max(error - size for (_, error), size in pairs) + together + len(sizes).bit_length()
        return mp.fprod([value for value, _ in factors])

    def _symbol(self, name: str) -> MpNumber:
        if name in self._values:  # also an index that is named like a constant
            value = self._values[name]
            return mp.mpf(value.numerator) / value.denominator
        constants = {"pi": mp.pi, "e": mp.e}
        if name in constants:
            return +constants[name]
        if name == "i":
            return mp.mpc(0, 1)
        raise NotExactError(name)

    def _power(
        self, base: tuple[MpNumber, int], exponent: tuple[MpNumber, int], ratio: Fraction | None
    ) -> MpNumber:
        """A power. A negative base has a real power if the exponent is a fraction with an odd denominator."""
        value, power = base[0], exponent[0]
        if not value:
            if isinstance(power, mp.mpc) or power < 0:
                raise UndefinedError("division by zero")
            # the power of what may be only an error
            self.error = int((base[1] - mp.prec) * min(power, 1)) + int(mp.prec) if power else _EXACT
            return mp.mpf(0 if power else 1)
        logarithm = abs(mp.log(abs(value))) + 1
        if abs(power) * logarithm > _MAX_LOG:
            raise TooLargeError("a power")
        sign = 1
        if ratio is not None and ratio.denominator % 2 and not isinstance(value, mp.mpc) and value < 0:
            sign, value = (-1 if ratio.numerator % 2 else 1), -value
        found = sign * mp.power(value, power)
        relative = max(
            base[1] - mp.mag(value) + max(self._size(exponent), 0), exponent[1] + mp.mag(logarithm)
        )
        self.error = int(relative + (mp.mag(found) if found else 0) + 1)
        return found

    def _call(self, name: str, arguments: tuple[tree.Node, ...]) -> MpNumber:
        parts = [self._with_error(each) for each in arguments]
        first, error = parts[0]
        if name in {"floor", "ceil"}:
            self.error = _EXACT
            return self._rounded(name, first, error)
        if name in _ONE_ARGUMENT:
            if name == "ln" and not first:
                raise UndefinedError("a logarithm of zero")
            found = self._guarded(_ONE_ARGUMENT[name], first)
            self.error = self._error_of(name, first, error, found)
            return found
        if name in _GROWING:
            if abs(first) > _MAX_LOG:
                raise TooLargeError("an exponential")
            found = _GROWING[name](first)
            # tanh 500 differs from 1 by the size of e^-1000
            self.magnitude = max(self.magnitude, int(3 * abs(first)))
            self.error = error + max(mp.mag(mp.exp(abs(first))), 1)
            return found
        if name == "root":
            return self._root(parts[0], parts[1])
        if name == "log":
            return self._logarithm(parts)
        self.error = max(error for _, error in parts)
        values = [value for value, _ in parts]
        if name in {"max", "min"}:
            if any(isinstance(value, mp.mpc) for value in values):
                raise UndefinedError("an order of complex numbers")
            return max(values) if name == "max" else min(values)
        if name == "gamma":
            return self._gamma(first, error)
        if name in {"f", "g"} or name.endswith("_"):
            self.error = _EXACT
            return self._unknown_function(name, values)
        return self._whole_number_function(name, arguments)

    def _rounded(self, name: str, value: MpNumber, error: int) -> MpNumber:
        """A value within its error of a whole number is that number."""
        if isinstance(value, mp.mpc):
            raise UndefinedError("a rounding of a complex number")
        if error - mp.prec > -60:
            raise UndefinedError("a rounding of what may be only an error")
        nearest = mp.nint(value)
        if abs(value - nearest) <= mp.ldexp(1, error + 8 - mp.prec):
            return nearest
        return mp.floor(value) if name == "floor" else mp.ceil(value)

    def _error_of(self, name: str, argument: MpNumber, error: int, found: MpNumber) -> int:
        """The error of a function: the error of its argument times the slope."""
        slope = 1
        if name in {"tan", "cot", "sec", "csc"} and found:
            slope = 2 * max(mp.mag(found), 0) + 2
        elif name == "ln":
            slope = 1 - mp.mag(argument)
        elif name in {"sin", "cos"}:
            slope = int(mp.mag(1 + abs(found)))  # large beside the real line
        elif name == "arctan":
            slope = 1 - min(mp.mag(1 + argument * argument), 1) if 1 + argument * argument else 0
        elif name in {"arcsin", "arccos"}:
            # infinite at 1 and -1, where an error of the argument becomes its square root
            edge = abs(1 - argument * argument)
            size = max(mp.mag(edge) if edge else _EXACT, error - mp.prec)
            slope = 2 - int(size) // 2
        return int(max(error + slope, 1 if name != "abs" else error))

    def _guarded(self, function: Any, argument: MpNumber) -> MpNumber:
        if abs(argument) > mp.mpf(10) ** 3000:
            raise TooLargeError("the argument of a function")
        try:
            return function(argument)
        except (ValueError, ZeroDivisionError) as error:
            raise UndefinedError(str(error)) from error

    def _logarithm(self, parts: list[tuple[MpNumber, int]]) -> MpNumber:
        argument, base = parts[0], parts[1] if len(parts) > 1 else (mp.mpf(self._log_base), 2)
        if not argument[0] or base[0] in (0, 1):
            raise UndefinedError("a logarithm")
        above, below = mp.log(argument[0]), mp.log(base[0])
        if not below:
            raise UndefinedError("a logarithm")
        errors = [max(error - mp.mag(value) + 1, 1) for value, error in (argument, base)]
        size = mp.mag(below)
        self.error = int(max(errors[0], errors[1] + max(mp.mag(above), 1) - size) - size + 2)
        return above / below

    def _gamma(self, argument: MpNumber, error: int) -> MpNumber:
        if abs(argument) > 5_000:
            raise TooLargeError("a gamma function")
        found = self._guarded(mpmath.gamma, argument)
        size = max(int(mp.mag(found)), 0)
        # near a pole the slope is the square of the value, beyond 1 at most ten times the value
        self.error = error + (size if argument.real > 1 else 2 * size) + 4
        return found

    def _root(self, value: tuple[MpNumber, int], index: tuple[MpNumber, int]) -> MpNumber:
        if not index[0]:
            raise UndefinedError("a zeroth root")
        is_whole = index[0] == int(index[0].real)
        ratio = Fraction(1, int(index[0].real)) if is_whole else None
        return self._power(value, (1 / index[0], 2 + max(index[1], 0)), ratio)

    def _unknown_function(self, name: str, values: list[MpNumber]) -> MpNumber:
        """A value that depends on name and arguments alone, for a function or sequence of an unknown kind."""
        shown = ",".join(mp.nstr(value, 25, strip_zeros=True) for value in values)
        digest = hashlib.blake2b(f"{name}({shown})".encode(), digest_size=6).digest()
        return mp.mpf(int.from_bytes(digest, "big")) / (1 << 44)

    def _whole_number_function(self, name: str, arguments: tuple[tree.Node, ...]) -> MpNumber:
        value = exact(tree.Call(name, arguments), self._values)
        return mp.mpf(value.numerator) / value.denominator

    def _series(self, node: tree.Series) -> MpNumber:
        if any(isinstance(part, tree.Series) for part in tree.walk(node.body)):
            raise TooLargeError("a series of series")
        first, is_sum = exact(node.first, self._values), node.kind == "sum"
        if node.last == tree.ENDLESS:
            return self._endless(
                node.kind, self._terms(node, series_range(first, first + _LAST_ENDLESS_TERM))
            )
        indices = series_range(first, exact(node.last, self._values))
        if len(indices) > _MAX_TERMS:
            raise TooLargeError("a series")
        terms = [*self._terms(node, indices)] or [(mp.mpf(0 if is_sum else 1), _EXACT)]
        return self._sum(terms) if is_sum else self._product(terms)

    def _terms(self, node: tree.Series, indices: range) -> Iterator[tuple[MpNumber, int]]:
        outer = self._values
        for index in indices:
            self._values = {**outer, node.index: Fraction(index)}
            found = self._with_error(node.body)
            self._values = outer
            yield found

    def _endless(self, kind: str, terms: Iterator[tuple[MpNumber, int]]) -> MpNumber:
        """A number that stands for an infinite series: its first terms with fixed weights, without those that
        change nothing. Series of the same terms have the same number, which is not their value."""
        neutral, weights = (0 if kind == "sum" else 1), random.Random(kind)
        counted = [(mp.mpf(neutral), _EXACT)]
        for value, error in terms:
            if abs(value - neutral) > mp.ldexp(1, error + 40 - mp.prec):
                counted.append(((value - neutral) * weights.randint(1, 10**6), error + 20))
            if len(counted) > _NUM_ENDLESS_TERMS:
                break
        return self._sum(counted)


def _ratio(exponent: tree.Node) -> Fraction | None:
    """The value of an exponent that is a fraction of numbers."""
    if not isinstance(exponent, tree.Number | tree.Quotient | tree.Product):
        return None
    try:
        return exact(exponent, {})
    except (NotExactError, UndefinedError, TooLargeError):
        return None
