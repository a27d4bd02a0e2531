"""The parameters of functions, for decorators on either side. Standard library only: see `rpc`.

`inspect.signature` and `f.__code__.co_argcount` ask for it. Of the code only the parameters cross.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Sequence
from typing import Any

OF_FUNCTIONS = frozenset({"__code__", "__defaults__", "__kwdefaults__", "__annotations__"})
"""Attributes of a function that cross."""
_COUNTS = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
_VARIADIC = 0x04, 0x08
"""Flags of `*args` and `**kwargs`. Source: inspect.CO_VARARGS, CO_VARKEYWORDS."""


def is_about_function(args: Sequence[Any]) -> bool:
    """Whether `getattr(*args)` asks a function for its parameters, or for what it does not have."""
    is_asked = len(args) == 2 and type(args[0]) is types.FunctionType and type(args[1]) is str
    return is_asked and (args[1] in OF_FUNCTIONS or not hasattr(args[0], args[1]))


def is_plain_function(function: Any) -> bool:
    """Whether a function belongs to no object, through which the tests may follow what it keeps."""
    return function is not getattr and not isinstance(function, types.MethodType | type)


def crossing(result: Any) -> Any:
    """A result as it crosses: of code its counts and the names of its parameters."""
    if type(result) is not types.CodeType:
        return result
    num_names = result.co_argcount + result.co_kwonlyargcount
    num_names += sum(bool(result.co_flags & flag) for flag in _VARIADIC)
    return [*operator.attrgetter(*_COUNTS)(result), *result.co_varnames[:num_names]]


def described(name: str, result: Any) -> Any:
    """The attribute of this name, from a result that has crossed."""
    if name != "__code__":
        return result
    counts, names = result[: len(_COUNTS)], result[len(_COUNTS) :]
    return types.SimpleNamespace(**dict(zip(_COUNTS, counts, strict=True)), co_varnames=tuple(names))
