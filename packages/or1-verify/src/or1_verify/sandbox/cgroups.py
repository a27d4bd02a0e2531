"""Control groups: the kernel limits memory and threads of a whole program. Groups are reused.

The parent makes the groups and reads them; a program enters its group through a descriptor before it gives up
its privileges. Version 2 of the interface needs a delegated part of the tree; version 1 needs root.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from or1_verify.sandbox.confine import MAX_THREADS

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "or1-sandbox-"
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
        self._homes: list[Path] = []
        self._descriptors: dict[int, tuple[int, ...]] = {}
        self._version_2 = (_ROOT / "cgroup.controllers").exists()
        try:
            parents = [_delegated_group()] if self._version_2 else [_own_group("memory"), _own_group("pids")]
            for parent in parents:
                _sweep(parent)
                home = parent / f"{_PREFIX}{os.getpid()}-{id(self):x}"
                home.mkdir()
                self._homes.append(home)
            if self._version_2:
                (self._homes[0] / "cgroup.subtree_control").write_text("+memory +pids")
        except BaseException:
            self.close()
            raise

    def prepare(self, slot: int, memory_bytes: int) -> CgroupSlot:
        """The group of a slot with this limit."""
        if slot not in self._descriptors:
            self._descriptors[slot] = self._made(slot)
        group = self._homes[0] / str(slot)
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
        for home in self._homes:
            _remove(home)
        self._homes = []

    def _made(self, slot: int) -> tuple[int, ...]:
        for home in self._homes:
            (home / str(slot)).mkdir(exist_ok=True)
        (self._homes[-1] / str(slot) / "pids.max").write_text(str(MAX_THREADS))
        if self._version_2:
            with contextlib.suppress(OSError):  # the machine has no swap
                (self._homes[0] / str(slot) / "memory.swap.max").write_text("0")
        return tuple(os.open(home / str(slot) / "cgroup.procs", os.O_WRONLY) for home in self._homes)


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


def _sweep(parent: Path) -> None:
    """Remove groups of processes that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _remove(left)


def _remove(home: Path) -> None:
    """Remove a folder of groups; processes that are just ending still occupy their group for a moment."""
    deadline = time.monotonic() + _REMOVAL_LIMIT_S
    for group in (*home.glob("*/"), home):
        while group.exists() and not _removed(group) and time.monotonic() < deadline:
            time.sleep(0.005)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True
