"""Streams between a program and its parent: frames, limited output, sealed input."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.sandbox.streams import Frames, Output, sealed
from or1_verify.sandbox.types import MAX_FRAME_BYTES


@given(frames=st.lists(st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_frames_come_out_whole_however_they_were_cut(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    reader, found = Frames(), []
    for place in range(len(stream)):
        size = cuts[place % len(cuts)]
        reader.add(stream[:size])
        stream = stream[size:]
        while reader.complete:
            found.append(reader.take())
    assert found == frames


def test_a_frame_is_too_long_by_its_header_alone() -> None:
    for size, expected in ((MAX_FRAME_BYTES, False), (MAX_FRAME_BYTES + 1, True)):
        reader = Frames()
        reader.add(size.to_bytes(4, "big"))
        assert (reader.too_long, reader.complete) == (expected, False)


def test_output_keeps_its_beginning_or_its_end() -> None:
    start, end = Output(6, 6, keep_end=False), Output(6, 3, keep_end=True)
    for piece in (b"abcd", b"ef", b"gh"):
        start.add(piece)
        end.add(piece)
    assert (start.content, end.content) == (b"abcdef", b"fgh")
    assert start.too_long
    exact = Output(2, 2, keep_end=False)
    exact.add(b"ab")
    assert not exact.too_long


def test_the_input_of_a_program_is_read_only() -> None:
    descriptor = sealed(b"given")
    assert os.read(descriptor, 10) == b"given"
    for act in (lambda: os.pwrite(descriptor, b"x", 0), lambda: os.ftruncate(descriptor, 0)):
        with pytest.raises(PermissionError):
            act()
    os.close(descriptor)
