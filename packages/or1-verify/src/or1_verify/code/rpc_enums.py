"""Enumerations of the tests on the program's side. Standard library only: see `rpc`.

A member crosses as its name and the definition of its class; the program's side makes a class like it, whose
methods run on the tests' side. On its way back it is the tests' own member again.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping, Sequence
from typing import Any

from or1_verify.code.rpc_errors import UnsupportedTestsError

_PYTHONS: tuple[Any, ...] = enum.Enum, enum.IntEnum, enum.StrEnum
_BASES = {each.__name__: (each,) for each in _PYTHONS} | {"int": (int, enum.Enum), "str": (str, enum.Enum)}
"""The bases of an enumeration that can cross, by the name of the first one of Python."""


def definition_of(value: Any, cls: Any, number: int, methods: list[str]) -> list[Any]:
    """The entry of a member of a class, or of the class itself, which has no name there.

    Raises:
        UnsupportedTestsError: the class has other bases or values than those that cross.
    """
    base = next(each.__name__ for each in cls.__mro__ if each.__module__ != "__main__")
    values = {name: each.value for name, each in cls.__members__.items()}
    if base not in _BASES or not all(type(each) in (int, str, float, bool) for each in values.values()):
        raise UnsupportedTestsError(f"the enumeration {cls.__name__} for the program")
    return ["member", cls.__name__, "" if cls is value else value.name, number, base, values, methods]


def made_enum(entry: Sequence[Any], methods: Mapping[str, Any]) -> Any:
    """A class like the enumeration of an entry, with these methods."""

    def fill(body: dict[str, Any]) -> None:
        for name, each in {**entry[5], **methods}.items():
            body[name] = each

    return types.new_class(entry[1], _BASES[entry[4]], exec_body=fill)


def member_of(found: Any, entry: Sequence[Any]) -> Any:
    """The member that an entry names, of its enumeration, or the enumeration itself."""
    if not isinstance(found, enum.EnumType):
        raise TypeError("no enumeration")
    return found[entry[2]] if entry[2] else found
