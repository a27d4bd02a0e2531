"""Python values as plain JSON, between processes that do not trust each other.

Standard library only: the parent imports this module, and the same code is sent to sandboxed processes.

A payload is `{"root": item, "heap": [entry, ...]}`. An item is a JSON scalar (null, bool, number, string) or
`[index]`, a reference into the heap; an entry is `[kind, ...]` with the items of one object. Shared and
cyclic structures keep their shape, and neither a linked list of a million nodes nor a forged payload can make
the decoder recurse. Decoded values consist of plain builtins, whatever their class was on the other side: a
custom `__eq__` or a subclass of int is lost.

A reply to a call continues the heap of its request and lists the entries of the request's objects that have
changed, so that changes in place are transferred too.

Not transferred: classes (an object of an unknown class becomes an `export`, a handle of its owner).
"""

from __future__ import annotations

import enum
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from or1_verify.code.rpc_arrays import plain_array, scalar_of
from or1_verify.code.rpc_atoms import (
    ATOMS,
    EMPTY,
    OWN_DEFAULT,
    SERIES,
    VIEW_TYPES,
    VIEWS,
    TransferError,
    atom_of,
    attributes_of,
    dict_kind,
    is_mutable,
    is_namedtuple,
    is_numbered,
    named_tuple,
    parts_of_view,
)

MAX_INLINE_BITS = 4096
"""Longer integers go as hexadecimal text: Python refuses to write very long ones in decimal [bits]."""
_LARGE = 1 << 40  # upper limit of the counted parts of an object


