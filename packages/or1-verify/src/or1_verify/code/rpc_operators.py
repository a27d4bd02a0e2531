"""Operators of stand-ins for objects of the program. Standard library only: see `rpc`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from or1_verify.code.rpc_atoms import KNOWN, OPERATORS
from or1_verify.code.rpc_errors import UnsupportedTestsError
from or1_verify.code.rpc_states import note_returned

_JUDGING = frozenset({"lt", "le", "gt", "ge", "enter", "exit"})
"""Operators that could answer yes to everything, as an equality could, or hide a failed check."""
_DISTANCES = frozenset({"sub", "truediv", "xor"})
"""Operators that tell how far an expected value is away, as in `abs(area() - 12.57) < 0.01`. So does the sum
with a negative number."""
_REMAINDERS = frozenset({"mod", "floordiv", "divmod"})
"""The same of an object that a method returned, where a value was to be."""
_COMPARING = _DISTANCES | _REMAINDERS


def operator_of(name: str) -> Callable[..., Any]:
    """The method of this operator, for stand-ins.

    Of instances of its classes the program computes the result, as that of a method. But no object of the
    program is a number that a result is compared with: of a difference to a value of the tests, only what is
    an object again is believed, and not its size or truth.
    """
    is_swapped = name not in KNOWN
    base = name[1:] if is_swapped or name[1:] in _COMPARING else name
    is_in_place = name[0] == "i" and name[1:] in OPERATORS
    function = None if name in ("enter", "exit") else KNOWN.get(name[1:] if is_swapped else name)

    def applied(self: Any, *others: Any) -> Any:
        values = (self,) if "copy" in name else (self, *others)
        values = values[::-1] if is_swapped else values
        plain = [each for each in values if type(each) is not type(self)]
        is_tested = self._or1_is_tested or self._or1_label in self._or1_endpoint.class_names
        is_instance = (is_tested or len(values) > 1) and not self._or1_kind and not self._or1_is_named
        if name not in _JUDGING and (self._or1_is_tested or is_instance):
            own = [each for each in values if type(each) is type(self)]
            is_left = any(each._or1_is_left for each in own) or (bool(plain) and base in _DISTANCES)
            sees = any(each._or1_sees for each in own)
            comparing = _DISTANCES if self._or1_is_given else _COMPARING
            made = [each._or1_given is not None for each in own]
            sees |= base in comparing and any(made) and not all(made)  # of a result to an expected object
            sees |= bool(plain) and (base in comparing or ("add" in base and _is_negative(*plain)))
            was_returned, saw = self._or1_is_returned, self._or1_sees
            result = self._or1_endpoint.call(function, values, {})
            if result is self and is_in_place and self._or1_given:  # no other object, and no difference
                self._or1_note(_or1_is_returned=was_returned, _or1_sees=saw)
                return self
            if type(result) is not type(self):
                return believed(self, name, result, sees or (bool(plain) and not is_tested))
            if self._or1_is_tested and result._or1_label == self._or1_label:
                result._or1_note(_or1_is_tested=True, _or1_is_made=self._or1_is_made)
            result._or1_note(_or1_sees=sees, _or1_is_left=is_left)
            note_returned(self, result)
            return result
        if is_in_place:
            return NotImplemented
        is_made = self._or1_is_tested or self._or1_is_made or self._or1_is_named
        if not self._or1_kind or is_made or function is None:
            raise _refusal(self, name, is_made)
        known = [
            each._or1_value() if type(each) is type(self) and each._or1_is_value else each for each in values
        ]
        return function(*known)

    return applied


def class_check(function: Any) -> Callable[[Any, Any], bool]:
    """`isinstance` or `issubclass` of a class of the other side, for stand-ins.

    No value of the tests is an instance of a class of the program; one of an own class may be meant to be.
    """

    def asks(self: Any, other: Any) -> bool:
        may_be = type(other) is type(self) or self._or1_endpoint.error_classes is None
        cls = other if issubclass(type(other), type) else type(other)
        if not may_be and cls.__module__ == "__main__":
            raise UnsupportedTestsError(f"a {cls.__name__} of the tests and the class {self._or1_label}")
        return may_be and bool(self._or1_endpoint.call(function, (other, self), {}))

    return asks


def believed(stand_in: Any, name: str, answer: Any, sees: bool = False) -> Any:
    """A plain answer of an object of the program, where it is not one about a value of the tests.

    Raises:
        UnsupportedTestsError: it is, and the tests have made the object.
        TypeError: a method of the program has returned the object, where a value was to be.
    """
    if stand_in._or1_sees or sees:
        raise _refusal(stand_in, name, stand_in._or1_is_tested)
    return answer


def refuse_difference(stand_in: Any, name: str) -> None:
    """Do not ask what is left of a result without an expected value of the tests for its parts.

    Raises:
        TypeError: it is such an object, of a class that the tests do not make.
    """
    if stand_in._or1_is_left and not stand_in._or1_is_tested:
        raise TypeError(f"{name} of the difference of an object and a value ({stand_in._or1_label})")


def _refusal(stand_in: Any, name: str, is_made: bool) -> BaseException:
    is_own = is_made and (stand_in._or1_is_built or not stand_in._or1_is_returned)
    error = UnsupportedTestsError if is_own else TypeError
    return error(f"the operator {name} of an object of the program ({stand_in._or1_label})")


def _is_negative(value: Any) -> bool:
    return isinstance(value, int | float) and value < 0


class Whole:
    """A stand-in whose elements are all used up by a function of Python, which asks for its length too."""

    def __init__(self, iterable: Any, kind: str) -> None:
        self._iterable = iterable
        self._kind = kind

    def __iter__(self) -> Any:
        return self._iterable._or1_iterator(self._kind)

    def __len__(self) -> Any:
        return len(self._iterable)
