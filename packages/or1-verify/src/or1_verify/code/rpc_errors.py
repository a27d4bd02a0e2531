"""Exceptions that cross between the two processes, as plain JSON. Standard library only: see `rpc`."""

from __future__ import annotations

import ast
import builtins
import functools
import opcode
import sys
import types
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

_PLAIN = (str, int, float, bool, type(None))
_MESSAGE = 10_000
"""Longest text of an exception that is transferred [characters]."""
_MOST_CAUSES, _MOST_NAMES = 4, 20
"""Longest chain of causes and longest list of names of classes that are transferred."""


_ENDINGS = ("SystemExit", "KeyboardInterrupt")
"""Exceptions that cross though they are no ordinary ones: not caught, they fail the tests."""


class UnsupportedTestsError(BaseException):
    """The tests need something that the transfer of values cannot give: they are not judged. No test that
    expects an `Exception` may take it for the program's."""


def describe(error: BaseException, depth: int = 0) -> list[Any]:
    """An exception as a list.

    Its nearest builtin class, text, name and module of its own class, plain arguments, names of the classes
    before the builtin one, and descriptions of its cause, and of its context where that is another one.
    """
    lineage = [cls.__name__ for cls in type(error).__mro__]
    builtin = next(cls.__name__ for cls in type(error).__mro__ if is_pythons(cls))
    try:
        text = str(error)
    except Exception:
        text = ""
    args = list(error.args)
    is_plain = all(type(each) in _PLAIN for each in args) and len(str(args)) <= _MESSAGE
    causes = (error.__cause__, None if error.__context__ is error.__cause__ else error.__context__)
    chain = [
        describe(each, depth + 1) if each is not None and depth < _MOST_CAUSES else None for each in causes
    ]
    own = [name for name in lineage[: lineage.index(builtin)] if type(name) is str][:_MOST_NAMES]
    cls, given = type(error), args if is_plain else _literal(args)
    return [builtin, text[:_MESSAGE], cls.__name__, cls.__module__, given, own, *chain]


def _literal(args: Any) -> str | None:
    """Arguments with lists, tuples, sets and dictionaries as a literal; None for others and long ones."""
    parts = [args]
    for part in parts:  # it grows
        if len(parts) > _MESSAGE:
            return None
        if type(part) in (list, tuple, set):
            parts += part
        elif type(part) is dict:
            parts += [*part.keys(), *part.values()]
        elif type(part) not in _PLAIN:
            return None
    text = repr(args)
    return text if len(text) <= _MESSAGE else None


def _arguments(given: Any, text: str) -> list[Any]:
    """The arguments of an exception as `describe` gives them; its text in place of others."""
    if isinstance(given, str):
        try:
            given = ast.literal_eval(given)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return [text]
        return given if isinstance(given, list) else [text]
    is_plain = isinstance(given, list) and all(type(each) in _PLAIN for each in given)
    return given if is_plain else [text]


def label_of(value: Any) -> str:
    """The name of an object's class; of an exception, the name of its nearest builtin class."""
    return str(describe(value)[0]) if isinstance(value, BaseException) else type(value).__name__


def library_error(name: str, module: str) -> type[Exception] | None:
    """The exception class of Python's library, if its module is loaded.

    Not those that steer unittest or end loops, nor Python's own, which cross by another way.
    """
    root = module.split(".")[0]
    if root not in sys.stdlib_module_names or root == "unittest" or module not in sys.modules:
        return None
    found: Any = vars(sys.modules[module]).get(name)
    return found if is_ordinary(found) and not is_pythons(found) else None


def is_ordinary(cls: Any) -> bool:
    """Whether an object is a class of exceptions that do not end loops."""
    ends_loops = (StopIteration, StopAsyncIteration)
    return isinstance(cls, type) and issubclass(cls, Exception) and not issubclass(cls, ends_loops)


def is_pythons(cls: Any) -> bool:
    """Whether a class is a builtin one, and not another of its name."""
    return vars(builtins).get(cls.__name__) is cls


def is_own_error(error: BaseException) -> bool:
    """Whether an exception is of an ordinary class that is none of Python's own."""
    cls = type(error)
    return is_ordinary(cls) and not is_pythons(cls) and not isinstance(error, UnsupportedTestsError)


def came_from_program(error: BaseException) -> bool:
    """Whether an exception was raised by the program, not by the test code."""
    return "or1_from_program" in vars(error)


def error_of(
    described: Any,
    *,
    stops: bool,
    make: Callable[[Any, Sequence[Any], str, list[str], str, Sequence[str]], Exception],
    way: Sequence[str] = (),
) -> BaseException:
    """The exception for a description; one that ends loops only where Python expects it (`stops`).

    Raised by a function, StopIteration would end a loop of the tests over `map(function, ...)`.

    `make` returns an instance of a class that is not Python's, from its nearest class of Python, arguments,
    text, names and module, and its way from the exception that was raised: attributes as `__cause__`.
    """
    is_complete = isinstance(described, list) and len(described) == 8
    name, text, _, module, args, names, cause, context = described if is_complete else [""] * 8
    cls: Any = vars(builtins).get(str(name))
    ordinary = isinstance(cls, type) and (issubclass(cls, Exception) or name in _ENDINGS)
    ends_loops = name in ("StopIteration", "StopAsyncIteration")
    error: Any
    if not ordinary or (ends_loops and not stops):
        error = RuntimeError(f"{name}: {text}")
    else:
        given = _arguments(args, str(text))
        is_named = isinstance(names, list) and not ends_loops and name not in _ENDINGS
        lineage = [str(each) for each in names] if is_named else []
        try:
            error = make(cls, given, str(text), lineage, str(module), way) if lineage else cls(*given)
        except Exception:  # a class with other parameters
            error = cls.__new__(cls)
            error.args = tuple(given)
    if len(way) < _MOST_CAUSES:
        read = partial(error_of, stops=False, make=make)
        if cause:
            error.__cause__ = error.__context__ = read(cause, way=(*way, "__cause__"))
        if context:
            error.__context__ = read(context, way=(*way, "__context__"))
    error.or1_from_program = True
    return error  # type: ignore[no-any-return]


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
