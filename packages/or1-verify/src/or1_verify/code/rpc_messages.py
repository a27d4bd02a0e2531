"""Requests and replies of calls. Standard library only: see `rpc`."""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from or1_verify.code.rpc_atoms import TransferError, may_change
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder, value_of

_MESSAGE = 300
"""Longest text of an error [characters]."""
_WITHOUT_REFERENCES = 2
"""Version of a format in which equal values of one type have equal bytes."""


_to_json: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_from_json: Callable[[str], Any] = json.JSONDecoder().decode


def frame_of(message: dict[str, Any]) -> bytes:
    """A message as bytes; halves of pairs of characters stay halves."""
    return _to_json(message).encode("utf-8", "surrogatepass")


def message_of(frame: bytes) -> dict[str, Any]:
    """The message in a frame.

    Raises:
        TransferError: it is no JSON object.
    """
    try:
        message = _from_json(frame.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise TransferError(f"malformed reply: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise TransferError("malformed reply: not a JSON object")
    return message


def request_of(items: list[Any], names: Iterable[str], encoder: ValueEncoder) -> dict[str, Any]:
    """The request of a call: items of the function and the arguments, the last of which have these names."""
    return {"call": items, "names": list(names), "heap": encoder.entries}


def differs(entry: list[Any], other: list[Any]) -> bool:
    """Whether two entries differ: 1, 1.0 and True are equal, and other values."""
    return entry != other or marshal.dumps(entry, _WITHOUT_REFERENCES) != marshal.dumps(
        other, _WITHOUT_REFERENCES
    )


def changes_of(
    before: Sequence[list[Any]], encoder: ValueEncoder, first: int = 0
) -> list[tuple[int, list[Any]]]:
    """The entries that differ from those before, by index: of the objects of an encoder from `first` on."""
    old = [(index, each) for index, each in enumerate(before, first) if may_change(each)]
    new = ((index, each, encoder.shallow(encoder.objects[index])) for index, each in old)
    changes = [(index, entry) for index, each, entry in new if differs(entry, each)]
    return [each for each in changes if each[1][0] != "node" or each[1][2]]


def result_of(reply: dict[str, Any], request: ValueEncoder, decoder: ValueDecoder) -> tuple[Any, list[Any]]:
    """The return value in a reply, and its objects, after the changes in it are made to those of the request.

    Raises:
        TransferError: the reply does not follow the format.
    """
    if not isinstance(reply.get("heap"), list) or not isinstance(reply.get("changes"), list):
        raise TransferError("malformed reply")
    objects = decoder.read(reply["heap"], request.objects)
    try:
        for index, entry in reply["changes"]:
            before = request.entries[index]
            if not may_change(before) or before[:1] != entry[:1]:
                raise TransferError("malformed reply: a change of an immutable object")
        decoder.fill_all(reply["changes"], objects)
        return value_of(reply["return"], objects), objects
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise TransferError(f"malformed reply: {error}"[:_MESSAGE]) from None
