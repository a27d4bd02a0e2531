"""Exceptions that cross between the two processes, as plain JSON. Standard library only: see `rpc`."""

from __future__ import annotations

import builtins
import functools
import opcode
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

_PLAIN = (str, int, float, bool, type(None))
_MESSAGE = 300
"""Longest text of an exception that is transferred [characters]."""


class UnsupportedTestsError(Exception):
    """The tests need something that the transfer of values cannot give: they are not judged."""


def describe(error: BaseException) -> list[Any]:
    """Nearest builtin class of an exception, text, name and module of its own class, plain arguments."""
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
    return [names[0], text[:_MESSAGE], own, type(error).__module__, args if is_plain else None]


def label_of(value: Any) -> str:
    """The name of an object's class; of an exception, the name of its nearest builtin class."""
    return str(describe(value)[0]) if isinstance(value, BaseException) else type(value).__name__


def library_error(name: str, module: str) -> type[Exception] | None:
    """The exception class of Python's library, if its module is loaded; not those that steer unittest."""
    root = module.split(".")[0]
    if root not in sys.stdlib_module_names or root == "unittest" or module not in sys.modules:
        return None
    found = vars(sys.modules[module]).get(name)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def came_from_program(error: BaseException) -> bool:
    """Whether an exception was raised by the program, not by the test code."""
    return "or1_from_program" in vars(error)


def raise_described(
    described: Any, *, stops: bool, find_error: Callable[[str, str], type[Exception] | None]
) -> NoReturn:
    """Raise an exception of the other side; one that ends loops only where Python expects it (`stops`).

    Raised by a function, StopIteration would end a loop of the tests over `map(function, ...)`.
    """
    is_complete = isinstance(described, list) and len(described) == 5
    name, text, own, module, args = described if is_complete else [""] * 5
    cls: Any = vars(builtins).get(str(name))
    ordinary = isinstance(cls, type) and issubclass(cls, Exception)
    ends_loops = name in ("StopIteration", "StopAsyncIteration")
    error: Any
    if not ordinary or (ends_loops and not stops):
        error = RuntimeError(f"{name}: {text}")
    else:
        is_plain = isinstance(args, list) and all(type(each) in _PLAIN for each in args)
        defined = find_error(str(own), str(module)) if own != name else None
        try:
            error = (defined or cls)(*(args if is_plain and (defined or own == name) else [str(text)]))
        except Exception:  # a class with other parameters
            error = RuntimeError(f"{name}: {text}")
    error.or1_from_program = True
    raise error


def guard_loops(scope: dict[str, Any]) -> None:
    """Keep errors of the program from ending loops over instances of classes that this scope defines.

    Python ends a loop over an object with `__getitem__` and without `__iter__` at an IndexError or a
    StopIteration. One that the program raised becomes a RuntimeError there, and stays itself in `x[key]`.
    """
    build = builtins.__build_class__

    def build_class(body: types.FunctionType, name: str, *bases: Any, **kwargs: Any) -> Any:
        cls = build(body, name, *bases, **kwargs)
        method = vars(cls).get("__getitem__")
        if body.__globals__ is scope and isinstance(method, types.FunctionType):
            vars(type)["__setattr__"](cls, "__getitem__", _guarded(method))
        return cls

    vars(builtins)["__build_class__"] = build_class


def _guarded(method: types.FunctionType) -> Callable[..., Any]:
    @functools.wraps(method)
    def guarded(self: Any, key: Any) -> Any:
        try:
            return method(self, key)
        except (IndexError, StopIteration) as error:
            if not came_from_program(error) or _is_subscript(sys._getframe(1)):
                raise
            error_in_loop: Any = RuntimeError(f"{type(error).__name__}: {error}")
            error_in_loop.or1_from_program = True
            raise error_in_loop from error

    return guarded


def _is_subscript(frame: types.FrameType) -> bool:
    """Whether a frame runs `x[key]`, or calls `__getitem__` by name."""
    operation = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    return operation.startswith("BINARY") or "__getitem__" in frame.f_code.co_names
