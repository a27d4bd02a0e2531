"""Exception classes of a program on the tests' side. Standard library only: see `rpc`.

`except Bad` and `pytest.raises(Bad)` need a class in the tests' own process. It is made from facts that are
fixed when the program is loaded, before the program sees a call: the name and the bases of its class, down to
those of Python. An exception that the program raises belongs to the first class of its own that is known by
then, and otherwise to one class of Python. Its text, arguments and attributes are the program's.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from or1_verify.code.rpc_atoms import TransferError
from or1_verify.code.rpc_errors import UnsupportedTestsError, is_ordinary, is_pythons, library_error
from or1_verify.code.rpc_objects import RemoteObject

_MOST_CLASSES = 500
"""Largest number of exception classes of a program, with their bases."""


def error_table(scope: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The exception classes in a scope and in the classes of these names, and the names that stand for one.

    Returns `classes`, [name, module, bases] with the bases first, `names`, name -> class, and `missing`, the
    names that are not defined. A class is an index into `classes`, or the name of a class of Python.
    """
    classes: list[list[Any]] = []
    known: dict[int, int] = {}

    def reference(cls: type) -> int | str:
        if is_pythons(cls):
            return str(cls.__name__)
        if id(cls) not in known:
            bases = [reference(base) for base in cls.__bases__ if is_ordinary(base)]
            known[id(cls)] = len(classes)
            classes.append([cls.__name__, cls.__module__, bases])
        return known[id(cls)]

    objects = dict(scope)
    for name in [name for name in names if isinstance(scope.get(name), type)]:
        objects |= {f"{name}.{inner}": each for inner, each in vars(scope[name]).items()}
    found = {name: reference(each) for name, each in objects.items() if is_ordinary(each)}
    named = {name: each for name, each in found.items() if name.split(".")[0] in names}
    return {"classes": classes, "names": named, "missing": [name for name in names if name not in scope]}


class ErrorClasses:
    """The classes of the tests' side for a table of `error_table`, which a program may have forged."""

    def __init__(self, table: Any, endpoint: Any, scope: Mapping[str, Any]) -> None:
        """Make the classes; a class that the tests define themselves stands for the program's.

        Raises:
            TransferError: the table does not follow the format.
        """
        self._endpoint, self._scope = endpoint, scope
        self._by_name: dict[str, type[Exception]] = {}
        self._others: dict[tuple[str, str], type[Exception]] = {}
        try:
            classes = [(str(each[0]), str(each[1]), list(each[2])) for each in table["classes"]]
            names = {str(name): reference for name, reference in table["names"].items()}
            made: list[type[Exception]] = []
            for name, module, bases in classes[:_MOST_CLASSES]:
                made.append(self._made(name, module, [_referred(each, made) for each in bases]))
                self._by_name[name] = made[-1]
            named = {name: _referred(each, made) for name, each in names.items()}
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise TransferError(f"malformed table of exceptions: {error}"[:300]) from None
        # A failed check of the tests must never be what they expect of the program.
        self.named = {name: cls for name, cls in named.items() if not issubclass(AssertionError, cls)}
        for name, cls in self.named.items():
            if type(cls) is _ErrorClass:
                vars(type)["__setattr__"](cls, "or1_class", RemoteObject(endpoint, ["name", name], name))

    def _made(self, name: str, module: str, bases: Sequence[type[Exception]]) -> type[Exception]:
        found = self._of_tests(name) or library_error(name, module)
        return found or _new_class(name, bases)

    def _of_tests(self, name: str) -> type[Exception] | None:
        found: Any = self._scope.get(name)
        is_own = is_ordinary(found) and found.__module__ == "__main__"
        return found if is_own and type(found) is not _ErrorClass else None

    def find(self, lineage: Sequence[str], module: str, base: type[Exception]) -> type[Exception]:
        """The class of an exception of the program: its own and inherited names, and its class of Python."""
        for name in lineage:
            found = self._of_tests(name) or self._by_name.get(name)
            if found is not None:
                return found
        own = str(lineage[0])
        key = (own, base.__name__)
        if key not in self._others:
            self._others[key] = library_error(own, module) or _new_class(own, [base])
        return self._others[key]


