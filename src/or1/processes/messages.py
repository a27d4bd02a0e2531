"""Messages between a process and its parent, both ways: data alone, of types that the receiver names.

The form is that of `or1_verify.messages`, with arrays, bytes, paths and configurations. A message is its
length and that of its JSON, the JSON, and the bytes of its arrays.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from or1_verify.messages import MessageError, Reader, Writer

_HEADER = struct.Struct("!QQ")
"""Lengths of the whole message and of its JSON [bytes]."""
MOST_BYTES = 1 << 34
"""Longest message that is read [bytes]."""
_PIECE_BYTES = 1 << 20
_ARRAY_KINDS = "biufc"
"""numpy's kinds of types that arrays may have: truth values and numbers."""


def encode(message: object) -> bytes:
    """The bytes of a message.

    Raises:
        TypeError: a value that is neither a number, a text, bytes, an array of numbers, a path, a list, a
            tuple, a mapping, a member of an enumeration, a dataclass, a configuration nor a verifier.
    """
    writer = _ArrayWriter()
    head = json.dumps(writer.plain(message)).encode()
    num_bytes = _HEADER.size + len(head) + sum(len(part) for part in writer.parts)
    return b"".join([_HEADER.pack(num_bytes, len(head)), head, *writer.parts])


def decode(content: bytes, types: Sequence[type]) -> Any:
    """The message of `encode`; mappings come as dictionaries, arrays as copies.

    Args:
        content: of one message.
        types: the dataclasses, enumerations and configurations that it may hold; `Verifier` for all
            verifiers.

    Raises:
        MessageError: it is damaged or holds other types.
    """
    if len(content) < _HEADER.size:
        raise MessageError(f"a message of {len(content)} bytes is not whole")
    num_bytes, head_bytes = _HEADER.unpack_from(content)
    start = _HEADER.size + head_bytes
    if num_bytes != len(content) or start > num_bytes:
        raise MessageError(
            f"a message of {len(content)} bytes is not whole: it says {num_bytes}, and {head_bytes} of JSON"
        )
    reader = _ArrayReader(types, content, start)
    message = reader.message(content[_HEADER.size : start])
    if reader.offset != num_bytes:
        raise MessageError(f"a message ends with {num_bytes - reader.offset} bytes that belong to no array")
    return message


def send(channel: Connection, content: bytes) -> None:
    """Send the bytes of a message.

    Raises:
        BlockingIOError: the other end did not read within the limit of the channel.
        OSError: the channel has ended.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(channel.fileno(), rest) :]


def receive(channel: Connection) -> bytes:
    """The bytes of the next message. They are read as they come: no memory is taken for a length alone.

    Raises:
        MessageError: it says that it is longer than `MOST_BYTES`.
        EOFError, OSError: the channel has ended.
        BlockingIOError: the other end did not write within the limit of the channel.
    """
    content = io.BytesIO()
    _read(channel, _HEADER.size, content)
    num_bytes, _ = _HEADER.unpack(content.getvalue())
    if num_bytes > MOST_BYTES:
        raise MessageError(f"a message says that it has {num_bytes:,} bytes: at most {MOST_BYTES:,} are read")
    _read(channel, num_bytes - _HEADER.size, content)
    return content.getvalue()


def _read(channel: Connection, num_bytes: int, into: io.BytesIO) -> None:
    while num_bytes > 0:
        piece = os.read(channel.fileno(), min(num_bytes, _PIECE_BYTES))
        if not piece:
            raise EOFError("the channel has ended")
        num_bytes -= into.write(piece)


class _ArrayWriter(Writer):
    """JSON of a message, and beside it the bytes of its arrays."""

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []

    def plain(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in _ARRAY_KINDS:
                raise TypeError(f"an array of {value.dtype} cannot cross between processes")
            self.parts.append(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
            return {"array": value.dtype.str, "shape": value.shape}
        if isinstance(value, bytes):
            self.parts.append(value)
            return {"bytes": len(value)}
        if isinstance(value, Path):
            return {"path": str(value)}
        if hasattr(value, "model_fields_set"):  # a BaseModel: engines need not import pydantic for this
            return {"type": type(value).__name__, "fields": {name: self.plain(each) for name, each in value}}
        return super().plain(value)


class _ArrayReader(Reader):
    """Values from their JSON, and arrays in the order in which they were written."""

    def __init__(self, types: Sequence[type], content: bytes, offset: int) -> None:
        super().__init__(types)
        self._content = content
        self.offset = offset
        """Of the next array [bytes]."""

    def value(self, plain: Any) -> Any:
        match plain:
            case {"array": str(name), "shape": list(shape)}:
                return self._array(np.dtype(name), shape)
            case {"bytes": int(num)}:
                return self._content[self._take(num) : self.offset]
            case {"path": str(path)}:
                return Path(path)
        return super().value(plain)

    def _array(self, dtype: np.dtype[Any], shape: Sequence[Any]) -> np.ndarray[Any, Any]:
        if dtype.kind not in _ARRAY_KINDS or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise TypeError(f"an array of {dtype} with shape {shape}")
        num = math.prod(shape)
        start = self._take(num * dtype.itemsize)
        return np.frombuffer(self._content, dtype, num, start).reshape(shape).copy()

    def _take(self, num_bytes: int) -> int:
        """Where the next bytes start; ValueError if there are not as many."""
        start = self.offset
        if not 0 <= num_bytes <= len(self._content) - start:
            raise ValueError(f"{num_bytes} bytes of an array, of which {len(self._content) - start} came")
        self.offset += num_bytes
        return start
