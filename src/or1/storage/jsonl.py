"""JSON lines that survive a crash: whole lines are appended, and a file can be cut to an earlier length."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from or1.storage.folder import guard_writes

logger = logging.getLogger(__name__)

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(row: Mapping[str, Any]) -> bytes:
    """One line of strict JSON; nan and the infinities, which JSON lacks, become the texts nan, inf, -inf.

    >>> encode({"step": 1, "train/loss": float("nan")})
    b'{"step": 1, "train/loss": "nan"}\\n'
    """
    plain = {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }
    return json.dumps(plain, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a file in order; nothing when it does not exist.

    A last line without its end, as a killed process leaves it, is not a row.

    Raises:
        ValueError: a whole line is not JSON.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                row = json.loads(line)
                yield {
                    k: _NON_FINITE[v] if isinstance(v, str) and v in _NON_FINITE else v
                    for k, v in row.items()
                }


class JsonLines:
    """An open log file. Every append is in the file, whole, when the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with guard_writes(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    @property
    def size(self) -> int:
        """Length of the file [bytes]."""
        return os.fstat(self._fd).st_size

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line, or nothing.

        Raises:
            RunFolderError: the disk is full or the file cannot be written; the file is as before.
        """
        line, before = encode(row), self.size
        with guard_writes(self.path):
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError:
                os.ftruncate(self._fd, before)
                raise

    def sync(self) -> int:
        """Make everything durable and return the length [bytes]."""
        with guard_writes(self.path):
            os.fsync(self._fd)
        return self.size

    def cut(self, size: int) -> None:
        """Forget everything after the first `size` bytes."""
        if self.size < size:
            # Only a file changed by hand, or lost with the disk's cache, is shorter than a checkpoint says.
            logger.warning(
                "%s holds %d bytes and the checkpoint counted %d: rows are missing",
                self.path,
                self.size,
                size,
            )
            size = self._end_of_last_line()
        with guard_writes(self.path):
            os.ftruncate(self._fd, size)

    def num_rows(self) -> int:
        """Whole lines in the file."""
        with self.path.open("rb") as file:
            return sum(line.endswith(b"\n") for line in file)

    def cut_rows(self, num_rows: int) -> None:
        """Forget everything after the first so many lines."""
        with self.path.open("rb") as file:
            lengths = [len(line) for line in file if line.endswith(b"\n")]
        if len(lengths) < num_rows:
            logger.warning(
                "%s holds %d rows instead of %d: rows are missing", self.path, len(lengths), num_rows
            )
        with guard_writes(self.path):
            os.ftruncate(self._fd, sum(lengths[:num_rows]))

    def _end_of_last_line(self) -> int:
        return self.path.read_bytes().rfind(b"\n") + 1

    def close(self) -> None:
        os.close(self._fd)
