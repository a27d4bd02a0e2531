"""Operators of stand-ins for objects of the program. Standard library only: see `rpc`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from or1_verify.code.rpc_atoms import KNOWN, OPERATORS
from or1_verify.code.rpc_errors import UnsupportedTestsError

_JUDGING = frozenset({"lt", "le", "gt", "ge", "enter", "exit"})
"""Operators that could answer yes to everything, as an equality could, or hide a failed check."""


def operator_of(name: str) -> Callable[..., Any]:
    """The method of this operator, for stand-ins.

    Of an instance that the tests make, the program computes the result, as that of a method.
    """
    is_swapped = name not in KNOWN
    function = None if name in ("enter", "exit") else KNOWN.get(name[1:] if is_swapped else name)

    def applied(self: Any, *others: Any) -> Any:
        values = (self,) if "copy" in name else (self, *others)
        values = values[::-1] if is_swapped else values
        is_made = self._or1_is_tested or self._or1_is_made or self._or1_is_named
        if self._or1_is_tested and name not in _JUDGING:
            result = self._or1_endpoint.call(function, values, {})
            if type(result) is type(self) and result._or1_label == self._or1_label:
                result._or1_note(_or1_is_tested=True, _or1_is_made=self._or1_is_made)
            return result
        if name[0] == "i" and name[1:] in OPERATORS:
            return NotImplemented
        if not self._or1_kind or is_made or function is None:
            error = UnsupportedTestsError if is_made else TypeError
            raise error(f"the operator {name} of an object of the program ({self._or1_label})")
        known = [
            each._or1_value() if type(each) is type(self) and each._or1_is_value else each for each in values
        ]
        return function(*known)

    return applied
