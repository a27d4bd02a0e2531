"""Values without parts, and the kinds of other values, for `rpc_values`. Standard library only: see `rpc`."""

from __future__ import annotations

import builtins
import copy
import operator
import sys
from array import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, ItemsView, Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as daytime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial
from types import FunctionType, GeneratorType, GenericAlias, MappingProxyType, UnionType
from typing import Any

_FRACTION_DIGITS = 1 << 14
"""Longest numerator and denominator together [hexadecimal digits]."""


class TransferError(BaseException):
    """A payload that does not follow the format of this module."""


def is_namedtuple(value: Any) -> bool:
    """Whether a tuple has named fields, none of which hides a method."""
    fields = vars(type(value)).get("_fields") if isinstance(value, tuple) else None
    return isinstance(fields, tuple) and len(fields) == len(value) and all(map(_is_field, fields))


def _is_field(name: Any) -> bool:
    return type(name) is str and name.isidentifier() and name[:1] != "_" and not hasattr(tuple, name)


@lru_cache(maxsize=256)
def named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    """A class of named tuples; TransferError for names that hide a method."""
    if not name.isidentifier() or not all(map(_is_field, fields)):
        raise TransferError("malformed payload: invalid names of fields")
    return namedtuple(name, fields)


def atom_of(value: Any) -> list[Any] | None:
    """The entry of a value without parts; None for other values. Subclasses lose their class."""
    if isinstance(value, bool | float | str) or value is None:
        plain = float.__float__(value) if isinstance(value, float) else str.__str__(value)
        return ["scalar", plain]
    if isinstance(value, int):
        return ["int", format(int.__index__(value), "x")]
    if isinstance(value, bytes | bytearray):
        return ["bytes" if isinstance(value, bytes) else "bytearray", value.hex()]
    if isinstance(value, array):
        kind = f"array {value.typecode}"
        return [kind, value.tobytes().hex()] if kind in SERIES else None
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if isinstance(value, range):
        return ["range", *(format(part, "x") for part in (value.start, value.stop, value.step))]
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return ["slice", *parts] if all(type(part) in (int, type(None)) for part in parts) else None
    if isinstance(value, Fraction):
        return ["fraction", format(value.numerator, "x"), format(value.denominator, "x")]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    if isinstance(value, datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, date | daytime):
        return ["date" if isinstance(value, date) else "time", value.isoformat()]
    if isinstance(value, timedelta):
        return ["timedelta", value.days, value.seconds, value.microseconds]
    return None


_BASES = (
    *(str, int, float, complex, bytes, bytearray, list, tuple, set, frozenset, deque, dict),
    *(Fraction, Decimal, date, timedelta),
)
"""Classes of values."""


def value_kind(value: Any) -> str:
    """Whether an object is a value by a class that it inherits from: "exact", "own" (own equality), or ""."""
    if not isinstance(value, _BASES):
        return ""
    return "own" if has_own_equality(type(value)) else "exact"


def has_own_equality(cls: type) -> bool:
    """Whether a class of values defines an equality of its own."""
    owner = next(each for each in cls.__mro__ if "__eq__" in vars(each))
    return issubclass(cls, _BASES) and owner not in (*_BASES, Counter, OrderedDict, datetime)


def is_foreign(value: Any) -> bool:
    """Whether a value is of a class of Python's library and cannot cross, as a UUID: no result equals it."""
    module = type(value).__module__.split(".")[0]
    is_library = module in sys.stdlib_module_names and module not in ("builtins", "unittest", "__main__")
    return is_library and not value_kind(value) and atom_of(value) is None and not callable(value)


def attributes_of(node: Any) -> dict[str, Any]:
    """The attributes of an instance, those in slots too."""
    names = list(vars(node)) if hasattr(node, "__dict__") else []
    for cls in type(node).__mro__:
        slots = vars(cls).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return {name: getattr(node, name) for name in names if hasattr(node, name) and name.isidentifier()}


