"""Requests and replies of calls. Standard library only: see `rpc`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from or1_verify.code.rpc_atoms import TransferError, is_mutable, may_change
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder, value_of

_MESSAGE = 300
"""Longest text of an error [characters]."""
_MOST_LOANS, _MOST_PARTS = 8, 256
"""Largest number of replies whose values the tests may change later, and of the elements in one."""

_UNUSED = 3
"""References to a lent list that the tests do not hold: of two encoders and a call."""


def request_of(items: list[Any], names: Iterable[str], encoder: ValueEncoder) -> dict[str, Any]:
    """The request of a call: items of the function and the arguments, the last of which have these names."""
    return {"call": items, "names": list(names), "heap": encoder.entries}


def changes_of(
    before: Sequence[list[Any]], encoder: ValueEncoder, first: int = 0
) -> list[tuple[int, list[Any]]]:
    """The entries that differ from those before, by index: of the objects of an encoder from `first` on."""
    changes = []
    for index, old in enumerate(before, first):
        if may_change(old) and (new := encoder.shallow(encoder.objects[index])) != old:
            changes.append((index, new))
    return changes


class Loans:
    """Lists and other values that an attribute of an object gave to the tests, on either side.

    The tests hold a copy. What they change in it goes to the program with their next call.
    """

    def __init__(self) -> None:
        self._lent: dict[int, list[Any]] = {}
        self._held: dict[int, tuple[list[Any], list[list[Any]], int]] = {}
        self._num_lent = 0

    def lend(self, reply: dict[str, Any], encoder: ValueEncoder) -> None:
        """Keep the objects of a reply with values that can change, if they are few."""
        parts = [len(entry[1]) for entry in encoder.entries if is_mutable(entry) and entry[0] != "node"]
        if parts and sum(parts) <= _MOST_PARTS:
            self._num_lent += 1
            self._lent[self._num_lent] = encoder.objects
            self._lent.pop(self._num_lent - _MOST_LOANS, None)
            reply["lent"] = self._num_lent

    def accept(self, changes: Iterable[Any], decoder: ValueDecoder) -> None:
        """Make the changes of the tests to the objects that they were lent."""
        for number, heap, entries in changes:
            self._lent[number] = decoder.read(heap, self._lent[number])
            decoder.fill_all(entries, self._lent[number])

    def hold(self, number: int, encoder: ValueEncoder, first: int) -> None:
        """Note the state of lent objects, those of an encoder from index `first` on."""
        self._held[number] = (encoder.objects, [*map(encoder.shallow, encoder.objects[first:])], first)
        if len(self._held) > _MOST_LOANS:
            del self._held[next(iter(self._held))]

    def changes(self, encoder_of: Callable[[list[Any]], ValueEncoder]) -> list[Any]:
        """The changes of the tests since the last call, for `accept`."""
        found = []
        for number, (objects, before, first) in list(self._held.items()):
            encoder = encoder_of(objects)
            if changes := changes_of(before, encoder, first):
                found.append([number, encoder.entries, changes])
                new = dict(changes)
                before = [new.get(index, old) for index, old in enumerate(before, first)]
                self._held[number] = (encoder.objects, before, first)
            if len(before) == 1 and sys.getrefcount(objects[first]) <= _UNUSED:
                del self._held[number]
        return found


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