def _referred(reference: Any, made: Sequence[type[Exception]]) -> type[Exception]:
    found = vars(builtins)[reference] if isinstance(reference, str) else made[reference]
    if not is_ordinary(found):
        raise ValueError("a class that ends loops or programs")
    return found  # type: ignore[no-any-return]


def _new_class(name: str, bases: Sequence[type[Exception]]) -> type[Exception]:
    mixed = [_Error] if not any(issubclass(base, _Error) for base in bases) else []
    namespace = {"__module__": "solution"}
    try:
        return _ErrorClass(name, (*mixed, *(bases or [Exception])), namespace)  # type: ignore[return-value]
    except TypeError:  # no order of these bases
        return _ErrorClass(name, (*mixed, Exception), namespace)  # type: ignore[return-value]


class _ErrorClass(type):
    """The class of the classes made here; instances that the tests make are made by the program too."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        found = cls._or1_class().__call__(*args, **kwargs)
        given = found.args if type(found) is RemoteObject else None
        if not isinstance(given, tuple):
            raise TransferError("malformed reply: an exception without arguments")
        return new_error(cls, given, None, found)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._or1_class(), name)

    def __instancecheck__(cls, other: Any) -> bool:
        if type(other) is RemoteObject and "or1_class" in vars(cls):
            return bool(cls._or1_class().__instancecheck__(other))
        return type.__instancecheck__(cls, other)

    def _or1_class(cls) -> RemoteObject:
        if "or1_class" not in vars(cls):
            raise UnsupportedTestsError(
                f"the class {cls.__name__} of the program, which the tests do not name"
            )
        found: RemoteObject = vars(cls)["or1_class"]
        return found


class _Error(Exception):
    """An exception of the program: attributes that this side does not have are the program's."""

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("or1_object")
        if name.startswith("__"):
            raise AttributeError(name)
        if found is None:
            raise UnsupportedTestsError(f"the attribute {name} of an exception of the program")
        return getattr(found, name)

    def __bool__(self) -> bool:
        return True

    def _or1_operator(self, *others: Any) -> Any:
        raise UnsupportedTestsError(f"an operator of an exception of the program ({type(self).__name__})")

    __contains__ = __iter__ = __len__ = __getitem__ = _or1_operator

    def __str__(self) -> str:
        text = vars(self).get("or1_text")
        return str(vars(self)["or1_object"]) if text is None else str(text)

    def __repr__(self) -> str:
        found = vars(self).get("or1_object")
        return BaseException.__repr__(self) if found is None else repr(found)


def new_error(cls: Any, args: Sequence[Any], text: str | None, found: RemoteObject | None) -> Exception:
    """An instance of a class that is made here, without a call of the program."""
    error: Exception = cls.__new__(cls, *args)
    try:  # of Python's own class: it sets `msg` of a SyntaxError
        next(each for each in cls.__mro__ if is_pythons(each)).__init__(error, *args)
    except (TypeError, ValueError, IndexError):  # other arguments than those of that class
        BaseException.__init__(error, *args)
    vars(error).update(or1_text=text, or1_object=found)
    return error


def is_made(cls: Any) -> bool:
    """Whether a class is made here."""
    return type(cls) is _ErrorClass


def stand_in_at(call: Callable[..., Any], found: Any, way: Sequence[str]) -> RemoteObject | None:
    """The stand-in for the cause at the end of a way from an exception; None if there is none."""
    for step in way:
        found = call(getattr, (found, step), {}) if type(found) is RemoteObject else None
    return found if type(found) is RemoteObject else None


def remote_of(value: Any) -> RemoteObject | None:
    """The stand-in for a class or an exception that is made here; None for other values."""
    if type(value) is _ErrorClass:
        return value._or1_class()
    return vars(value).get("or1_object") if type(type(value)) is _ErrorClass else None
