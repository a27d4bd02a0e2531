"""Replies of a program's process that are too large to be parsed."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.code import run_io
from or1_verify.code.rpc_values import ValueEncoder

NUMBERS = list(range(20_000))
VALUES = st.recursive(
    st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def reply_with(value: Any, changes: list[Any]) -> bytes:
    encoder = ValueEncoder()
    root = encoder.item(value)
    return json.dumps({"return": root, "heap": encoder.entries, "changes": changes}).encode()


def request_with(arguments: Any) -> bytes:
    return reply_with(arguments, [])


def is_oversized(reply: bytes, arguments: Any, expected: Any) -> bool:
    return run_io._is_oversized(reply, request_with(arguments), expected)


@given(VALUES, VALUES)
def test_the_expected_value_is_never_too_large(expected: Any, argument: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_io, "_SMALL_REPLY_PARTS", 8)
        assert not is_oversized(reply_with(expected, []), [argument], expected)


@pytest.mark.parametrize(
    "value",
    [[numpy.int64(n) for n in NUMBERS], [float(n) for n in NUMBERS], tuple(map(bool, NUMBERS))],
    ids=["numpy numbers", "floats", "a tuple"],
)
def test_equal_values_of_other_classes_are_not_too_large(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_io, "_SMALL_REPLY_PARTS", 8)
    expected = list(map(int, value))
    assert not is_oversized(reply_with(value, []), [1], expected)


def test_arguments_that_were_sorted_in_place_are_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_io, "_SMALL_REPLY_PARTS", 8)
    changes = [[0, ["list", NUMBERS[::-1]]]]
    assert not is_oversized(reply_with(None, changes), [NUMBERS], None)


@pytest.mark.parametrize("forged", [b'["list",[[0],[1],[2]]],', b"[],", b"{},", b"1,"])
def test_sixty_megabytes_are_refused_though_the_arguments_have_eight(forged: bytes) -> None:
    """By their parts: the length alone would be allowed, since it may be texts."""
    request = b'{"root": [0], "heap": [["list", [' + b"1, " * 2_500_000 + b"1]]]}"
    reply = forged * (59_000_000 // len(forged))
    assert len(request) * 8 > len(reply)
    assert run_io._is_oversized(reply, request, 5)


def test_a_long_text_is_refused_if_a_short_one_is_expected() -> None:
    assert is_oversized(b'"' + b"x" * 100_000 + b'"', [1], "x")
    assert not is_oversized(b'"' + b"x" * 60_000 + b'"', [1], "x")
