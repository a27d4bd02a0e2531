"""Objects of classes that the tests define, on both sides. Standard library only: see `rpc`.

The program has no code of such a class. An object of one crosses with its attributes and a number; on the
program's side it is an instance of a class whose special methods, and any attribute that the object does not
have there, come from the tests' side. On its way back it is the tests' own object again. A class with
nothing but `__init__` is data: its objects cross without a number.
"""

from __future__ import annotations

import abc
import enum
import operator
import sys
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from or1_verify.code.rpc_errors import UnsupportedTestsError
from or1_verify.code.rpc_functions import is_about_function
from or1_verify.code.rpc_values import ValueEncoder

_MAKING_NAMES = (
    "__init__ __new__ __post_init__ __getattr__ __getattribute__ __setattr__ __delattr__ __del__ "
    "__init_subclass__ __class_getitem__ __set_name__"
)
_MAKING = frozenset(_MAKING_NAMES.split())
"""Special methods that make objects and reach attributes: they do not cross."""
_NEUTRAL: tuple[Any, ...] = (object, abc.ABC, typing.Generic, typing.Protocol)
"""Base classes without data of their own."""


class OwnObjects:
    """The objects of the tests' classes that have crossed, on the tests' side."""

    def __init__(self, known_classes: frozenset[str], node_classes: frozenset[str]) -> None:
        """Start without objects.

        Args:
            known_classes: names of classes whose code the program's side has too.
            node_classes: names of classes whose instances are transferred as their attributes.
        """
        self._known_classes, self._node_classes = known_classes, node_classes
        self._methods: dict[type, list[str] | None] = {}
        self._numbers: dict[int, int] = {}
        self._objects: list[Any] = []

    def numbered(self, value: Any) -> list[Any] | None:
        """The number of an object and the special methods of its class; None if it crosses as data.

        Raises:
            UnsupportedTestsError: its class inherits data from a class of Python.
        """
        cls = type(value)
        if cls not in self._methods:
            self._methods[cls] = self._methods_of(cls)
        methods = self._methods[cls]
        if methods is None:
            return None
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return [self._numbers[id(value)], methods]

    def _methods_of(self, cls: type) -> list[str] | None:
        is_own = cls.__module__ == "__main__" and cls.__name__ not in self._known_classes
        if not is_own or issubclass(cls, BaseException | enum.Enum | tuple | type):
            return None
        own = [each for each in cls.__mro__ if each.__module__ == "__main__"]
        inherited = [each for each in cls.__mro__ if each not in own and each not in _NEUTRAL]
        if inherited:
            name = inherited[0].__name__
            raise UnsupportedTestsError(f"a {cls.__name__}, which inherits from {name}, for the program")
        members = {name: each for base in reversed(own) for name, each in vars(base).items()}
        special = [
            name
            for name, each in members.items()
            if name[:2] == "__" and name not in _MAKING and isinstance(each, types.FunctionType)
        ]
        is_data = not special and "__getattr__" not in members and not any(map(_is_member, members.items()))
        return None if is_data else special

    def state(self, value: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes that cross with an object: all."""
        return attributes

    def find(self, entry: Sequence[Any]) -> Any:
        """The tests' own object of an entry that came back."""
        return self._objects[int(entry[4])] if int(entry[4]) >= 0 else None

    def may_read(self, args: Sequence[Any]) -> bool:
        """Whether the program may ask for an attribute of an object that has crossed."""
        if len(args) != 2 or id(args[0]) not in self._numbers or type(args[1]) is not str:
            return False
        return args[1][:2] != "__" or args[1] in (self._methods[type(args[0])] or ())

    def update(self, target: Any, state: Mapping[str, Any], may_set: Callable[[type, str], bool]) -> None:
        """Set the attributes that the program changed; lists and dictionaries stay the same objects."""
        for name, value in state.items():
            try:
                before = object.__getattribute__(target, name)
            except AttributeError:
                before = OwnObjects
            is_kept = type(before) is type(value)
            if (is_kept and self._content(before) == self._content(value)) or not may_set(type(target), name):
                continue
            if not is_kept or not _refill(before, value):
                object.__setattr__(target, name, value)

    def _content(self, value: Any) -> Any:
        return _content(self, self._node_classes, value)


class _ByNumber:
    """Objects of the tests as their numbers alone."""

    def __init__(self, objects: OwnObjects | StandIns) -> None:
        self._objects = objects

    def numbered(self, value: Any) -> list[Any] | None:
        return self._objects.numbered(value)

    def state(self, value: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        return {}


def _content(objects: OwnObjects | StandIns, node_classes: frozenset[str], value: Any) -> Any:
    """A value as entries, to be compared: other objects as themselves."""
    encoder = ValueEncoder(node_classes, lambda each: ["id", id(each)], own=_ByNumber(objects))
    return encoder.item(value), encoder.entries


class Method:
    """A method of this name, to be called with an object of the tests."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, this: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(this, self.name)(*args, **kwargs)


def _is_member(item: tuple[str, Any]) -> bool:
    name, value = item
    return name[:2] != "__" and name[:5] != "_abc_" and not isinstance(value, types.MemberDescriptorType)


def _refill(target: Any, value: Any) -> bool:
    if isinstance(target, list | bytearray):
        target[:] = value
    elif isinstance(target, dict | set):
        target.clear()
        target.update(value)
    elif isinstance(target, deque):
        target.clear()
        target.extend(value)
    else:
        return False
    return True


class StandIns:
    """The same objects on the program's side."""

    def __init__(
        self,
        find_class: Callable[[str], type | None],
        call: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any],
        node_classes: frozenset[str],
    ) -> None:
        """Start without objects.

        Args:
            find_class: the program's own class of a name, if it has one.
            call: calls a function on the tests' side.
            node_classes: names of classes whose instances are transferred as their attributes.
        """
        self._find_class, self._call, self._node_classes = find_class, call, node_classes
        self._received: dict[int, dict[str, Any]] = {}
        self._classes: dict[tuple[str, ...], type] = {}
        self._entries: dict[int, list[Any]] = {}
        self._objects: dict[int, Any] = {}

    def numbered(self, value: Any) -> list[Any] | None:
        """The number of an object of the tests and its methods; None for other objects."""
        return self._entries.get(id(value))

    def state(self, value: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes that cross with an object: those that the program changed."""
        received = self._received[id(value)]
        return {
            name: each
            for name, each in attributes.items()
            if name not in received or received[name] != _content(self, self._node_classes, each)
        }

    def find(self, entry: Sequence[Any]) -> Any:
        """The object of an entry: the same one each time."""
        number = int(entry[4])
        if number not in self._objects:
            name, methods = str(entry[1]), [str(each) for each in entry[5]]
            cls: Any = self._find_class(name) or self._class(name, methods)
            self._objects[number] = cls.__new__(cls)
            self._entries[id(self._objects[number])] = [number, methods]
        return self._objects[number]

    def _class(self, name: str, methods: list[str]) -> type:
        key = (name, *methods)
        if key not in self._classes:
            namespace: dict[str, Any] = {each: self._method(each) for each in methods}
            namespace["__getattr__"] = self._attribute
            self._classes[key] = type(name, (), namespace)
        return self._classes[key]

    def _method(self, name: str) -> Callable[..., Any]:
        return lambda this, *args, **kwargs: self._call(Method(name), (this, *args), kwargs)

    @property
    def _attribute(self) -> Callable[[Any, str], Any]:
        def attribute(this: Any, name: str) -> Any:
            if name[:2] == "__":
                raise AttributeError(f"{type(this).__name__!r} object has no attribute {name!r}")
            found = self._call(getattr, (this, name), {})
            is_method = type(found).__name__ == "RemoteObject" and found._or1_label == "method"
            return types.MethodType(self._method(name), this) if is_method else found

        return attribute

    def update(self, target: Any, state: Mapping[str, Any], may_set: Callable[[type, str], bool]) -> None:
        """Set the attributes of an object; those that are not in its state are removed."""
        for name in [name for name in vars(target) if name not in state]:
            object.__delattr__(target, name)
        for name, value in state.items():
            object.__setattr__(target, name, value)
        content = {name: _content(self, self._node_classes, each) for name, each in state.items()}
        self._received[id(target)] = content


def is_mocked(args: Sequence[Any]) -> bool:
    """Whether an attribute of a Mock of the tests is read that records calls: not one that each Mock has."""
    mock: Any = sys.modules.get("unittest.mock")
    if mock is None or len(args) != 2 or not isinstance(args[0], mock.Mock) or type(args[1]) is not str:
        return False
    return args[1][:1] != "_" and not hasattr(mock.Mock, args[1]) and args[1] not in dir(mock.Mock())


def identity_of(value: Any) -> object:
    """Equal for the same object; each `xs.append` is a new one, and the same method of the same list."""
    if isinstance(value, types.MethodType):
        return id(value.__self__), id(value.__func__)
    return (id(value.__self__), value.__name__) if isinstance(value, types.BuiltinMethodType) else id(value)


def is_iterator(value: Any) -> bool:
    """Whether an object of the tests crosses as an iterator: one of Python's own."""
    return isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools")


def may_use(own: OwnObjects, function: Any, args: Sequence[Any]) -> bool:
    """Whether a program may call a function of Python, or a method of a class that both sides have, on
    objects of the tests."""
    if type(function) is Method:
        return own.may_read([*args[:1], function.name])
    if function is bool and len(args) == 1 and callable(args[0]):
        return True  # `key or default` of a function that it was given
    if any(function is each for each in (iter, next, len)):
        return len(args) == 1 and is_iterator(args[0])
    if function in (isinstance, issubclass):
        return len(args) == 2 and type(args[1]) is type
    if (
        len(args) == 2
        and is_iterator(args[0])
        and (function is operator.getitem or (function is getattr and not hasattr(args[0], str(args[1]))))
    ):
        return True  # an iterator has neither elements nor keys: the program gets the error for it
    return function is getattr and (own.may_read(args) or is_about_function(args))
