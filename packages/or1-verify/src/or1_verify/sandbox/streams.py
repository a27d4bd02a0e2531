"""Data between a program and its parent: limited output, frames, and sealed input."""

from __future__ import annotations

import fcntl
import os

from or1_verify.sandbox.types import MAX_FRAME_BYTES


class Output:
    """One of the program's two output streams."""

    def __init__(self, limit_bytes: int, kept_bytes: int, *, keep_end: bool) -> None:
        self._limit_bytes = limit_bytes
        self._kept_bytes = kept_bytes
        self._keep_end = keep_end
        self._kept = bytearray()
        self._num_bytes = 0

    @property
    def too_long(self) -> bool:
        return self._num_bytes > self._limit_bytes

    @property
    def content(self) -> bytes:
        return bytes(self._kept)

    def add(self, piece: bytes) -> None:
        self._num_bytes += len(piece)
        self._kept += piece
        if self._keep_end:
            del self._kept[: -self._kept_bytes]
        else:
            del self._kept[self._kept_bytes :]


class Frames:
    """Splits a byte stream into frames: a length in four bytes (big-endian), then the content."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def too_long(self) -> bool:
        """Whether the length of the current frame is over the limit."""
        return len(self._buffer) >= 4 and self._size > MAX_FRAME_BYTES

    @property
    def complete(self) -> bool:
        return len(self._buffer) >= 4 and len(self._buffer) >= 4 + self._size

    @property
    def _size(self) -> int:
        return int.from_bytes(self._buffer[:4], "big")

    def add(self, piece: bytes) -> None:
        self._buffer += piece

    def take(self) -> bytes:
        """The first frame, which must be complete."""
        end = 4 + self._size
        with memoryview(self._buffer) as content:
            frame = bytes(content[4:end])
        del self._buffer[:end]
        return frame


def sealed(content: bytes) -> int:
    """A read-only file in memory with this content, positioned at its start; the caller closes it."""
    descriptor = os.memfd_create("or1", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
