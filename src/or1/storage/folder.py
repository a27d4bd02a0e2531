"""A folder that one process holds at a time and that belongs to one description.

Runs, evaluations and curations use it. Each folder has two files of its own:

FOLDER/lock     held while a process has the folder open; names that process
FOLDER/FILE     the description, JSON, with the format of the folder; FILE depends on the kind of folder
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import weakref
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Self

from or1.errors import RunFolderError
from or1.storage.atomic import guard_writes, reason_of, recover, write_json
from or1.storage.format import FORMAT_KEY, require_format

LOCK = "lock"


class FolderLock:
    """A lock on a folder. It ends with the process that holds it, so a stale lock cannot exist.

    flock belongs to the open file, which a forked child would share and keep alive after its parent was
    killed: children therefore close their copy as soon as they are forked.
    """

    _held: ClassVar[weakref.WeakSet[FolderLock]] = weakref.WeakSet()

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            RunFolderError: another process, or another user of the folder in this process, holds it.
        """
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 4096, 0).decode(errors="replace").strip() or "an unknown process"
            self.close()
            raise RunFolderError(
                f"{path.parent} is in use by {holder}: wait for it, or choose another folder with --out"
            ) from error
        text = f"process {os.getpid()} on {socket.gethostname()} (boot {_boot_id()})\n"
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)
        self._held.add(self)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @classmethod
    def close_in_child(cls) -> None:
        """After a fork, in the child: close the copies of all locks of the parent, which keeps them."""
        for lock in list(cls._held):
            lock.close()


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "unknown"


os.register_at_fork(after_in_child=FolderLock.close_in_child)


class Folder:
    """An open folder; `close` or the end of a `with` unlocks it. Each kind of folder is a subclass."""

    FILE: ClassVar[str]
    """Name of the description."""
    KIND: ClassVar[str]
    """In messages, such as "a run folder"."""
    VERSION: ClassVar[int] = 1
    """Format of the folder's files, to be raised when an earlier or1 could not read them."""
    BEFORE: ClassVar[tuple[str, ...]] = ()
    """Patterns of names that may lie in a new folder."""

    def __init__(self, path: Path, lock: FolderLock, description: dict[str, Any]) -> None:
        self.path = path
        self.description = description
        self._lock = lock

    @classmethod
    def hold(cls, path: Path, describe: Callable[[dict[str, Any] | None], Mapping[str, Any]]) -> Self:
        """Create or reopen the folder and lock it; a folder that is refused is unlocked again.

        Args:
            path: the folder; parents are made.
            describe: from the description found (None in a new folder) to the one that the folder has from
                here on, as JSON. It raises RunFolderError where the folder belongs to other settings.

        Raises:
            RunFolderError: in use, not writable, of other settings, or with a damaged description.
        """
        cls._refuse_foreign(path)
        with guard_writes(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = FolderLock(path / LOCK)
        try:
            with guard_writes(path):
                recover(path)
            found = cls.read(path) if (path / cls.FILE).exists() else None
            description = json.loads(json.dumps(describe(found)))
            if description != found:
                cls.write(path, description)
        except BaseException:
            lock.close()
            raise
        return cls(path, lock, description)

    @classmethod
    def _refuse_foreign(cls, path: Path) -> None:
        """Only a folder of this kind, or one without files: others would be overwritten."""
        if not path.is_dir() or (path / cls.FILE).exists():
            return
        with guard_writes(path):
            own = (LOCK, ".*", *cls.BEFORE)
            others = sorted(p for p in path.iterdir() if not any(fnmatchcase(p.name, name) for name in own))
            file = next((f for each in others for f in (each, *each.rglob("*")) if not f.is_dir()), None)
        if file is not None:
            raise RunFolderError(
                f"{path} holds {file.relative_to(path)} and is not {cls.KIND}: nothing is overwritten; "
                "choose another folder with --out"
            )

    @classmethod
    def read(cls, path: Path) -> dict[str, Any]:
        """The description of a folder, which may be in use, without its format.

        Raises:
            RunFolderError: there is none, it is damaged, or the folder has another format.
        """
        try:
            found = dict(json.loads((path / cls.FILE).read_text(encoding="utf-8")))
            remedy = "choose another folder"
            require_format(path, found, cls.VERSION, remedy=remedy, error=RunFolderError)
            found.pop(FORMAT_KEY, None)
            cls.check(found)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RunFolderError(f"{path} is not {cls.KIND}: it holds no {cls.FILE}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise RunFolderError(
                f"{path / cls.FILE} is damaged ({reason_of(error)}): put back a copy of it, or use another "
                "folder"
            ) from error
        return found

    @classmethod
    def write(cls, path: Path, description: Mapping[str, Any]) -> None:
        """Replace the description of a folder; the format is added."""
        write_json(path / cls.FILE, {FORMAT_KEY: cls.VERSION, **description})

    @classmethod
    def check(cls, found: dict[str, Any]) -> None:
        """Raises ValueError, KeyError or TypeError where a description lacks a part or has a wrong type."""

    def close(self) -> None:
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
