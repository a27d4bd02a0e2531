"""Objects of classes that the tests define, on both sides. Standard library only: see `rpc`.

The program has no code of such a class. An object of one crosses with its attributes and a number; on the
program's side it is an instance of a class whose special methods, and any attribute that the object does not
have there, come from the tests' side. On its way back it is the tests' own object again, and what either side
changes in an object that the other one holds reaches it with the next message. A class with nothing but
`__init__` and one that both sides have are data: after many objects, further ones of these cross as copies.
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
from operator import is_
from typing import Any

from or1_verify.code.rpc_atoms import attributes_of
from or1_verify.code.rpc_enums import definition_of, made_enum, member_of
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


_MOST_COPIED, _MOST_FOLLOWED, _MOST_PARTS = 10_000, 256, 1000
"""Largest number of objects of data with a number, of those whose changes are looked for, and of the elements
of a list in one."""
_ONLY_HERE = 3
"""References to an object that is held here alone: two from here, and one of a call."""
_ATOMS = frozenset({type(None), bool, int, float, str})


class _Followed:
    """Objects that both sides hold, as they were when they crossed last."""

    def __init__(self) -> None:
        self._crossed: dict[int, tuple[Any, list[Any]]] = {}
        self._new: list[Any] = []

    def note(self, value: Any) -> None:
        """Note that an object crosses in this call."""
        self._new.append(value)

    def end_call(self, *, is_kept: bool) -> None:
        """Follow the objects that have crossed in a call, as they are now, if the program keeps some."""
        kept = [each for each in self._new if is_kept or id(each) in self._crossed]
        self._crossed |= {id(each): (each, _parts(each)) for each in kept}
        self._new.clear()
        while len(self._crossed) > _MOST_FOLLOWED:
            del self._crossed[next(iter(self._crossed))]

    def changed(self) -> list[Any]:
        """The objects that have changed since."""
        held = [each for each in self._crossed.values() if sys.getrefcount(each[0]) > _ONLY_HERE]
        now = ((value, _parts(value), old) for value, old in held)
        return [value for value, new, old in now if len(new) != len(old) or not all(map(is_, new, old))]

    def set_part(self, target: Any, name: str, value: Any) -> None:
        """Set an attribute to a value of the other side; lists and dictionaries stay the same objects."""
        try:
            before = object.__getattribute__(target, name)
        except AttributeError:
            before = _Followed
        is_kept = type(before) is type(value)
        if not is_kept or not (self.content(before) == self.content(value) or _refill(before, value)):
            object.__setattr__(target, name, value)

    def content(self, value: Any) -> Any:
        """A value as entries, to be compared: other objects as themselves."""
        if type(value) in _ATOMS:
            return type(value), value
        this: Any = self
        own = types.SimpleNamespace(numbered=this.numbered, state=lambda value, attributes: {})
        encoder = ValueEncoder(frozenset(), lambda each: ["id", id(each)], own=own)
        return encoder.item(value), encoder.entries


def _parts(value: Any) -> list[Any]:
    """The attributes of an object, and the elements of lists and the like in them."""
    attributes = attributes_of(value) if hasattr(type(value), "__slots__") else vars(value)
    parts = [*attributes, *attributes.values()]
    for each in attributes.values():
        if type(each) in (list, set, deque, dict) and len(each) <= _MOST_PARTS:
            parts += [*each, *each.values()] if type(each) is dict else each
    return parts


class OwnObjects(_Followed):
    """The objects of the tests' classes that have crossed, on the tests' side."""

    def __init__(self, known_classes: frozenset[str]) -> None:
        """Start without objects.

        Args:
            known_classes: names of classes whose code the program's side has too.
        """
        super().__init__()
        self._known_classes = known_classes
        self._methods: dict[type, list[str] | None] = {}
        self._data: set[type] = set()
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
        if isinstance(value, enum.Enum | enum.EnumType):
            made: Any = value if isinstance(value, type) else cls
            is_own = made.__module__ == "__main__" and made.__name__ not in self._known_classes
            return definition_of(value, made, self._number(made), _special(made)) if is_own else None
        is_copied = cls in self._data and len(self._objects) >= _MOST_COPIED
        return None if is_copied and id(value) not in self._numbers else [self._number(value), methods]

    def _number(self, value: Any) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return self._numbers[id(value)]

    def _methods_of(self, cls: type) -> list[str] | None:
        if issubclass(cls, enum.Enum | enum.EnumType):
            return _special(cls)
        if cls.__module__ != "__main__" or issubclass(cls, BaseException | tuple | type):
            return None
        inherited = [each for each in cls.__mro__ if each.__module__ != "__main__" and each not in _NEUTRAL]
        if cls.__name__ in self._known_classes:
            self._data.add(cls)
            return None if inherited else []
        if inherited:
            name = inherited[0].__name__
            raise UnsupportedTestsError(f"a {cls.__name__}, which inherits from {name}, for the program")
        special = _special(cls)
        if not special and not any(map(_is_member, _members(cls).items())):
            self._data.add(cls)
        return special

    def state(self, value: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes that cross with an object: all."""
        self.note(value)
        return attributes

    def find(self, entry: Sequence[Any]) -> Any:
        """The tests' own object of an entry that came back."""
        if entry[0] == "member":
            return member_of(self._objects[entry[3]], entry)
        return self._objects[int(entry[4])] if int(entry[4]) >= 0 else None

    def has(self, value: Any) -> bool:
        """Whether an object has crossed, or the class of a member; not such a class itself."""
        number = self._numbers.get(id(type(value) if isinstance(value, enum.Enum) else value))
        return number is not None and not isinstance(value, type)

    def may_read(self, args: Sequence[Any]) -> bool:
        """Whether the program may ask for an attribute of an object that has crossed."""
        if len(args) != 2 or not self.has(args[0]) or type(args[1]) is not str:
            return False
        return args[1][:2] != "__" or args[1] in (self._methods.get(type(args[0])) or ())

    def update(self, target: Any, state: Mapping[str, Any], may_set: Callable[[type, str], bool]) -> None:
        """Set the attributes that the program changed."""
        for name, value in state.items():
            if may_set(type(target), name):
                self.set_part(target, name, value)
        self.note(target)


