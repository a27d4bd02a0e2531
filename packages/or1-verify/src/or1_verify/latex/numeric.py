"""Evaluate expressions that are not rational to many digits; each step is bounded before it is computed.

Importing this module loads mpmath.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import mp

from or1_verify.latex import tree
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact, series_range

MpNumber = Any
"""mpf or mpc."""
_MAX_LOG = 100_000
"""Largest |natural logarithm| of a value that is computed."""
_ONE_ARGUMENT = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot,
    "sec": mpmath.sec, "csc": mpmath.csc,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "ln": mpmath.log, "abs": abs,
    "floor": mpmath.floor, "ceil": mpmath.ceil,
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


class Evaluator:
    """Evaluates at one point, at mpmath's current precision; records the sizes of intermediate values.

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
        self.scale = mp.mpf(0)
        """Largest term of any sum: differences are measured relative to it."""
        self.magnitude = 0
        """Largest |exponent of two| of any value: extra bits that keep small terms of a sum."""

    def value(self, node: tree.Node) -> MpNumber:
        """The value at the point.

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
            self.magnitude = max(self.magnitude, abs(int(mp.mag(found))))
        return found

    def _value(self, node: tree.Node) -> MpNumber:
        match node:
            case tree.Number(value):
                return mp.mpf(value.numerator) / value.denominator
            case tree.Symbol(name):
                return self._symbol(name)
            case tree.Sum(terms):
                values = [self.value(term) for term in terms]
                self.scale = max(self.scale, *(abs(value) for value in values))
                return mp.fsum(values)
            case tree.Product(factors):
                return mp.fprod([self.value(factor) for factor in factors])
            case tree.Quotient(above, below):
                divisor = self.value(below)
                if not divisor:
                    raise UndefinedError("division by zero")
                return self.value(above) / divisor
            case tree.Power(base, exponent):
                return self._power(self.value(base), self.value(exponent))
            case tree.Call(name, arguments):
                return self._call(name, arguments)
            case tree.Series():
                return self._series(node)
            case tree.Matrix() | tree.PlusMinus():
                raise NotExactError(type(node).__name__)

    def _symbol(self, name: str) -> MpNumber:
        constants = {"pi": mp.pi, "e": mp.e}
        if name in constants:
            return +constants[name]
        if name == "i":
            return mp.mpc(0, 1)
        if name in self._values:
            value = self._values[name]
            return mp.mpf(value.numerator) / value.denominator
        raise NotExactError(name)

    def _power(self, base: MpNumber, exponent: MpNumber) -> MpNumber:
        if not base:
            if isinstance(exponent, mp.mpc) or exponent < 0:
                raise UndefinedError("division by zero")
            return mp.mpf(0 if exponent else 1)
        if abs(exponent) * (abs(mp.log(abs(base))) + 1) > _MAX_LOG:
            raise TooLargeError("a power")
        return mp.power(base, exponent)

    def _call(self, name: str, arguments: tuple[tree.Node, ...]) -> MpNumber:
        values = [self.value(each) for each in arguments]
        first = values[0]
        if name in _ONE_ARGUMENT:
            if name == "ln" and not first:
                raise UndefinedError("a logarithm of zero")
            self.scale = max(self.scale, 1, abs(first))  # near a zero the value is rounded like these
            return self._guarded(_ONE_ARGUMENT[name], first)
        if name in _GROWING:
            if abs(first) > _MAX_LOG:
                raise TooLargeError("an exponential")
            return _GROWING[name](first)
        if name == "root":
            return self._root(first, values[1])
        if name == "log":
            base = values[1] if len(values) > 1 else self._log_base
            if not first or base in (0, 1):
                raise UndefinedError("a logarithm")
            return mp.log(first) / mp.log(base)
        if name in {"max", "min"}:
            if any(isinstance(value, mp.mpc) for value in values):
                raise UndefinedError("an order of complex numbers")
            return max(values) if name == "max" else min(values)
        if name == "gamma":
            return self._gamma(first)
        if name in {"f", "g"}:
            return self._unknown_function(name, values)
        return self._whole_number_function(name, arguments)

    def _guarded(self, function: Any, argument: MpNumber) -> MpNumber:
        if abs(argument) > mp.mpf(10) ** 3000:
            raise TooLargeError("the argument of a function")
        try:
            return function(argument)
        except (ValueError, ZeroDivisionError) as error:
            raise UndefinedError(str(error)) from error

    def _gamma(self, argument: MpNumber) -> MpNumber:
        if abs(argument) > 5_000:
            raise TooLargeError("a gamma function")
        return self._guarded(mpmath.gamma, argument)

    def _root(self, value: MpNumber, index: MpNumber) -> MpNumber:
        if not index:
            raise UndefinedError("a zeroth root")
        is_odd = index == int(index.real) and int(index.real) % 2 == 1
        if is_odd and not isinstance(value, mp.mpc) and value < 0:
            return -self._power(-value, 1 / index)
        return self._power(value, 1 / index)

    def _unknown_function(self, name: str, values: list[MpNumber]) -> MpNumber:
        """A value that depends on name and arguments alone, for a function that is only a letter."""
        shown = ",".join(mp.nstr(value, 25, strip_zeros=True) for value in values)
        digest = hashlib.blake2b(f"{name}({shown})".encode(), digest_size=6).digest()
        return mp.mpf(int.from_bytes(digest, "big")) / (1 << 44)

    def _whole_number_function(self, name: str, arguments: tuple[tree.Node, ...]) -> MpNumber:
        value = exact(tree.Call(name, arguments), self._values)
        return mp.mpf(value.numerator) / value.denominator

    def _series(self, node: tree.Series) -> MpNumber:
        if any(isinstance(part, tree.Series) for part in tree.walk(node.body)):
            raise TooLargeError("a series of series")
        indices = series_range(exact(node.first, self._values), exact(node.last, self._values))
        outer = self._values
        terms = []
        for index in indices[:400]:
            self._values = {**outer, node.index: Fraction(index)}
            terms.append(self.value(node.body))
        self._values = outer
        if len(indices) > 400:
            raise TooLargeError("a series")
        return mp.fsum(terms) if node.kind == "sum" else mp.fprod(terms)
