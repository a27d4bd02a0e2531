"""numpy arrays between tests and program; numpy is imported with the first of them. See `rpc_values`.

An array without elements equals any array by numpy's rules, as it broadcasts: `np.empty((0, 1, 1))` would
pass most tests. One of the program refuses to be compared with elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from or1_verify.code.rpc_atoms import number_type

_COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})
_QUESTIONS = frozenset({"allclose", "isclose", "array_equal", "array_equiv"})


def plain_array(flat: list[Any], kind: str, shape: Sequence[int]) -> Any:
    """An array of numbers; TransferError for another type of elements."""
    import numpy

    return numpy.array(flat, dtype=number_type(kind)).reshape([int(side) for side in shape])


def array_of_program(flat: list[Any], kind: str, shape: Sequence[int]) -> Any:
    """The same; one without elements cannot be compared with elements."""
    array = plain_array(flat, kind, shape)
    return array if array.size else array.view(_empty_array())


@lru_cache(maxsize=1)
def _empty_array() -> type:
    import numpy

    class EmptyArray(numpy.ndarray):
        """An array without elements; so is a result of it and numbers alone."""

        def __array_ufunc__(
            self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any
        ) -> Any:
            others = [each for each in inputs if not isinstance(each, EmptyArray)]
            if ufunc.__name__ in _COMPARISONS or any(numpy.ndim(each) for each in others):
                _require_empty(others)
            plain = [each.view(numpy.ndarray) if isinstance(each, EmptyArray) else each for each in inputs]
            if out is not None:
                kwargs["out"] = tuple(numpy.asarray(each) for each in out)
            result = getattr(ufunc, method)(*plain, **kwargs)
            is_empty = isinstance(result, numpy.ndarray) and not result.size
            return result.view(EmptyArray) if is_empty and not any(map(numpy.ndim, others)) else result

        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
            if function.__name__ in _QUESTIONS:
                _require_empty(args[:2])
            return super().__array_function__(function, types, args, kwargs)

    return EmptyArray


def _require_empty(values: Sequence[Any]) -> None:
    import numpy

    if any(numpy.size(each) for each in values):
        raise ValueError("an array without elements is compared with elements")
