"""The filter, interpreted as in the kernel: allowed and refused calls, on both processors."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.sandbox import seccomp

PID = 4242
ARCH = (0xC000_003E, 0xC000_00B7)
ALLOW, KILL = 0x7FFF_0000, 0x8000_0000
EPERM, ENOSYS, ENOTTY = (0x0005_0000 | number for number in (errno.EPERM, errno.ENOSYS, errno.ENOTTY))
PLAIN = {"read": (0, 63), "write": (1, 64), "mmap": (9, 222), "openat": (257, 56), "futex": (202, 98)}


def verdict(number: int, *arguments: int, column: int = 0, arch: int | None = None) -> int:
    """The result of the filter for a call; classic BPF over `struct seccomp_data`, as in `linux/filter.h`."""
    words = [argument & 0xFFFF_FFFF_FFFF_FFFF for argument in (*arguments, *[0] * 6)[:6]]
    data = struct.pack("<iIQ6Q", number, ARCH[column] if arch is None else arch, 0, *words)
    program = list(seccomp.instructions(PID, column))
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, operand = program[place]
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                place += if_true if accumulator == operand else if_false
            case 0x25:
                place += if_true if accumulator > operand else if_false
            case 0x45:
                place += if_true if accumulator & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


@pytest.mark.parametrize("column", [0, 1])
def test_the_table_is_refused_and_plain_calls_pass(column: int) -> None:
    for name, numbers in seccomp.REFUSED.items():
        if numbers[column] is not None:
            assert verdict(numbers[column], column=column) == EPERM, name
    for name, numbers in PLAIN.items():
        assert verdict(numbers[column], column=column) == ALLOW, name


@given(number=st.integers(0, 2**31 - 1), column=st.sampled_from([0, 1]))
def test_every_other_call_passes_up_to_the_newest_known(number: int, column: int) -> None:
    listed = {numbers[column] for numbers in (*seccomp.REFUSED.values(), *seccomp.CHECKED.values())}
    if number not in listed:
        assert verdict(number, column=column) == (ENOSYS if number > 450 else ALLOW)


def test_other_tables_of_the_processor_are_closed() -> None:
    assert verdict(20, arch=0x4000_0003) == KILL, "32-bit x86"
    assert verdict(0x4000_0000 + 39) == ENOSYS, "x32"


THREAD = 0x003D_0F00
"""Flags with which glibc starts a thread."""


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (THREAD,), ALLOW),
        ("clone", (17,), EPERM),
        ("clone", (THREAD | 0x1000_0000,), EPERM),
        ("clone3", (0, 88), ENOSYS),
        ("kill", (PID, 9), ALLOW),
        ("kill", (PID + 1, 9), EPERM),
        ("kill", (-1, 9), EPERM),
        ("kill", (0, 9), EPERM),
        ("tgkill", (PID, PID + 1, 6), ALLOW),
        ("tgkill", (1, 1, 9), EPERM),
        ("prctl", (15, 0), ALLOW),
        ("prctl", (1, 0), EPERM),
        ("prctl", (4, 1), EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), ENOTTY),
        ("ioctl", (0, (1 << 32) | 0x5412), ENOTTY),
        ("fcntl", (0, 3), ALLOW),
        ("fcntl", (0, 8, 1), EPERM),
        ("fcntl", (0, 10, 9), EPERM),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (PID + 1, 7), EPERM),
        ("socketpair", (1, 0x80001), ALLOW),
        ("socketpair", (1, 2), EPERM),
        ("socketpair", (2, 1), EPERM),
        ("sendto", (3, 4096, 10, 0, 0, 0), ALLOW),
        ("sendto", (3, 4096, 10, 0, 0x7FFF_0000, 16), EPERM),
        ("sendto", (3, 4096, 10, 0, 1 << 40, 16), EPERM),
    ],
)
@pytest.mark.parametrize("column", [0, 1])
def test_arguments_decide(name: str, arguments: tuple[int, ...], expected: int, column: int) -> None:
    number = seccomp.CHECKED[name][column]
    assert number is not None
    assert verdict(number, *arguments, column=column) == expected


def test_jumps_stay_inside_a_byte() -> None:
    for column in (0, 1):
        assert all(max(one[1:3]) < 256 for one in seccomp.instructions(PID, column))
