"""Requests and replies of calls. Standard library only: see `rpc`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from or1_verify.code.rpc_atoms import TransferError
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder, is_mutable, value_of

_MESSAGE = 300
"""Longest text of an error [characters]."""


def request_of(items: list[Any], names: Iterable[str], encoder: ValueEncoder) -> dict[str, Any]:
    """The request of a call: items of the function and the arguments, the last of which have these names."""
    return {"call": items, "names": list(names), "heap": encoder.entries}


def result_of(reply: dict[str, Any], request: ValueEncoder, decoder: ValueDecoder) -> Any:
    """The return value in a reply, after the changes in it are made to the objects of the request.

    Raises:
        TransferError: the reply does not follow the format.
    """
    if not isinstance(reply.get("heap"), list) or not isinstance(reply.get("changes"), list):
        raise TransferError("malformed reply")
    objects = decoder.read(reply["heap"], request.objects)
    try:
        for index, entry in reply["changes"]:
            before = request.entries[index]
            if not is_mutable(before) or before[:1] != entry[:1]:
                raise TransferError("malformed reply: a change of an immutable object")
        decoder.fill_all(reply["changes"], objects)
        return value_of(reply["return"], objects)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise TransferError(f"malformed reply: {error}"[:_MESSAGE]) from None