class Method:
    """A method of this name, to be called with an object of the tests."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, this: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(this, self.name)(*args, **kwargs)


def _members(cls: type) -> dict[str, Any]:
    """The names that the tests define in a class and those that it inherits from."""
    own = [each for each in reversed(cls.__mro__) if each.__module__ == "__main__"]
    return {name: each for base in own for name, each in vars(base).items()}


def _special(cls: type) -> list[str]:
    """The special methods that the tests define in a class."""
    methods = {name: each for name, each in _members(cls).items() if isinstance(each, types.FunctionType)}
    names = [name for name, each in methods.items() if name[:2] == "__" and each.__module__ != "enum"]
    return [name for name in names if name not in _MAKING]


def _is_member(item: tuple[str, Any]) -> bool:
    name, value = item
    is_public = name[:2] != "__" or name == "__getattr__"
    return is_public and name[:5] != "_abc_" and not isinstance(value, types.MemberDescriptorType)


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


class StandIns(_Followed):
    """The same objects on the program's side."""

    def __init__(
        self,
        find_class: Callable[[str], type | None],
        call: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any],
    ) -> None:
        """Start without objects.

        Args:
            find_class: the program's own class of a name, if it has one.
            call: calls a function on the tests' side.
        """
        super().__init__()
        self._find_class, self._call = find_class, call
        self._received: dict[int, dict[str, Any]] = {}
        self._classes: dict[tuple[str, ...], type] = {}
        self._entries: dict[int, list[Any]] = {}
        self._objects: dict[int, Any] = {}

    def numbered(self, value: Any) -> list[Any] | None:
        """The number of an object of the tests and its methods; None for other objects."""
        return self._entries.get(id(value))

    def state(self, value: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes that cross with an object: those that the program changed."""
        self.note(value)
        received = self._received.get(id(value), {})  # empty where a hash is needed before all has come
        for name in received.keys() & attributes.keys():
            if received[name] != self.content(attributes[name]):
                del received[name]  # it crosses from now on, also if the program changes it back
        return {name: each for name, each in attributes.items() if name not in received}

    def find(self, entry: Sequence[Any]) -> Any:
        """The object of an entry: the same one each time."""
        name, number, methods = entry[1], entry[3 if entry[0] == "member" else 4], entry[-1]
        if entry[0] == "member":
            if number not in self._objects:
                made = self._objects[number] = made_enum(entry, self._namespace(methods))
                self._entries |= {id(each): ["member", name, each.name, number] for each in made}
                self._entries[id(made)] = ["member", name, "", number]
            return member_of(self._objects[number], entry)
        if number not in self._objects:
            cls: Any = self._find_class(name) or self._class(name, methods, number)
            self._objects[number] = cls.__new__(cls)
            self._entries[id(self._objects[number])] = [number, methods]
        return self._objects[number]

    def _namespace(self, methods: list[str]) -> dict[str, Any]:
        return {each: self._method(each) for each in methods} | {"__getattr__": self._attribute}

    def _class(self, name: str, methods: list[str], number: int) -> type:
        key = (name, *methods)
        if key not in self._classes:

            def make(_: type, *args: Any, **kwargs: Any) -> Any:  # `type(node)(4)` of the program
                return self._call(Method("__class__"), (self._objects[number], *args), kwargs)

            self._classes[key] = type("type", (type,), {"__call__": make})(name, (), self._namespace(methods))
        return self._classes[key]

    def _method(self, name: str) -> Callable[..., Any]:
        return lambda this, *args, **kwargs: self._call(Method(name), (this, *args), kwargs)

    @property
    def _attribute(self) -> Callable[[Any, str], Any]:
        def attribute(this: Any, name: str) -> Any:
            if name[:2] == "__" or (name[:1] == "_" and isinstance(this, enum.Enum)):
                raise AttributeError(f"{type(this).__name__!r} object has no attribute {name!r}")
            found = self._call(getattr, (this, name), {})
            is_method = type(found).__name__ == "RemoteObject" and found._or1_label == "method"
            return types.MethodType(self._method(name), this) if is_method else found

        return attribute

    def update(self, target: Any, state: Mapping[str, Any], may_set: Callable[[type, str], bool]) -> None:
        """Set the attributes of an object; those that are not in its state are removed."""
        for name in attributes_of(target).keys() - state.keys():
            object.__delattr__(target, name)
        for name, value in state.items():
            self.set_part(target, name, value)
        self._received[id(target)] = {name: self.content(each) for name, each in state.items()}
        self.note(target)


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
        is_class = function.name == "__class__" and len(args) > 0 and own.has(args[0])
        return is_class or own.may_read([*args[:1], function.name])
    if function is bool and len(args) == 1 and callable(args[0]):
        return True  # `key or default` of a function that it was given
    if any(function is each for each in (iter, next, len)):
        return len(args) == 1 and is_iterator(args[0])
    if function in (isinstance, issubclass):
        return len(args) == 2 and type(args[1]) is type
    if len(args) == 2 and is_iterator(
        args[0]
    ):  # it has neither elements nor keys: the program gets the error
        return function is operator.getitem or (function is getattr and not hasattr(args[0], str(args[1])))
    return function is getattr and (own.may_read(args) or is_about_function(args))
