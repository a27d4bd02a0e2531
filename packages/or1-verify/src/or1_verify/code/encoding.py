"""Decoder of LiveCodeBench's private tests: JSON, or JSON in a pickled text, compressed, in base64.

Nothing is unpickled: the opcodes are read as data, and everything except texts and a flat dictionary of texts
is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from collections.abc import Callable
from typing import Any

from or1_verify.errors import DataError

MAX_BYTES = 1 << 29
"""Largest decompressed size [bytes]."""
_TEXTS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_NOTHING = frozenset({"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"})
_Mark = object()


def decode_tests(text: str) -> Any:
    """The tests as JSON values.

    Raises:
        DataError: neither JSON nor this encoding; a pickle of other things than texts; too large.

    Source: LiveCodeBench, lcb_runner @28fef95, benchmarks/code_generation.py.
    """
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError as error:
        raise DataError("tests are nested too deeply") from error
    try:
        packed = base64.b64decode(text, validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, MAX_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise DataError(f"tests are neither JSON nor compressed base64 ({error})") from error
    if unpacker.unconsumed_tail:
        raise DataError(f"tests are larger than {MAX_BYTES} bytes when decompressed")
    inner = pickled_text(content)
    try:
        table = {key: json.loads(value) for key, value in inner.items()} if isinstance(inner, dict) else None
        return json.loads(inner) if isinstance(inner, str) else table
    except (ValueError, RecursionError) as error:
        raise DataError(f"tests contain a text that is not JSON ({error})") from error


def pickled_text(content: bytes) -> str | dict[str, str]:
    """The text, or flat dictionary of texts, in a pickle, without unpickling it.

    Raises:
        DataError: the pickle contains anything else.
    """
    stack: list[Any] = []
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in _TEXTS:
                stack.append(argument)
            elif opcode.name in _BUILDERS:
                _BUILDERS[opcode.name](stack)
            elif opcode.name not in _NOTHING and opcode.name != "STOP":
                raise DataError(
                    f"tests contain a pickle of more than texts ({opcode.name}), which is refused"
                )
        (value,) = stack
    except (ValueError, IndexError, TypeError) as error:
        raise DataError(f"tests contain no readable pickle ({error})") from error
    if isinstance(value, dict | str):
        return value
    raise DataError("tests contain a pickle of more than texts, which is refused")


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    _put(stack[-1], key, value)


def _set_items(stack: list[Any]) -> None:
    start = len(stack) - 1 - stack[::-1].index(_Mark)
    pairs = stack[start + 1 :]
    del stack[start:]
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        _put(stack[-1], key, value)


def _put(table: Any, key: Any, value: Any) -> None:
    if not isinstance(table, dict) or not isinstance(key, str) or not isinstance(value, str):
        raise DataError("tests contain a pickle of more than texts, which is refused")
    table[key] = value


def _dict(stack: list[Any]) -> None:
    stack.insert(len(stack) - 1 - stack[::-1].index(_Mark), {})
    _set_items(stack)


_BUILDERS: dict[str, Callable[[list[Any]], None]] = {
    "EMPTY_DICT": lambda stack: stack.append({}), "DICT": _dict,
    "MARK": lambda stack: stack.append(_Mark), "SETITEM": _set_item, "SETITEMS": _set_items,
}  # fmt: skip
