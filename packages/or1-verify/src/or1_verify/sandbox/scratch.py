"""The scratch directory of a program: empty at its start, emptied or removed at its end.

Scratch directories are numbered by slot; a slot runs one program at a time.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from or1_verify.sandbox import syscalls
from or1_verify.sandbox.namespaces import SCRATCH_ROOT

MAX_ENTRIES = 256
"""Most files and folders in a scratch directory."""
_FILES_WORTH = 4
"""A scratch directory holds this number of files of the largest size."""


class ScratchDirs(Protocol):
    """Creates, empties and removes scratch directories."""

    def prepare(self, slot: int, uid: int | None, file_bytes: int) -> str:
        """The path of an empty directory that only `uid` may use (None = the current user)."""
        ...

    def clear(self, slot: int) -> None:
        """Remove all files that the program wrote."""
        ...

    def remove(self) -> None:
        """Remove all scratch directories."""
        ...

    def anchor(self, slot: int) -> str:
        """A permanent directory above or at the scratch directory, for Landlock rules; made by `prepare`."""
        ...


def scratch_bytes(file_bytes: int) -> int:
    """Largest total size of the files in a scratch directory [bytes]."""
    return _FILES_WORTH * file_bytes


class DiskScratch:
    """Directories on disk, reused for later programs; `overfull` measures them, since nothing limits them."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._made: dict[int, str] = {}

    def prepare(self, slot: int, uid: int | None, file_bytes: int) -> str:
        if slot not in self._made:
            path = folder_of(self._home, slot)
            os.mkdir(path, 0o700)  # noqa: PTH102
            if uid is not None:
                os.chown(path, uid, uid)
            self._made[slot] = path
        return self._made[slot]

    def clear(self, slot: int) -> None:
        empty(self._made[slot])

    def remove(self) -> None:
        for path in self._made.values():
            empty(path)
            os.rmdir(path)  # noqa: PTH106
        os.rmdir(self._home)  # noqa: PTH106

    def anchor(self, slot: int) -> str:
        return self._made[slot]


class TmpfsScratch:
    """A small tmpfs per program, mounted in the fork server's own mount namespace."""

    def prepare(self, slot: int, uid: int | None, file_bytes: int) -> str:
        path = self._path(slot)
        if not os.path.isdir(path):  # noqa: PTH112
            os.makedirs(path)  # noqa: PTH103
            os.chmod(self.anchor(slot), 0o555)  # noqa: PTH101
        size = f"size={scratch_bytes(file_bytes)},nr_inodes={MAX_ENTRIES},mode=0700"
        owner = f",uid={uid},gid={uid}" if uid is not None else ""
        syscalls.mount("tmpfs", path, "tmpfs", syscalls.DATA_ONLY, size + owner)
        return path

    def clear(self, slot: int) -> None:
        syscalls.umount(self._path(slot))

    def remove(self) -> None:
        """Nothing to do: the kernel removes the mounts with the last process of the namespace."""

    def anchor(self, slot: int) -> str:
        return f"{SCRATCH_ROOT}/{slot}"

    def _path(self, slot: int) -> str:
        """Below the anchor: a Landlock rule for the anchor covers what is mounted below it."""
        return f"{SCRATCH_ROOT}/{slot}/in"


def folder_of(home: str, slot: int) -> str:
    return f"{home}/{slot}"


def overfull(path: str, file_bytes: int) -> bool:
    """Whether a directory is over the limits on number and size of files."""
    held = 0
    for count, entry in enumerate(_everything_in(path), 1):
        try:
            held += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue  # removed in the meantime
        if count > MAX_ENTRIES or held > scratch_bytes(file_bytes):
            return True
    return False


def _everything_in(path: str) -> Iterator[os.DirEntry[str]]:
    folders = [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as all_entries:
                entries = list(itertools.islice(all_entries, MAX_ENTRIES + 1))
        except OSError:
            continue  # removed, not readable, or its path too long: its parent has been counted
        yield from entries
        folders += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def empty(path: str) -> None:
    """Remove the contents of a directory of any depth; subfolders move up first, so that paths stay short."""
    if not os.listdir(path):  # noqa: PTH208  (a path object costs more than the call)
        return
    root = Path(path)
    prefix = os.urandom(8).hex()  # random, so that a program cannot have created the same name
    moved = 0
    while True:
        entries = list(os.scandir(root))
        if not entries:
            return
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)  # noqa: PTH108
                continue
            os.chmod(entry.path, 0o700)  # noqa: PTH101
            for inner in list(os.scandir(entry.path)):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)  # noqa: PTH101
                    os.rename(inner.path, root / f"{prefix}-{moved}")  # noqa: PTH104
                    moved += 1
                else:
                    os.unlink(inner.path)  # noqa: PTH108
            os.rmdir(entry.path)  # noqa: PTH106
