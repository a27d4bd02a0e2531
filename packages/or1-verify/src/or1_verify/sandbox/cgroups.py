"""Control groups: the kernel limits memory and threads of a whole program. Groups are reused.

The parent makes the groups and reads them; a program enters its group through a descriptor before it gives up
its privileges. Version 2 of the interface needs a delegated part of the tree; version 1 needs root.

The owner of a folder of groups holds a lock on it (`flock`), which the kernel releases when the owner ends. A
process id would not identify it: other containers share the tree, and have process ids of their own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from or1_verify.sandbox.confine import MAX_THREADS

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "or1-sandbox-"
_LOCKED = "of-"
"""Begins the rest of the name of a folder with a lock. Earlier versions have a process id here, no lock."""
_REMOVAL_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class CgroupSlot:
    """The group of one slot, ready for a program."""

    descriptors: tuple[int, ...]
    """Writing a process id to each of them moves the process into the group."""
    events: Path
    """The file in which the kernel counts its kills."""
    kills_before: int

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process for memory since the slot was prepared."""
        return _num_kills(self.events) > self.kills_before


class Cgroups:
    """One group per slot, below one folder per controller."""

    def __init__(self) -> None:
        """OSError if this process may not create groups that limit memory and processes."""
        self._homes: dict[Path, int] = {}
        """Folder -> descriptor with the lock."""
        self._descriptors: dict[int, tuple[int, ...]] = {}
        self._version_2 = (_ROOT / "cgroup.controllers").exists()
        try:
            parents = [_delegated_group()] if self._version_2 else [_own_group("memory"), _own_group("pids")]
            _sweep()
            for parent in parents:
                home, lock = _new_home(parent)
                self._homes[home] = lock
            if self._version_2:
                (home / "cgroup.subtree_control").write_text("+memory +pids")
        except BaseException:
            self.close()
            raise

    def prepare(self, slot: int, memory_bytes: int) -> CgroupSlot:
        """The group of a slot with this limit."""
        if slot not in self._descriptors:
            self._descriptors[slot] = self._made(slot)
        group = next(iter(self._homes)) / str(slot)
        if self._version_2:
            (group / "memory.max").write_text(str(memory_bytes))
            events = group / "memory.events"
        else:
            (group / "memory.limit_in_bytes").write_text(str(memory_bytes))
            events = group / "memory.oom_control"
        return CgroupSlot(self._descriptors[slot], events, _num_kills(events))

    def close(self) -> None:
        """Remove the groups; their programs must have ended."""
        for descriptors in self._descriptors.values():
            for descriptor in descriptors:
                os.close(descriptor)
        self._descriptors = {}
        for home, lock in self._homes.items():
            _remove(home, _REMOVAL_LIMIT_S)
            os.close(lock)
        self._homes = {}

    def _made(self, slot: int) -> tuple[int, ...]:
        groups = [home / str(slot) for home in self._homes]
        for group in groups:
            group.mkdir(exist_ok=True)
        (groups[-1] / "pids.max").write_text(str(MAX_THREADS))
        if self._version_2:
            with contextlib.suppress(OSError):  # the machine has no swap
                (groups[0] / "memory.swap.max").write_text("0")
        with contextlib.ExitStack() as opened:
            descriptors = []
            for group in groups:
                descriptors.append(os.open(group / "cgroup.procs", os.O_WRONLY))
                opened.callback(os.close, descriptors[-1])
            opened.pop_all()
        return tuple(descriptors)


def _num_kills(events: Path) -> int:
    for line in events.read_text().splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def _own_groups() -> Iterator[tuple[str, str]]:
    """Controllers of each hierarchy, and the path of this process's group in it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        yield controllers, path.lstrip("/")


def _own_group(controller: str) -> Path:
    """This process's group in a hierarchy of version 1, or the root if a container hides the path."""
    root = _ROOT / controller
    for controllers, path in _own_groups():
        if controller in controllers.split(","):
            return root / path if (root / path).is_dir() else root
    raise OSError(f"no memory groups: the controller {controller} is not mounted under {_ROOT}")


def _delegated_group() -> Path:
    """The nearest group of version 2 above this process that it may divide."""
    own = next((path for controllers, path in _own_groups() if not controllers), "")
    group = _ROOT / own if (_ROOT / own).is_dir() else _ROOT
    for candidate in (group, *group.parents):
        if not candidate.is_relative_to(_ROOT):
            break
        if not os.access(candidate, os.W_OK):
            continue
        with contextlib.suppress(OSError):
            (candidate / "cgroup.subtree_control").write_text("+memory +pids")
        if {"memory", "pids"} <= set((candidate / "cgroup.subtree_control").read_text().split()):
            return candidate
    raise OSError("no memory groups: no group above this process is delegated to it")


def _new_home(parent: Path) -> tuple[Path, int]:
    """A new folder of groups, and the descriptor that holds its lock."""
    while True:
        home = parent / f"{_PREFIX}{_LOCKED}{os.getpid()}-{os.urandom(4).hex()}"
        home.mkdir()
        lock = _locked(home)
        if lock is not None:
            return home, lock  # else another process removes it, because it had no lock


def _locked(home: Path) -> int | None:
    """The descriptor that holds the lock of a folder; None if another process has it or removed it."""
    try:
        lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if home.exists():
            return lock
    except BlockingIOError:
        pass
    os.close(lock)
    return None


def _sweep() -> None:
    """Remove the groups of owners that have ended, in every hierarchy, wherever they ran."""
    for folder, names, _ in os.walk(_ROOT):
        for name in [name for name in names if name.startswith(_PREFIX)]:
            names.remove(name)
            pid = name.removeprefix(_PREFIX).split("-")[0]
            if pid.isdigit() and Path(f"/proc/{pid}").exists():
                continue  # of an earlier version
            home = Path(folder, name)
            lock = _locked(home)
            if lock is not None:
                _remove(home, 0.0)
                os.close(lock)


def _remove(home: Path, limit_s: float) -> None:
    """Remove a folder of groups; processes that are just ending still occupy their group for a moment."""
    deadline = time.monotonic() + limit_s
    for group in (*home.glob("*/"), home):
        while group.exists() and not _removed(group) and time.monotonic() < deadline:
            time.sleep(0.005)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True
