"""Replies of a child process as data: the parent never unpickles what a child sends.

A reply is a dataclass of numbers, texts, arrays and further dataclasses. It crosses as JSON, followed by the
bytes of its arrays.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

_HEADER = struct.Struct("!Q")
"""Length of the JSON part [bytes]."""


def encode(reply: object) -> bytes:
    """The bytes of a reply.

    Raises:
        TypeError: a value that is neither a number, a text, an array, a sequence or mapping of such, nor a
            dataclass.
    """
    arrays: list[bytes] = []
    head = json.dumps(_plain(reply, arrays)).encode()
    return b"".join([_HEADER.pack(len(head)), head, *arrays])


def _plain(value: Any, arrays: list[bytes]) -> Any:
    """JSON of a value; the bytes of its arrays are appended."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"an array of {value.dtype} cannot cross between processes")
        arrays.append(value.tobytes())
        return {"array": value.dtype.str, "shape": value.shape}
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
        return {"type": type(value).__name__, "fields": named}
    if isinstance(value, Mapping):
        return {"items": [[key, _plain(each, arrays)] for key, each in value.items()]}
    if isinstance(value, Sequence):
        return [_plain(each, arrays) for each in value]
    raise TypeError(f"a {type(value).__name__} cannot cross between processes")


def decode(content: bytes, types: Sequence[type]) -> Any:
    """The reply of `encode`: sequences as tuples, mappings as dictionaries, arrays as copies.

    Args:
        content: of one reply.
        types: the dataclasses that it may hold.

    Raises:
        KeyError: a dataclass that is not among them.
    """
    (size,) = _HEADER.unpack_from(content)
    head = json.loads(content[_HEADER.size : _HEADER.size + size])
    return _Reader(content, _HEADER.size + size, {each.__name__: each for each in types}).value(head)


class _Reader:
    """Values from their JSON, and arrays in the order in which they were written."""

    def __init__(self, content: bytes, offset: int, types: Mapping[str, type]) -> None:
        self._content, self._offset, self._types = content, offset, types

    def value(self, plain: Any) -> Any:
        match plain:
            case {"array": dtype, "shape": shape}:
                return self._array(np.dtype(dtype), tuple(shape))
            case {"type": name, "fields": named}:
                return self._types[name](**{key: self.value(each) for key, each in named.items()})
            case {"items": pairs}:
                return {key: self.value(each) for key, each in pairs}
            case list():
                return tuple(self.value(each) for each in plain)
        return plain

    def _array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        num = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(self._content, dtype, num, self._offset).reshape(shape).copy()
        self._offset += array.nbytes
        return array
