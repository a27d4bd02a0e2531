"""Messages that are damaged or hostile end in one clear error, and take no memory for what they claim."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import socket
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.errors import EngineError, Or1Error, RunFolderError
from or1.processes.child import ChildProcess
from or1.processes.messages import MOST_BYTES, decode, encode, receive, send
from or1.rollout.engine_messages import REPLIES as ENGINE_REPLIES
from or1.rollout.engine_messages import Abort, Start
from or1.storage.atomic import guard_writes
from or1.trainer.rank_messages import METHODS, REPLIES, RankCall, RankFailed
from or1_verify.messages import MessageError


@dataclass(frozen=True)
class Part:
    tokens: np.ndarray[Any, Any]
    is_last: bool


class Colour(Enum):
    RED = 1


def framed(head: object, arrays: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("!QQ", 16 + len(text) + len(arrays), len(text)) + text + arrays


def test_numbers_that_are_not_finite_and_shapes_come_back() -> None:
    value = {"nan": math.nan, "inf": -math.inf, "array": np.arange(6).reshape(2, 3), "none": np.zeros((2, 0))}
    back = decode(encode(value), ())
    assert math.isnan(back["nan"])
    assert back["inf"] == -math.inf
    assert back["array"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert back["none"].shape == (2, 0)
    assert back["array"].flags.writeable


def test_arrays_that_are_no_block_of_memory_come_back() -> None:
    whole = np.arange(12, dtype=">i4").reshape(3, 4)
    for each in (whole.T, whole[:, ::2], whole[1:, 1], np.array(7.5), whole > 3):
        back = decode(encode(each), ())
        assert back.dtype == each.dtype
        assert np.array_equal(back, each)


def test_keys_that_look_like_the_encoding_are_keys() -> None:
    value = {
        "type": "Part",
        "fields": {"array": "<f4", "shape": [1]},
        "items": (1, [2]),
        "path": "x",
        3: None,
    }
    assert decode(encode(value), ()) == value


@pytest.mark.parametrize(
    "value",
    [{1}, print, object(), Part, np.array([print]), np.array(["a"]), 1j],
    ids=lambda value: str(type(value)),
)
def test_what_is_no_data_is_not_sent(value: object) -> None:
    with pytest.raises(TypeError, match="cannot cross between processes"):
        encode([value])


HOSTILE = {
    "no type of the receiver": (
        framed({"type": "Start", "fields": {}}),
        "it holds a Start, and may hold Part",
    ),
    "a function": (framed({"type": "os:system", "fields": {"command": "true"}}), "it holds a os:system"),
    "a verifier that the receiver does not take": (
        framed({"type": "or1_verify.math:MathVerifier", "fields": {}}),
        "it holds a or1_verify.math:MathVerifier",
    ),
    "another field": (
        framed({"type": "Part", "fields": {"other": 1}}),
        "unexpected keyword argument 'other'",
    ),
    "no field": (framed({"type": "Part", "fields": {}}), "missing 2 required positional arguments"),
    "no member": (framed({"type": "Colour", "fields": {"value": 2}}), "2 is not a valid Colour"),
    "an unknown kind": (framed({"pickle": "gASV"}), r"the keys \['pickle'\]"),
    "no JSON": (framed(b"\x80\x04"), "UnicodeDecodeError"),
    "deep JSON": (framed(b"[" * 100_000), "RecursionError"),
    "a key that is none": (framed({"items": [[[1], 2]]}), "unhashable"),
    "objects": (framed({"array": "|O", "shape": [1]}, bytes(8)), "an array of object"),
    "records": (framed({"array": "f4,f4", "shape": [1]}, bytes(8)), "an array of"),
    "no type of arrays": (framed({"array": "no", "shape": [1]}), "data type 'no' not understood"),
    "a negative shape": (framed({"array": "<f4", "shape": [-1]}, bytes(8)), "an array of float32"),
    "a shape of texts": (framed({"array": "<f4", "shape": ["2"]}, bytes(8)), "an array of float32"),
    "a huge array": (framed({"array": "<f8", "shape": [1 << 40]}, bytes(8)), "of which 8 came"),
    "a size that overflows": (
        framed({"array": "<f8", "shape": [1 << 32, 1 << 32]}, bytes(8)),
        "of which 8 came",
    ),
    "huge bytes": (framed({"bytes": 1 << 60}), "of which 0 came"),
    "negative bytes": (framed([{"bytes": 4}, {"bytes": -4}], bytes(4)), "of which 0 came"),
    "bytes of no array": (framed(1, bytes(8)), "8 bytes that belong to no array"),
    "a JSON longer than all": (struct.pack("!QQ", 20, 1 << 60) + b"null", "is not whole"),
    "another length": (struct.pack("!QQ", 1 << 60, 4) + b"null", "is not whole"),
    "no header": (b"\0" * 8, "is not whole"),
    "nothing": (b"", "is not whole"),
    "a pickle": (pickle.dumps([1, 2]), "is not whole"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_one_clear_error_and_takes_no_memory(name: str) -> None:
    content, reason = HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(MessageError, match=reason) as caught:
            decode(content, (Part, Colour))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 1
    assert peak < 16 << 20


@given(cut=st.floats(0, 1, exclude_max=True), change=st.binary(min_size=1, max_size=3), at=st.floats(0, 1))
def test_a_message_that_was_cut_or_changed_is_read_as_data_or_refused(
    cut: float, change: bytes, at: float
) -> None:
    whole = encode([Part(np.arange(5), True), {"a": (1, None)}, Path("x"), b"bytes", Colour.RED])
    with pytest.raises(MessageError):
        decode(whole[: int(cut * len(whole))], (Part, Colour))
    place = int(at * (len(whole) - len(change)))
    with contextlib.suppress(MessageError):
        decode(whole[:place] + change + whole[place + len(change) :], (Part, Colour))


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    near, far = socket.socketpair()
    with Connection(near.detach()) as here, Connection(far.detach()) as there:
        yield here, there


def test_messages_follow_each_other_through_a_channel(ends: tuple[Connection, Connection]) -> None:
    for content in (encode(1), encode("x" * 50_000), encode(None)):
        send(ends[0], content)
        assert receive(ends[1]) == content


def test_a_length_alone_takes_no_memory(ends: tuple[Connection, Connection]) -> None:
    os.write(ends[0].fileno(), struct.pack("!QQ", MOST_BYTES, 8) + b"some")
    ends[0].close()
    tracemalloc.start()
    try:
        with pytest.raises(EOFError, match="ended"):
            receive(ends[1])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_length_beyond_the_limit_is_refused_before_more_is_read(
    ends: tuple[Connection, Connection],
) -> None:
    os.write(ends[0].fileno(), struct.pack("!QQ", 1 << 62, 8))
    with pytest.raises(
        MessageError, match=r"4,611,686,018,427,387,904 bytes: at most 17,179,869,184 are read"
    ):
        receive(ends[1])


def engine(tmp_path: Path) -> ChildProcess:
    process = ChildProcess(
        "engine", "or1.rollout.engine_worker", {}, tmp_path / "log", error=EngineError, replies=ENGINE_REPLIES
    )
    process.send(Start("tests.fake_engine", {}, None))
    return process


def wait_for(process: ChildProcess, kind: str) -> None:
    """Read messages up to one of this type; in vain until the process ends, if it sends none."""
    while type(process.receive()).__name__ != kind:
        pass


@pytest.mark.parametrize(
    "head", [{"type": "Failed", "fields": {"reason": ""}}, {"type": "os:system", "fields": {}}]
)
def test_a_process_that_gets_another_message_ends_and_says_why(tmp_path: Path, head: object) -> None:
    process = engine(tmp_path)
    wait_for(process, "Done")
    send(process.channel, framed(head))
    with pytest.raises(
        EngineError, match=r"output ends: or1: a message cannot be read: LookupError: it holds a"
    ):
        wait_for(process, "none")
    process.close()


def test_a_first_message_of_another_kind_ends_the_process(tmp_path: Path) -> None:
    process = ChildProcess(
        "engine", "or1.rollout.engine_worker", {}, tmp_path / "log", error=EngineError, replies=ENGINE_REPLIES
    )
    send(process.channel, framed({"type": "Stop", "fields": {}}))
    with pytest.raises(EngineError, match=r"ended with exit status 1.*it holds a Stop"):
        process.receive()
    process.close()


def test_a_reply_of_another_kind_is_an_error_of_the_process(tmp_path: Path) -> None:
    process = ChildProcess(
        "engine", "or1.rollout.engine_worker", {}, tmp_path / "log", error=EngineError, replies=()
    )
    process.send(Start("tests.fake_engine", {}, None))
    with pytest.raises(
        EngineError, match=r"engine \(process \d+\): a message cannot be read: .* it holds a Done"
    ):
        wait_for(process, "Done")
    with pytest.raises(EngineError, match="it holds a Done"):
        raise process.ended()
    process.close()


def test_a_process_ends_with_its_channel(tmp_path: Path) -> None:
    process = engine(tmp_path)
    wait_for(process, "Done")
    process.send(Abort())
    process.close()
    assert process.has_ended


def test_the_driver_calls_only_methods_that_ranks_name() -> None:
    assert {"update", "load"} < METHODS
    with pytest.raises(ValueError, match="no method '_load' to call"):
        RankCall("_load", Path("x"))


def test_an_error_for_the_user_crosses_with_its_type_and_any_other_by_its_text(tmp_path: Path) -> None:
    class FullDiskError(RunFolderError):
        """A type that the driver does not know by name."""

    back = decode(encode(RankFailed.of(FullDiskError("disk full: free 3 GB"))), REPLIES)
    assert type(back.error) is RunFolderError
    assert str(back.error) == "disk full: free 3 GB"
    with pytest.raises(Or1Error) as caught, guard_writes(tmp_path):
        raise OSError(28, "No space left on device")
    again = decode(encode(RankFailed.of(caught.value)), REPLIES).error
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    other = decode(encode(RankFailed.of(ValueError("bad\nlines"))), REPLIES)
    assert (other.reason, other.error) == ("ValueError: bad", None)