class ValueEncoder:
    """Encodes values into one heap."""

    def __init__(
        self,
        node_classes: frozenset[str] = frozenset(),
        export: Callable[[Any], list[Any]] | None = None,
        known: Sequence[Any] = (),
        kept_classes: tuple[type, ...] = (),
        own: Any = None,
    ) -> None:
        """Start a heap.

        Args:
            node_classes: names of classes whose instances are sent as their attributes (ListNode, TreeNode).
            export: returns the entry of an object that is not plain; None = TransferError.
            known: objects of the heap of the request, by index, if this is the heap of its reply.
            kept_classes: classes whose instances are exported, whatever they inherit from.
            own: objects of the tests' classes, which cross with a number: `numbered` gives the last parts of
                an entry, or all of a member's, and `state` the attributes that cross.
        """
        self._own = own
        self._nodes = node_classes
        self._export = export
        self._kept_classes = kept_classes
        self._index = {id(obj): index for index, obj in enumerate(known)}
        self.objects: list[Any] = list(known)
        self.entries: list[list[Any]] = []
        self._first = len(known)
        self._pending: deque[tuple[list[Any], Any]] = deque()

    def item(self, value: Any) -> Any:
        """The item for a value; its contents are added to the heap."""
        return self.items([value])[0]

    def items(self, values: Iterable[Any]) -> list[Any]:
        """The items for values; their contents are added to the heap."""
        found = self._items(values)
        self._drain()
        return found

    def shallow(self, value: Any) -> list[Any]:
        """The current entry of an object that is already on the heap."""
        entry: list[Any] = []
        self._fill(entry, value)
        self._drain()
        return entry

    def _drain(self) -> None:
        while self._pending:
            entry, value = self._pending.popleft()
            self._fill(entry, value)

    def _item(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float:
            return value
        if kind is int and value.bit_length() <= MAX_INLINE_BITS:
            return value
        index = self._index.get(id(value))
        if index is None:
            index = self._first + len(self.entries)
            self._index[id(value)] = index
            self.objects.append(value)  # keeps the object alive, so that its id stays unique
            entry: list[Any] = []
            self.entries.append(entry)
            self._pending.append((entry, value))
        return [index]

    def _items(self, values: Any) -> list[Any]:
        return [self._item(value) for value in values]

    def _fill(self, entry: list[Any], value: Any) -> None:
        if type(value).__name__ == "RemoteObject" or isinstance(value, self._kept_classes):
            entry += self._exported(value)
        elif self._own is not None and (number := self._own.numbered(value)) is not None:
            is_node = number[0] != "member"
            node = self._node(value, self._own.state(value, attributes_of(value))) if is_node else []
            entry += [*node, *number]
        elif isinstance(value, enum.Enum) and type(value).__name__ in self._nodes and value.name:
            entry += ["member", type(value).__name__, value.name]
        elif type(value).__name__ in self._nodes and not isinstance(value, tuple):
            entry += self._node(value, attributes_of(value))
        elif self._export is not None and is_namedtuple(value):
            entry += ["namedtuple", self._items(tuple(value)), type(value).__name__, list(value._fields)]
        elif isinstance(value, list | tuple | set | frozenset | deque):
            bases: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
            base = next(base for base in bases if isinstance(value, base))
            limit = [value.maxlen] if isinstance(value, deque) and value.maxlen is not None else []
            entry += [base.__name__, self._items(base.__iter__(value)), *limit]
        elif type(value) in VIEW_TYPES:
            entry += [type(value).__name__, self._items(parts_of_view(value))]
        elif isinstance(value, dict):
            pairs = list((OrderedDict if isinstance(value, OrderedDict) else dict).items(value))
            keys, values = (self._items(pair[side] for pair in pairs) for side in (0, 1))
            entry += [dict_kind(value, is_whole=self._export is not None), keys, values]
            if isinstance(value, defaultdict) and entry[0] == OWN_DEFAULT:
                entry.append(self._item(value.default_factory))
        else:
            entry += self._array(value) or atom_of(value) or self._exported(value)

    def _node(self, value: Any, attributes: dict[str, Any]) -> list[Any]:
        return ["node", type(value).__name__, list(attributes), self._items(attributes.values())]

    def _array(self, value: Any) -> list[Any] | None:
        """The entry of a numpy scalar or array of numbers or texts; None for others. Imports nothing."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(value, numpy.generic | numpy.ndarray):
            return None
        if isinstance(value, numpy.ma.MaskedArray) or value.dtype.kind not in "biufcU":
            return None
        if value.dtype.char in "gG":  # more digits than Python's own numbers
            value = value.astype("f8" if value.dtype.char == "g" else "c16")
        if isinstance(value, numpy.generic):
            return ["scalar", self._item(value.item()), value.dtype.str]
        items = self._items(numpy.asarray(value).ravel().tolist())
        return ["array", value.dtype.str, list(value.shape), items]

    def _exported(self, value: Any) -> list[Any]:
        if self._export is None:
            raise TransferError(f"a {type(value).__name__} is not a plain value")
        return self._export(value)


class ValueDecoder:
    """Decodes a heap. Immutable objects are created after their parts; mutable ones are filled last."""

    def __init__(
        self,
        node_class: Callable[[str], type] | None = None,
        handle: Callable[[list[Any]], Any] | None = None,
        *,
        arrays: Callable[[list[Any], str, Sequence[int]], Any] | None = None,
        max_hashed: int | None = None,
        may_set: Callable[[type, str], bool] = lambda cls, name: True,
        own: Any = None,
    ) -> None:
        """Configure the decoding of values that are not plain.

        Args:
            node_class: returns the class of a node by name; None = nodes are refused.
            handle: returns the object of an entry of kind export, yours, name or builtin; None = refused.
            arrays: makes a numpy array from elements, type and shape; None = refused.
            max_hashed: largest number of keys and elements of sets, without texts; a tuple counts with all
                its parts, each as often as it occurs; None = no limit [hashed parts].
            may_set: whether an attribute of a node of this class is set; others keep their value.
            own: objects of the tests' classes, which cross with a number.
        """
        self._own = own
        self._node_class = node_class
        self._may_set = may_set
        self._handle = handle
        self._arrays = arrays
        self._hashes_left = max_hashed
        self._sizes: dict[int, int] = {}
        """Number of parts of the immutable objects, by index: the cost of hashing one."""

    def read(self, entries: Sequence[list[Any]], known: Sequence[Any] = ()) -> list[Any]:
        """Objects by index: the known ones, then one per entry.

        Raises:
            TransferError: the entries do not follow the format.
        """
        try:
            return self._read(entries, list(known))
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise TransferError(f"malformed payload: {type(error).__name__}: {error}"[:300]) from None

    def _read(self, entries: Sequence[list[Any]], objects: list[Any]) -> list[Any]:
        first = len(objects)
        self._sizes = {}
        waiting: dict[int, list[Any]] = {}
        for index, entry in enumerate(entries, start=first):
            if entry[0] in ("tuple", "namedtuple", "frozenset", "scalar", "array", *VIEWS):
                waiting[index] = entry
                objects.append(None)
            else:
                objects.append(self._empty(entry))
        for index in list(waiting):
            self._make(index, waiting, objects)
        self.fill_all(
            [(index, each) for index, each in enumerate(entries, first) if is_mutable(each)], objects
        )
        return objects

    def _make(self, index: int, waiting: dict[int, list[Any]], objects: list[Any]) -> None:
        """Create the immutable object at an index after its parts, without recursion."""
        stack, on_the_way = [index], set()
        while stack:
            top = stack[-1]
            if top not in waiting:
                stack.pop()
                continue
            held = [item[0] for item in _held(waiting[top]) if type(item) is list and item[0] in waiting]
            if held and top in on_the_way:
                raise TransferError("malformed payload: an immutable object contains itself")
            if held:
                on_the_way.add(top)
                stack += held
                continue
            entry = waiting.pop(top)
            objects[top] = self._immutable(entry, objects)
            self._sizes[top] = min(_LARGE, 1 + self._size(_held(entry)))
            stack.pop()

    def _immutable(self, entry: list[Any], objects: list[Any]) -> Any:
        kind = entry[0]
        if kind == "scalar":
            return scalar_of(value_of(entry[1], objects), *entry[2:], imports=self._handle is not None)
        if kind == "array":
            if self._arrays is None:
                raise TransferError("an array is not a plain value here")
            return self._arrays([value_of(item, objects) for item in entry[3]], entry[1], entry[2])
        if kind == "namedtuple":
            if self._handle is None:
                raise TransferError("a tuple with names is not a plain value here")
            return named_tuple(entry[2], tuple(entry[3]))(*_values(entry[1], objects))
        if kind == "tuple":
            return tuple(value_of(item, objects) for item in entry[1])
        return VIEWS.get(kind, frozenset)(self._hashed(entry[1], objects))

    def _hashed(self, items: list[Any], objects: Sequence[Any]) -> list[Any]:
        """Values for hashing; TransferError if hashing would take too long."""
        if self._hashes_left is not None:
            self._hashes_left -= self._size([item for item in items if type(item) is not str])
            if self._hashes_left < 0:
                raise TransferError("more keys and elements of sets than the limit")
        return [value_of(item, objects) for item in items]

    def _size(self, items: list[Any]) -> int:
        return sum(self._sizes.get(item[0], 1) if type(item) is list else 1 for item in items)

    def _empty(self, entry: list[Any]) -> Any:
        """The object of an entry: complete if it has no parts, else empty."""
        kind = entry[0]
        if kind in EMPTY:
            return deque(maxlen=int(entry[2])) if kind == "deque" and len(entry) > 2 else EMPTY[kind]()
        if kind in ATOMS:
            return ATOMS[kind](*entry[1:])
        if self._own is not None and is_numbered(entry):
            return self._own.find(entry)
        if kind == "node" and self._node_class is not None:
            cls: Any = self._node_class(str(entry[1]))
            return cls.__new__(cls)
        if kind == "member" and self._node_class is not None:
            members: Any = self._node_class(str(entry[1]))
            return members[str(entry[2])]
        if kind in ("export", "kept", "yours", "name", "builtin", "method") and self._handle is not None:
            return self._handle(entry)
        raise TransferError(f"malformed payload: entries of kind {str(kind)[:40]!r} are not allowed here")

    def fill_all(self, changes: Iterable[tuple[int, list[Any]]], objects: Sequence[Any]) -> None:
        """Fill objects, by index: those that may be keys first, which may need their attributes for that.

        Those with a number are filled again in the end: their attributes are compared with complete ones.
        """
        changes = sorted(changes, key=lambda change: change[1][0] != "node")
        for index, entry in [*changes, *(each for each in changes if is_numbered(each[1]))]:
            self.fill(objects[index], entry, objects)

    def fill(self, target: Any, entry: list[Any], objects: Sequence[Any]) -> None:
        """Fill a mutable object with the contents of an entry, in place."""
        kind = entry[0]
        if kind == "list":
            target[:] = _values(entry[1], objects)
        elif kind in EMPTY and kind not in SERIES:
            target.clear()
            to_values = self._hashed if kind != "deque" else _values
            values = to_values(entry[1], objects)
            if kind == "set":
                target.update(values)
            elif kind == "deque":
                target.extend(values)
            else:
                super_of = OrderedDict if kind == "ordereddict" else dict
                super_of.update(target, zip(values, _values(entry[2], objects), strict=True))
            if kind == OWN_DEFAULT:
                target.default_factory = value_of(entry[3], objects)
        elif kind in SERIES:
            target[:] = SERIES[kind](bytes.fromhex(entry[1]))
        elif kind == "node":
            self._fill_node(target, entry, objects)
        elif kind == "array":
            target[...] = self._immutable(entry, list(objects))
        else:
            raise TransferError(f"malformed payload: kind {str(kind)[:40]!r} is immutable")

    def _fill_node(self, target: Any, entry: list[Any], objects: Sequence[Any]) -> None:
        state = dict(zip(entry[2], _values(entry[3], objects), strict=True))
        if any(not name.isidentifier() or name.startswith("__") for name in state):
            raise TransferError("malformed payload: an invalid attribute name")
        if self._own is not None and is_numbered(entry):
            self._own.update(target, state, self._may_set)
            return
        for name, value in state.items():
            if self._may_set(type(target), name):
                object.__setattr__(target, name, value)  # its class may be frozen


def value_of(item: Any, objects: Sequence[Any]) -> Any:
    """The value of an item; TransferError for anything but a scalar or a reference."""
    if type(item) is not list:
        if type(item) is dict:
            raise TransferError("malformed payload: a JSON object instead of an item")
        return item
    index = item[0] if len(item) == 1 else None
    if type(index) is not int or not 0 <= index < len(objects):
        raise TransferError("malformed payload: an invalid reference")
    return objects[index]


def _values(items: list[Any], objects: Sequence[Any]) -> list[Any]:
    return [value_of(item, objects) for item in items]


def _held(entry: list[Any]) -> list[Any]:
    if entry[0] == "scalar":
        return [entry[1]]
    held = entry[3] if entry[0] == "array" else entry[1]
    if type(held) is not list:
        raise TransferError("malformed payload: items are missing")
    return held


def encode(value: Any, node_classes: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Payload of a plain value; TransferError for any other value.

    >>> encode([1, (2, 2)])
    {'root': [0], 'heap': [['list', [1, [1]]], ['tuple', [2, 2]]]}
    """
    encoder = ValueEncoder(node_classes)
    root = encoder.item(value)
    return {"root": root, "heap": encoder.entries}


def decode(payload: Any) -> Any:
    """Plain value of a payload; TransferError if it does not follow the format.

    >>> decode({"root": [0], "heap": [["list", [1, [1]]], ["tuple", [2, 2]]]})
    [1, (2, 2)]
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("heap"), list) or "root" not in payload:
        raise TransferError("malformed payload: no root or no heap")
    return value_of(payload["root"], ValueDecoder(arrays=plain_array).read(payload["heap"]))