def element_type(text: str) -> str:
    """The type of the elements of a numpy array; TransferError for one that is not of numbers or texts."""
    if text[1:2] == "U":
        return "U"  # the longest text decides the size
    if len(text) > 5 or text[1:2] not in ("b", "i", "u", "f", "c"):
        raise TransferError("malformed payload: not a number type")
    return text


def is_value_class(cls: type) -> bool:
    """Whether instances of a class cross as the values that it inherits from."""
    return issubclass(cls, (str, int, float, list, tuple, dict, set, frozenset, deque))


def has_own_operators(cls: type) -> bool:
    """Whether a class, or one of its module that it inherits from, defines an operator."""
    own = [vars(each) for each in cls.__mro__ if each.__module__ == cls.__module__]
    return any(f"__{name}__" in names for names in own for name in OPERATORS)


def is_capitalised(name: str) -> bool:
    """Whether a name begins with a capital letter: `Stack`, `_Stack`, `LIMIT`."""
    return name.lstrip("_")[:1].isupper()


def is_class_name(name: str) -> bool:
    """Whether a name is written as that of a class, not of a constant: `Stack`, `T`."""
    short = name.lstrip("_")
    return is_capitalised(name) and (len(short) == 1 or not short.isupper())


def is_type(key: Any) -> bool:
    """Whether a key is a class or a form of one: `Stack[int]` is the class `Stack`."""
    return isinstance(key, type | GenericAlias | UnionType) or type(key).__module__ == "typing"


def _fraction(above: str, below: str) -> Fraction:
    """A fraction, of limited length: reducing it takes quadratic time."""
    if len(above) + len(below) > _FRACTION_DIGITS:
        raise TransferError("a fraction of too many digits")
    return Fraction(int(above, 16), int(below, 16))


_OPERATOR_NAMES = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul and or xor "
    "lshift rshift lt le gt ge neg pos abs invert int float complex index round enter exit copy deepcopy "
    "divmod rdivmod iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift"
)
OPERATORS = tuple(_OPERATOR_NAMES.split())
"""Special methods of operators and conversions, without underscores."""
KNOWN: Mapping[str, Any] = {
    **{name.strip("_"): found for name, found in vars(operator).items()},
    **{"copy": copy.copy, "deepcopy": copy.deepcopy, "NoneType": type(None), **vars(builtins)},
}
"""Functions, classes and constants of Python by name, operators without their underscores."""
NAMES = {id(found): name for name, found in KNOWN.items()}
"""The names of these objects, by `id`."""
_MAPPINGS = {"ChainMap": ChainMap, "mappingproxy": MappingProxyType}
CLASSES: dict[str, type] = {
    **_MAPPINGS,
    "generator": GeneratorType,
    "function": FunctionType,
    "type": type,
    **{
        name: cls
        for name, cls in vars(builtins).items()
        if isinstance(cls, type) and issubclass(cls, BaseException)
    },
}
"""Classes that `isinstance` sees, by the name of an object's class."""
_NO_VALUES = "method builtin_function_or_method module coroutine async_generator"
UNIQUE = CLASSES.keys() - _MAPPINGS.keys() | {*_NO_VALUES.split()}
"""Names of classes whose objects are equal to no other ones."""
FACTORIES = (list, dict, set, tuple, int, float, bool, str)
"""Default factories of a defaultdict that are transferred."""
DICTS: dict[type, str] = {Counter: "counter", OrderedDict: "ordereddict"}
"""Kind of a dictionary by its class."""
OWN_DEFAULT = "defaultdict own"
"""A dictionary whose missing values a function of the same side makes."""
SERIES: Mapping[str, Callable[[bytes], Any]] = {
    "bytearray": bytes,
    **{f"array {code}": partial(array, code) for code in "bBhHiIlLqQfd"},
}
"""Contents of mutable series of numbers, from bytes."""
EMPTY: Mapping[str, Callable[[], Any]] = {
    "list": list, "dict": dict, "counter": Counter, "ordereddict": OrderedDict, "set": set, "deque": deque,
    "bytearray": bytearray,
    **{kind: partial(make, b"") for kind, make in SERIES.items() if kind != "bytearray"},
    **{f"defaultdict {cls.__name__}": partial(defaultdict, cls) for cls in FACTORIES},
    OWN_DEFAULT: defaultdict,
}  # fmt: skip
MUTABLE = frozenset({*EMPTY, "node"})
ATOMS: Mapping[str, Callable[..., Any]] = {
    "int": lambda text: int(text, 16), "bytes": bytes.fromhex, "complex": complex,
    "range": lambda *parts: range(*(int(part, 16) for part in parts)),
    "fraction": lambda above, below: _fraction(above, below), "decimal": Decimal,
    "slice": slice, "datetime": datetime.fromisoformat, "date": date.fromisoformat, "timedelta": timedelta,
    "time": daytime.fromisoformat,
}  # fmt: skip

