"""Messages between processes: data alone, of types that the receiving side names.

A message is JSON. A verifier travels as the import path of its class and its attributes: the receiving side
imports the class, and takes nothing but a `Verifier`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from operator import attrgetter
from typing import Any

from or1_verify.base import Verifier

_ATOMS = frozenset({type(None), bool, int, float, str})


class MessageError(ValueError):
    """A message that is damaged, or has a value that its receiver does not take."""


def encode(message: object) -> bytes:
    """The bytes of a message.

    Raises:
        TypeError: a value that is neither a number, a text, a list, a tuple, a mapping, a member of an
            enumeration, a dataclass nor a verifier.
    """
    return json.dumps(Writer().plain(message)).encode()


def decode(content: bytes, types: Sequence[type]) -> Any:
    """The message of `encode`; mappings come as dictionaries.

    Args:
        content: of one message.
        types: the dataclasses and enumerations that it may hold; `Verifier` for all verifiers.

    Raises:
        MessageError: it is damaged or holds other types.
    """
    return Reader(types).message(content)


class Writer:
    """Makes JSON of a message."""

    def plain(self, value: Any) -> Any:
        """JSON of a value; TypeError if it is none of the known kinds."""
        match value:
            case Enum():
                return {"type": type(value).__name__, "fields": {"value": value.value}}
            case None | bool() | int() | float() | str():
                return value
            case list():
                return value if _ATOMS.issuperset(map(type, value)) else [self.plain(each) for each in value]
            case tuple():
                return {"tuple": self.plain([*value])}
            case Mapping():
                return {"items": [[self.plain(key), self.plain(each)] for key, each in value.items()]}
        if isinstance(value, type) or not (is_dataclass(value) or isinstance(value, Verifier)):
            raise TypeError(f"a {type(value).__name__} cannot cross between processes")
        names = {field.name for field in fields(value)} if is_dataclass(value) else set()
        path = type(value).__name__
        if isinstance(value, Verifier):
            path, names = _import_path(type(value)), names | vars(value).keys()
        return {"type": path, "fields": {name: self.plain(getattr(value, name)) for name in sorted(names)}}


class Reader:
    """Makes the message of its JSON again."""

    def __init__(self, types: Sequence[type]) -> None:
        """Take the types that a message may hold."""
        self._types = {each.__name__: each for each in types}

    def message(self, content: bytes) -> Any:
        """The message in these bytes; MessageError if it cannot be read."""
        try:
            return self.value(json.loads(content))
        except (ValueError, TypeError, LookupError, AttributeError, ImportError, RecursionError) as error:
            raise MessageError(f"a message cannot be read: {type(error).__name__}: {error}") from error

    def value(self, plain: Any) -> Any:
        """A value from its JSON."""
        match plain:
            case list():
                return plain if _ATOMS.issuperset(map(type, plain)) else [self.value(each) for each in plain]
            case {"tuple": list(parts)}:
                return tuple(self.value(parts))
            case {"items": list(pairs)}:
                return {self.value(key): self.value(each) for key, each in pairs}
            case {"type": str(name), "fields": dict(named)}:
                return self._made(name, {field: self.value(each) for field, each in named.items()})
            case dict():
                raise ValueError(f"a value with the keys {sorted(plain)}")
        return plain

    def _made(self, name: str, values: Mapping[str, Any]) -> Any:
        if name in self._types:
            return self._types[name](**values)
        module, _, inner = name.rpartition(":")
        if module and Verifier in self._types.values():
            found = attrgetter(inner)(import_module(module))
            if issubclass(found, Verifier):
                verifier = object.__new__(found)
                for attribute, value in values.items():
                    object.__setattr__(verifier, attribute, value)
                return verifier
        raise LookupError(f"it holds a {name}, and may hold {', '.join(self._types) or 'no type'}")


def _import_path(of: type) -> str:
    """Import path of a verifier; TypeError if workers cannot import it."""
    path = f"{of.__module__}:{of.__qualname__}"
    if path.startswith("__main__:") or "<locals>" in path:
        raise TypeError(f"workers cannot import the verifier {path}: define it at the top of a module")
    return path
