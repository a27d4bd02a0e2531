"""Atomic replacement: after a crash at any moment a reader finds the old content or the new, never a part.

`replacing` is the only place that writes beside a file or folder and renames. The unfinished part of NAME is
`.NAME.PID.part`: hidden, so that no data set contains it, and with the process id, so that processes that
write the same file do not disturb each other. The file system must rename atomically (POSIX).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from or1.errors import RunFolderError

_UNFINISHED = re.compile(r"\.(?P<name>.+)\.\d+\.(?P<kind>part|old)")
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextlib.contextmanager
def guard_writes(path: Path) -> Iterator[None]:
    """Turn the failure of a write below `path` into one line with a remedy.

    Raises:
        RunFolderError: disk full, folder read-only or gone, or any other failure of the file system.
    """
    try:
        yield
    except OSError as error:
        raise RunFolderError(_write_failure(path, error)) from error


def _write_failure(path: Path, error: OSError) -> str:
    if error.errno in DISK_FULL:
        return disk_full(path)
    if error.errno in _NOT_WRITABLE:
        return f"{path} cannot be written ({error.strerror}): choose another folder with --out"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ESTALE):
        return f"{path} has vanished or is not a folder ({error.strerror}): choose another folder with --out"
    return f"{path} cannot be written: {error}"


def disk_full(path: Path | str | None) -> str:
    """The line for a disk that is full.

    >>> disk_full(None)
    'disk full: free some space and repeat the same command'
    """
    place = f" while writing {path}" if path else ""
    return f"disk full{place}: free some space and repeat the same command"


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path to write a file or folder to; it takes the place of `path` when the block ends without an error.

    A file is replaced by one rename. A folder that exists is renamed first; `recover` restores it if the
    process was killed between the two renames.

    Args:
        path: the file or folder to write; its parent exists.
        durable: flush the content before the rename, and the parent folder after it. False leaves this to the
            caller (`fsync_tree(path)`, then `fsync_folder(path.parent)`), who can do it once for many files.

    Raises:
        OSError: the file system failed; `path` has its old content or the new one.
    """
    part = _beside(path, "part")
    _delete(part)
    try:
        yield part
        if durable:
            fsync_tree(part)
        _swap(part, path, durable)
    finally:
        _delete(part)


def _swap(part: Path, path: Path, durable: bool) -> None:
    old = _beside(path, "old")
    if path.is_dir():
        path.rename(old)
    part.replace(path)
    if durable:
        fsync_folder(path.parent)
    _delete(old)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{kind}")


def recover(folder: Path) -> None:
    """Delete the unfinished parts that a killed process left in a folder, and finish its replacements.

    The caller holds the lock of the folder, so that no process is writing there.
    """
    for path in list(folder.iterdir()):
        found = _UNFINISHED.fullmatch(path.name)
        if found is None:
            continue
        final = path.with_name(found["name"])
        if found["kind"] == "old" and not final.exists():
            path.rename(final)
        else:
            _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file.

    Raises:
        RunFolderError: the folder cannot be written; the file is as before.
        ValueError: a number is not finite, which JSON cannot hold; the file is as before.
    """
    with guard_writes(path.parent), replacing(path) as part, part.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """A second name for a file, or its bytes where the file system gives none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def fsync_tree(path: Path) -> None:
    """Make a file, or a folder with everything in it, durable."""
    for each in sorted(path.rglob("*")) if path.is_dir() else ():
        _fsync(each)
    _fsync(path)


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable: files created, renamed and deleted there."""
    _fsync(path)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: Exception) -> str:
    """Text of the error that parsing a damaged file raised."""
    return f"no {error}" if isinstance(error, KeyError) else str(error)
