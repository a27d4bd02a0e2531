"""Values cross between processes as plain JSON and come back as plain builtins."""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify.code.rpc_atoms import TransferError
from or1_verify.code.rpc_messages import result_of
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder, decode, encode


def there_and_back(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value))))


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
scalars |= st.complex_numbers(allow_nan=False) | st.fractions() | st.decimals(allow_nan=False)
hashables = scalars | st.tuples(scalars, scalars) | st.frozensets(scalars, max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.sets(hashables, max_size=3)
    ),
    max_leaves=20,
)


@settings(max_examples=60)
@given(values)
def test_plain_values_come_back_equal_and_of_the_same_type(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, set | dict | list | tuple | frozenset)


@pytest.mark.parametrize(
    "value",
    [
        -0.0,
        10**10_000,
        -(2**5000),
        "\ud800 \x00",
        deque([1, 2]),
        range(5, 1, -2),
        bytearray(b"x"),
        date(2024, 2, 29),
        datetime(2024, 2, 29, 1, 2, 3, 4),
        timedelta(days=-1, microseconds=7),
        Decimal("NaN"),
        Fraction(10**5000, 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rarer_values_come_back(value: Any) -> None:
    back = there_and_back([value, value])
    assert type(back[0]) is type(value)
    assert back[0] is back[1] or isinstance(value, float | str)
    assert back[0] == value or value != value
    if isinstance(value, float):
        assert math.copysign(1, back[0]) == math.copysign(1, value)


def test_structure_keeps_its_shape() -> None:
    shared = [1]
    value = {"a": shared, "b": shared, "c": (shared, shared)}
    back = there_and_back(value)
    assert back["a"] is back["b"] is back["c"][0]
    endless: list[Any] = [1]
    endless.append(endless)
    assert there_and_back(endless)[1][1][1][0] == 1
    back = there_and_back(endless)
    assert back[1] is back


def test_depth_is_no_matter() -> None:
    deep: Any = ()
    for _ in range(30_000):
        deep = (deep, [deep]) if deep == () else (deep,)
    back, depth = there_and_back(deep), 0
    while back != ():
        back, depth = back[0], depth + 1
    assert depth == 30_000


class Loud(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Level(IntEnum):
    LOW = 3


class Word(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Loud(3), 3),
        (Level.LOW, 3),
        (Word("x"), "x"),
        (defaultdict(int, {1: 2}), {1: 2}),
        (OrderedDict([(1, 2)]), {1: 2}),
    ],
)
def test_subclasses_lose_their_class(value: Any, plain: Any) -> None:
    back = there_and_back(value)
    assert type(back) is type(plain)
    assert back == plain


@pytest.mark.parametrize("value", [np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a")])
def test_scalars_of_numpy_come_back_as_such(value: Any) -> None:
    back = there_and_back(value)
    assert type(back) is type(value)
    assert back == value


def test_arrays_come_back_as_arrays() -> None:
    for array in (np.arange(6.0).reshape(2, 3), np.array([True, False]), np.array([1 + 2j])):
        back = there_and_back([array])[0]
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)


def test_an_object_of_another_class_is_refused_without_an_export() -> None:
    with pytest.raises(TransferError, match="object"):
        encode([object()])


MALFORMED: list[Any] = [
    None,
    7,
    {},
    {"root": 1},
    {"root": [0], "heap": []},
    {"root": [-1], "heap": [["list", []]]},
    {"root": [True], "heap": [["list", []], ["list", []]]},
    {"root": [0, 1], "heap": [["list", []]]},
    {"root": {}, "heap": []},
    {"root": [0], "heap": [[]]},
    {"root": [0], "heap": [7]},
    {"root": [0], "heap": [["list"]]},
    {"root": [0], "heap": [["list", 7]]},
    {"root": [0], "heap": [["list", [{}]]]},
    {"root": [0], "heap": [["tuple", [[0]]]]},
    {"root": [0], "heap": [["tuple", [[1]]], ["frozenset", [[0]]]]},
    {"root": [0], "heap": [["tuple", None]]},
    {"root": [0], "heap": [["scalar", [0]]]},
    {"root": [0], "heap": [["set", [[1]]], ["list", []]]},
    {"root": [0], "heap": [["dict", [1], []]]},
    {"root": [0], "heap": [["int", "xyz"]]},
    {"root": [0], "heap": [["int"]]},
    {"root": [0], "heap": [["bytes", "0"]]},
    {"root": [0], "heap": [["fraction", "1", "0"]]},
    {"root": [0], "heap": [["decimal", "x"]]},
    {"root": [0], "heap": [["date", "x"]]},
    {"root": [0], "heap": [["timedelta", 10**20, 0, 0]]},
    {"root": [0], "heap": [["range", "1", "2", "0"]]},
    {"root": [0], "heap": [["array", "O", [1], [1]]]},
    {"root": [0], "heap": [["array", "<V8888888", [1], [1]]]},
    {"root": [0], "heap": [["array", "<i8", [7], [1]]]},
    {"root": [0], "heap": [["node", "X", [], []]]},
    {"root": [0], "heap": [["export", 0, "X"]]},
    {"root": [0], "heap": [["builtin", "eval"]]},
    {"root": [0], "heap": [["name", "x"]]},
    {"root": [0], "heap": [["os.system", "true"]]},
]


@pytest.mark.parametrize("payload", MALFORMED, ids=str)
def test_a_forged_payload_is_refused(payload: Any) -> None:
    with pytest.raises(TransferError):
        decode(payload)


@given(
    st.recursive(st.none() | st.integers(-2, 3) | st.sampled_from(["list", "tuple", "int", "x"]), st.lists)
)
def test_no_heap_does_more_than_be_refused(heap: Any) -> None:
    with contextlib.suppress(TransferError):
        decode({"root": [0], "heap": heap})


class Node:
    def __init__(self, val: int, next: Node | None = None) -> None:
        self.val, self.next = val, next


def test_a_reply_changes_the_callers_objects_and_no_others() -> None:
    """Changes that a function makes to its arguments appear in the objects of the caller."""
    numbers, fixed = [3, 1, 2], (1, 2)
    request = ValueEncoder()
    root = request.item([numbers, fixed])
    reply = {"return": root, "heap": [["list", [[1], 9]]], "changes": [[1, ["list", [1, 2, 3, [3]]]]]}
    assert request.entries[1] == ["list", [3, 1, 2]]
    back, _ = result_of(reply, request, ValueDecoder())
    assert back[0] is numbers
    assert numbers[:3] == [1, 2, 3]
    assert numbers[3] == [numbers, 9]
    for changes in ([[2, ["tuple", [1]]]], [[1, ["dict", [], []]]], [[9, ["list", []]]], [7], [[1, 7]], 7):
        with pytest.raises(TransferError):
            result_of({"return": 1, "heap": [], "changes": changes}, request, ValueDecoder())


def test_nodes_cross_by_their_attributes() -> None:
    long = None
    for number in range(20_000):
        long = Node(number, long)
    encoder = ValueEncoder(frozenset({"Node"}))
    root = encoder.item(long)
    objects = ValueDecoder(node_class=lambda name: Node).read(json.loads(json.dumps(encoder.entries)))
    node, seen = objects[root[0]], []
    while node:
        seen.append(node.val)
        node = node.next
    assert seen == list(range(19_999, -1, -1))


@pytest.mark.parametrize("name", ["__class__", "__dict__", "a b", ""])
def test_a_node_cannot_be_given_what_is_no_attribute(name: str) -> None:
    with pytest.raises(TransferError):
        ValueDecoder(node_class=lambda _: Node).read([["node", "Node", [name], [1]]])


# Each tuple holds the next twice: to hash the first is to hash the last 2^58 times.
DOUBLED = [*[["tuple", [[i + 1], [i + 1]]] for i in range(1, 60)], ["tuple", [1]]]


@pytest.mark.parametrize(
    "heap",
    [
        [["set", [[1]]], *DOUBLED],
        [["dict", [[1]], [0]], *DOUBLED],
        [["frozenset", [[1]]], *DOUBLED],
        [["set", list(range(101))]],
        [["dict", list(range(101)), [0] * 101]],
        [["fraction", "1" * 100_000, "3" * 100_000]],
    ],
    ids=["set", "dict", "frozenset", "many elements", "many keys", "fraction"],
)
def test_a_payload_that_takes_long_to_read_is_refused(heap: list[Any]) -> None:
    with pytest.raises(TransferError, match=r"more keys|too many digits"):
        ValueDecoder(max_hashed=100).read(heap)


def test_texts_and_few_other_keys_are_read_whatever_the_bound() -> None:
    value = {**{str(n): n for n in range(1000)}, (1, 2): {3, (4, 5)}}
    payload = encode(value)
    assert ValueDecoder(max_hashed=20).read(payload["heap"])[payload["root"][0]] == value


def test_a_counter_stays_one() -> None:
    """As a dict it would raise KeyError for what was not counted."""
    back = there_and_back(Counter("aab"))
    assert type(back) is Counter
    assert (back, back["z"]) == (Counter(a=2, b=1), 0)
