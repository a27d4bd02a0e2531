"""JSON lines that survive a crash: whole lines are appended, and a file can be cut to an earlier length."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Any, Self, TypeVar

from or1.errors import DataError
from or1.storage.atomic import fsync_folder, guard_writes, reason_of, replacing

logger = logging.getLogger(__name__)

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_BLOCK_BYTES = 1 << 16
"""Bytes read at once in search of the end of the last line."""

Parsed = TypeVar("Parsed")


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
    """Rows of a file of numbers, in order; the texts nan, inf and -inf become numbers.

    Raises:
        DataError: a whole line is not a JSON object.
    """
    return parse_rows(path, _with_non_finite)


def rows_of(content: bytes, path: Path) -> Iterator[dict[str, Any]]:
    """As `read_rows`, of the content of a file.

    Args:
        content: bytes of the file.
        path: the file, for the message.

    Raises:
        DataError: a whole line is not a JSON object.
    """
    return _parsed(BytesIO(content), path, _with_non_finite)


def _with_non_finite(row: dict[str, Any]) -> dict[str, Any]:
    return {k: _NON_FINITE[v] if isinstance(v, str) and v in _NON_FINITE else v for k, v in row.items()}


def parse_rows(path: Path, parse: Callable[[dict[str, Any]], Parsed]) -> Iterator[Parsed]:
    """Rows of a file in order; nothing when it does not exist.

    A last line without its end, which a killed process leaves, is not a row.

    Args:
        path: the file.
        parse: from the JSON object of a line to a row; it raises ValueError, KeyError or TypeError for an
            object that is not one.

    Raises:
        DataError: a whole line is not a JSON object, or not a row; the message gives its number.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        yield from _parsed(file, path, parse)


def _parsed(
    lines: Iterable[bytes], path: Path, parse: Callable[[dict[str, Any]], Parsed]
) -> Iterator[Parsed]:
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return
        try:
            row = parse(_object(line))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} line {number} is damaged ({reason_of(error)}): remove the line"
            ) from error
        yield row


def _object(line: bytes) -> dict[str, Any]:
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _is_accepted(line: bytes, keep: Callable[[dict[str, Any]], bool]) -> bool:
    try:
        return keep(_object(line))
    except (ValueError, KeyError):
        return False


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file of rows in one step.

    Raises:
        RunFolderError: the folder cannot be written; the file is as before.
    """
    with guard_writes(path.parent), replacing(path) as part, part.open("wb") as file:
        for row in rows:
            file.write(encode(row))


class JsonLines:
    """An open log file. Every append is in the file, whole, when the call returns.

    Opening removes a last line without its end, which a killed process leaves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with guard_writes(path):
            is_new = not path.exists()
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            if is_new:
                fsync_folder(path.parent)
            end = self._end_of_last_line()
            if end < self.size:
                os.ftruncate(self._fd, end)

    def _end_of_last_line(self) -> int:
        end = self.size
        while end:
            start = max(0, end - _BLOCK_BYTES)
            found = os.pread(self._fd, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

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

    def cut(self, size: int, keep: Callable[[dict[str, Any]], bool] = lambda row: False) -> None:
        """Delete everything after the first `size` bytes and the rows that directly follow, as long as `keep`
        accepts them."""
        if self.size < size:
            # Only a file changed by hand, or lost with the disk's cache, is shorter than a checkpoint says.
            logger.warning(
                "%s holds %d bytes and the checkpoint counted %d: rows are missing",
                self.path,
                self.size,
                size,
            )
            return
        with self.path.open("rb") as file:
            file.seek(size)
            size += sum(len(line) for line in takewhile(lambda line: _is_accepted(line, keep), file))
        with guard_writes(self.path):
            os.ftruncate(self._fd, size)

    def num_rows(self) -> int:
        """Lines in the file."""
        with self.path.open("rb") as file:
            return sum(1 for _ in file)

    def cut_rows(self, num_rows: int) -> None:
        """Delete everything after the first `num_rows` lines."""
        with self.path.open("rb") as file:
            lengths = [len(line) for line in file]
        if len(lengths) < num_rows:
            logger.warning(
                "%s holds %d rows instead of %d: rows are missing", self.path, len(lengths), num_rows
            )
        with guard_writes(self.path):
            os.ftruncate(self._fd, sum(lengths[:num_rows]))

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