VIEWS: Mapping[str, Callable[[list[Any]], Any]] = {
    "dict_keys": lambda parts: dict.fromkeys(parts).keys(),
    "dict_values": lambda parts: dict(enumerate(parts)).values(),
    "dict_items": lambda parts: dict(zip(parts[::2], parts[1::2], strict=True)).items(),
}
"""Views of dictionaries, which cross as they are at that time, from their parts."""
_NO_PAIRS = dict[str, str]()
VIEW_TYPES = frozenset(map(type, (_NO_PAIRS.keys(), _NO_PAIRS.values(), _NO_PAIRS.items())))
FROM_PROGRAMS = frozenset(
    name
    for name, known in KNOWN.items()
    if (type(known) is type and known.__module__ == "builtins")
    or known in (NotImplemented, Ellipsis, getattr, iter, next, len, isinstance, issubclass)
) - {"BaseException", "Exception", "AssertionError"}
"""Names of Python that may come from a program: constants and classes, but for those of a failed check of the
tests, and the functions that a program may call on some objects of the tests."""


def parts_of_view(value: Any) -> list[Any]:
    """The parts of a view of a dictionary: of items, keys and values in turn."""
    return [part for pair in value for part in pair] if isinstance(value, ItemsView) else list(value)


def is_mutable(entry: Sequence[Any]) -> bool:
    """Whether the object of this entry is filled after it is made."""
    return bool(entry) and entry[0] in MUTABLE


def may_change(entry: Sequence[Any]) -> bool:
    """Whether the object of this entry can change in place."""
    return is_mutable(entry) or entry[:1] == ["array"]


_PARTS = {"node": 4, "member": 3}
"""Parts of the entry of an object without a number."""


def is_numbered(entry: Sequence[Any]) -> bool:
    """Whether an entry is one of an object or a member that the tests handed over, by its number."""
    return entry[0] in _PARTS and len(entry) > _PARTS[entry[0]]


def dict_kind(value: dict[Any, Any], *, is_whole: bool) -> str:
    """The kind of a dictionary; not `is_whole`: as JSON has it, without order and default values."""
    if type(value) is defaultdict and is_whole:
        if value.default_factory is None:
            return "dict"
        names = [cls.__name__ for cls in FACTORIES if cls is value.default_factory]
        return f"defaultdict {names[0]}" if names else OWN_DEFAULT
    kind = DICTS.get(type(value), "dict")
    return "dict" if kind == "ordereddict" and not is_whole else kind


def value_of_atom(atom: list[Any]) -> Any:
    """The value of an entry that `atom_of` gives.

    Raises:
        TransferError: the entry does not follow the format.
    """
    if atom[0] == "scalar" and type(atom[1]) in (bool, float, str):
        return atom[1]
    if atom[0] not in ATOMS:
        raise TransferError("malformed payload: not a value without parts")
    return ATOMS[atom[0]](*atom[1:])
