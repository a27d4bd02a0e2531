"""Exceptions that cross between the two processes, as plain JSON. Standard library only: see `rpc`."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NoReturn

_PLAIN = (str, int, float, bool, type(None))
_MESSAGE = 300
"""Longest text of an exception that is transferred [characters]."""


class UnsupportedTestsError(Exception):
    """The tests need something that the transfer of values cannot give: they are not judged."""


def describe(error: BaseException) -> list[Any]:
    """Name of the nearest builtin class of an exception, text, name of its class, arguments if plain."""
    names = [cls.__name__ for cls in type(error).__mro__ if vars(builtins).get(cls.__name__) is cls]
    own = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = ""
    args = list(error.args)
    is_plain = all(type(each) in _PLAIN for each in args) and len(str(args)) <= _MESSAGE
    if own != names[0]:
        text = f"{own}: {text}"
    return [names[0], text[:_MESSAGE], own, args if is_plain else None]


def came_from_program(error: BaseException) -> bool:
    """Whether an exception was raised by the program, not by the test code."""
    return "or1_from_program" in vars(error)


def raise_described(
    described: Any, *, stops: bool, find_error: Callable[[str], type[Exception] | None]
) -> NoReturn:
    """Raise an exception of the other side; one that ends loops only where Python expects it (`stops`).

    Raised by a function, StopIteration would end a loop of the tests over `map(function, ...)`.
    """
    name, text, own, args = described if isinstance(described, list) and len(described) == 4 else [""] * 4
    cls: Any = vars(builtins).get(str(name))
    ordinary = isinstance(cls, type) and issubclass(cls, Exception)
    ends_loops = name in ("StopIteration", "StopAsyncIteration")
    error: Any
    if not ordinary or (ends_loops and not stops):
        error = RuntimeError(f"{name}: {text}")
    else:
        is_plain = isinstance(args, list) and all(type(each) in _PLAIN for each in args)
        defined = find_error(str(own)) if own != name else None
        try:
            error = (defined or cls)(*(args if is_plain and (defined or own == name) else [str(text)]))
        except Exception:  # a class with other parameters
            error = RuntimeError(f"{name}: {text}")
    error.or1_from_program = True
    raise error
