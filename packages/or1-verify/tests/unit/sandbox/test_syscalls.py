"""System calls by number."""

from __future__ import annotations

import errno
import os

import pytest

from or1_verify.sandbox import syscalls


def test_a_prepared_call_has_a_number_and_six_arguments() -> None:
    number, *arguments = syscalls.listed("dup3", 5, 6)
    assert number == {"x86_64": 292, "aarch64": 24}[syscalls.MACHINE]
    assert arguments == [5, 6, 0, 0, 0, 0]


def test_calls_end_at_the_first_that_fails() -> None:
    read_end, write_end = os.pipe()
    calls = [
        syscalls.listed("close", read_end),
        syscalls.listed("close", 1 << 20),
        syscalls.listed("close", write_end),
    ]
    with pytest.raises(OSError, match="system call") as caught:
        syscalls.make(calls)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(read_end)
    os.close(write_end)  # still open


def test_a_failed_call_names_itself() -> None:
    with pytest.raises(OSError, match="close_range"):
        syscalls.call("close_range", 5, 4, 0)
