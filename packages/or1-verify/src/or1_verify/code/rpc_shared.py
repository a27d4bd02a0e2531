"""Lists and other values that both sides keep between calls. Standard library only: see `rpc`.

A value that crosses is a copy. Where the program keeps an argument, or a value that it returns, the two
copies stay one object: a change of one side reaches the copy of the other side with the next message.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

from or1_verify.code.rpc_atoms import TransferError, may_change
from or1_verify.code.rpc_errors import UnsupportedTestsError
from or1_verify.code.rpc_messages import differs
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder

_MOST, _MOST_PARTS, _MOST_IN_ALL = 32, 1000, 4000
"""Largest number of messages whose values are shared, and of the elements in one and in all of them."""
_MOST_LOOKED_AT = 256
"""Most values of a request that are looked at after its call, whether the program keeps them."""
_KINDS = (list, dict, set, deque, bytearray)
_ONCE = 3
"""References to a result that the program does not keep: of two calls and one name."""
EncoderOf = Callable[[list[Any]], ValueEncoder]


def _may_be_shared(value: Any) -> bool:
    return issubclass(type(value), _KINDS) or _is_array(value)  # a stand-in may refuse to tell its class


def _is_array(value: Any) -> bool:
    return (type(value).__module__, type(value).__name__) == ("numpy", "ndarray")


def places_of(entries: Sequence[list[Any]], first: int = 0) -> list[int]:
    """The indices of values that may be shared: those that crossed by value, and no names or handles."""
    return [index for index, each in enumerate(entries, first) if may_change(each) and each[0] != "node"]


def uses_of(objects: Sequence[Any], entries: Sequence[list[Any]]) -> list[int]:
    """The number of references to the values of a request; compared before and after a call."""
    places = [index for index, each in enumerate(entries[:_MOST_LOOKED_AT]) if may_change(each)]
    return [sys.getrefcount(objects[index]) for index in places]


def keeps(result: Any) -> bool:
    """Whether the program keeps the value that its function has just returned."""
    return _may_be_shared(result) and sys.getrefcount(result) > _ONCE


def _contents(value: Any) -> Any:
    """The elements of a value, or the keys and values; equal objects may be other ones. Equal bytes of an
    array are the same objects."""
    if _is_array(value):
        return value.tobytes()
    return [*value, *value.values()] if isinstance(value, dict) else list(value)


def _size(contents: Any) -> int:
    """Number of elements: eight bytes of an array count as one."""
    return len(contents) // 8 if type(contents) is bytes else len(contents)


@dataclass(slots=True)
class _Kept:
    """The values of one message."""

    objects: list[Any]
    entries: dict[int, list[Any]]
    """Those that may change, by index, as they were encoded last."""
    contents: dict[int, Any]
    """The same as objects: compared first, since most calls change none."""

    def note(self, places: Iterable[int], encoder: ValueEncoder) -> None:
        """Note the present state of the values at these places."""
        for index in places:
            if _may_be_shared(self.objects[index]):
                self.entries[index] = encoder.shallow(self.objects[index])
                self.contents[index] = _contents(self.objects[index])

    @property
    def size(self) -> int:
        """Number of elements."""
        return sum(map(_size, self.contents.values()))

    def changed(self) -> list[int]:
        """Indices of values that may have changed."""
        now = ((index, _contents(self.objects[index]), old) for index, old in self.contents.items())
        return [index for index, new, old in now if len(new) != len(old) or not all(map(is_, new, old))]


class Shared:
    """The values that one side shares with the other, by the number of their message."""

    def __init__(self) -> None:
        self._messages: dict[int, _Kept] = {}
        self._num_shared = 0

    def share(self, objects: list[Any], entries: Sequence[list[Any]], encoder_of: EncoderOf) -> int | None:
        """Share the objects of a request and its reply, which have these entries; the number, or None if
        there are none or they have many elements."""
        places = [index for index in places_of(entries) if _may_be_shared(objects[index])]
        sizes = [_size(_contents(objects[index])) for index in places]
        if not sizes or sum(sizes) > _MOST_PARTS:
            return None
        self._num_shared += 1
        self.accept(self._num_shared, objects, entries, encoder_of)
        return self._num_shared

    def accept(
        self, number: int, objects: list[Any], entries: Sequence[list[Any]], encoder_of: EncoderOf
    ) -> None:
        """Share the objects of a reply to which the other side has given a number."""
        message = _Kept(objects, {}, {})
        message.note(places_of(entries), encoder_of(objects))
        self._messages[number] = message
        while (
            len(self._messages) > _MOST or sum(each.size for each in self._messages.values()) > _MOST_IN_ALL
        ):
            del self._messages[next(iter(self._messages))]

    def after_call(
        self,
        objects: list[Any],
        entries: Sequence[list[Any]],
        encoder_of: EncoderOf,
        kept: tuple[Any, bool] | None,
    ) -> dict[str, Any]:
        """The part of a reply about shared values: those that changed, and those that are kept from now on.

        A function that fills one list again and again gives two results, equal only by their values: tests
        may compare them.

        Args:
            objects: those of the request and the reply.
            entries: of these objects.
            encoder_of: makes an encoder that knows some objects.
            kept: the result, and whether a function without an object returned it; None if nothing is kept.
        """
        found: dict[str, Any] = {}
        place = self._place_of(kept[0]) if kept else None
        if place and kept and kept[1] and place[1] in self._messages[place[0]].changed():
            found["ended"], place = place[0], None
            self.end(found["ended"])
        if back := self.changes(encoder_of):
            found["back"] = back
        if place is not None:
            return found | {"same": place}
        number = self.share(objects, entries, encoder_of) if kept else None
        return found if number is None else found | {"shared": number}

    def end(self, number: Any) -> None:
        if type(number) is int:
            self._messages.pop(number, None)

    def _place_of(self, value: Any) -> tuple[int, int] | None:
        """The number of the message and the index of a shared value."""
        for number, message in self._messages.items():
            for index in message.entries:
                if message.objects[index] is value:
                    return number, index
        return None

    def value_at(self, place: Any) -> Any:
        """The shared value at a place that the other side gives.

        Raises:
            TransferError: there is none.
        """
        try:
            number, index = place
            message = self._messages[number]
            if index in message.entries:
                return message.objects[index]
        except (TypeError, ValueError, LookupError):
            pass
        raise TransferError("malformed reply: a place of no shared value")

    def changes(self, encoder_of: EncoderOf) -> list[Any]:
        """The changes of this side since the last message, for `apply`. A message with a value that cannot
        cross is shared no more."""
        found = []
        for number, message in list(self._messages.items()):
            if not (places := message.changed()):
                continue
            encoder, first = encoder_of(message.objects), len(message.objects)
            before = {index: message.entries[index] for index in places}
            try:
                message.objects = encoder.objects  # new values join it
                message.note(places, encoder)
                message.note(places_of(encoder.entries, first), encoder)
            except (UnsupportedTestsError, TransferError):
                self.end(number)
                continue
            now = ((index, message.entries[index]) for index in places)
            if changes := [(index, entry) for index, entry in now if differs(entry, before[index])]:
                found.append([number, encoder.entries, changes])
        return found

    def apply(self, messages: Iterable[Any], decoder: ValueDecoder, encoder_of: EncoderOf) -> None:
        """Make the changes of the other side, to what is still shared.

        Raises:
            TransferError: they do not follow the format, or change what cannot change.
        """
        try:
            for number, heap, changes in messages:
                if (message := self._messages.get(number)) is None:
                    continue
                if any(message.entries[index][:1] != entry[:1] for index, entry in changes):
                    raise TransferError("malformed changes: an object of another kind")
                objects = decoder.read(heap, message.objects)
                decoder.fill_all(changes, objects)
                places = [index for index, _ in changes] + places_of(heap, len(message.objects))
                message.objects = objects
                message.note(places, encoder_of(objects))
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise TransferError(f"malformed changes: {error}"[:300]) from None
