"""numpy arrays between tests and program; numpy is imported with the first of them. See `rpc_values`.

An array without elements equals any array by numpy's rules, as it broadcasts: `np.empty((0, 1, 1))` would
pass most tests, and `[]` those with `np.allclose`. In the tests' process neither is equal to elements.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

from or1_verify.code.rpc_atoms import TransferError, element_type

_COMPARISONS = frozenset(
    {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "subtract", "divide"}
)
_QUESTIONS = frozenset({"allclose", "isclose", "array_equal", "array_equiv"})

_GUARDED = {
    "numpy": "allclose isclose array_equiv",
    "numpy.testing": "assert_allclose assert_almost_equal assert_approx_equal assert_array_almost_equal "
    "assert_array_equal assert_array_less assert_equal",
}
"""Functions of two values that are equal without elements."""
_NAMED = re.compile(r"\b(?:numpy\b|np\.)")


def guard_numpy(text: str) -> None:
    """Make numpy's comparisons fail for a value without elements beside one with elements.

    Of the libraries that this code of tests names alone: each takes a while to load.
    """
    if _NAMED.search(text) is None:
        return
    for module, names in _GUARDED.items() if "testing" in text else [("numpy", _GUARDED["numpy"])]:
        functions = vars(importlib.import_module(module))
        functions.update({name: _guarded(functions[name]) for name in names.split()})
    functions = vars(importlib.import_module("numpy"))
    functions.update({name: _marked(functions[name]) for name in ("array", "asarray")})


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def compared(*args: Any, **kwargs: Any) -> Any:
        sizes = [*map(_size, [*args, *kwargs.values()][:2])]
        if 0 in sizes and any(sizes):
            raise AssertionError("a value without elements is compared with elements")
        return function(*map(_plain, args), **{name: _plain(each) for name, each in kwargs.items()})

    return compared


def _marked(make: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        import numpy

        array = make(*args, **kwargs)
        return array if type(array) is not numpy.ndarray or array.size else array.view(_empty_array())

    return made


def _plain(value: Any) -> Any:
    import numpy

    return value.view(numpy.ndarray) if isinstance(value, _empty_array()) else value


def _size(value: Any) -> int:
    import numpy

    try:
        return int(numpy.asarray(value).size)
    except (TypeError, ValueError):  # no array: the comparison itself says so
        return 1


def scalar_of(value: Any, kind: str = "", *, imports: bool = False) -> Any:
    """A scalar of numpy where this side has numpy or may import it, else the number or text itself."""
    if type(value) not in (bool, int, float, complex, str):
        raise TransferError("malformed payload: a scalar with parts")
    numpy: Any = importlib.import_module("numpy") if kind and imports else sys.modules.get(kind and "numpy")
    return value if numpy is None else numpy.dtype(element_type(kind)).type(value)


def plain_array(flat: list[Any], kind: str, shape: Sequence[int]) -> Any:
    """An array of numbers or texts; TransferError for another type of elements."""
    import numpy

    return numpy.array(flat, dtype=element_type(kind)).reshape([int(side) for side in shape])


def array_of_program(flat: list[Any], kind: str, shape: Sequence[int]) -> Any:
    """The same; one without elements cannot be compared with elements."""
    array = plain_array(flat, kind, shape)
    return array if array.size else array.view(_empty_array())


@lru_cache(maxsize=1)
def _empty_array() -> Any:
    import numpy

    class EmptyArray(numpy.ndarray):
        """An array without elements; so is a result of it and numbers alone."""

        def __array_ufunc__(
            self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any
        ) -> Any:
            others = [each for each in inputs if not isinstance(each, EmptyArray)]
            if ufunc.__name__ in _COMPARISONS or any(numpy.ndim(each) for each in others):
                _require_empty(others)
            plain = [*map(_plain, inputs)]
            if out is not None:
                kwargs["out"] = tuple(each.view(numpy.ndarray) for each in out)
            result = getattr(ufunc, method)(*plain, **kwargs)
            is_empty = isinstance(result, numpy.ndarray) and not result.size
            is_alone = len(inputs) - len(others) == 1 and not any(map(numpy.ndim, others))
            return result.view(EmptyArray) if is_empty and is_alone else result

        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
            if function.__name__ in _QUESTIONS:
                _require_empty(args[:2])
            return super().__array_function__(function, types, args, kwargs)

    return EmptyArray


def _require_empty(values: Sequence[Any]) -> None:
    import numpy

    if any(numpy.size(each) for each in values):
        raise ValueError("an array without elements is compared with elements")
