"""Messages between parent and fork server keep their limits and their descriptors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from or1_verify.sandbox.control import Control, pair


def num_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_messages_come_one_by_one_with_their_descriptors() -> None:
    near_end, far_end = pair()
    read_end, write_end = os.pipe()
    near_end.send({"start": 1}, (write_end,))
    near_end.send({"kill": 1})
    os.close(write_end)
    receiver = Control(far_end)
    first, second = receiver.receive(), receiver.receive()
    assert first is not None
    message, (received,) = first
    assert message == {"start": 1}
    assert second == ({"kill": 1}, [])
    os.write(received, b"x")
    assert os.read(read_end, 1) == b"x", "the descriptor is that of the pipe"
    os.close(received)
    os.close(read_end)
    near_end.close()
    receiver.close()


def test_plain_text_is_received_as_the_same_message() -> None:
    near_end, far_end = pair()
    sender = Control(far_end)
    sender.send_plain('{"ended": 0, "cpu_s": 0.5}')
    assert near_end.receive() == ({"ended": 0, "cpu_s": 0.5}, [])
    sender.close()
    assert near_end.receive() is None, "the other end is closed"
    near_end.close()


def test_a_truncated_message_is_an_error_and_leaks_no_descriptor() -> None:
    near_end, far_end = pair()
    sender = Control(far_end)
    null = os.open(os.devnull, os.O_RDONLY)
    sender.send({"text": "x" * 10_000}, (null,))
    before = num_descriptors()
    with pytest.raises(OSError, match="truncated"):
        near_end.receive()
    assert num_descriptors() == before
    os.close(null)
    sender.close()
    near_end.close()
