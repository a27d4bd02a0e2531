"""Memory and processors that this process may use: the machine's, within affinity and control groups."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/")
"""Folder that holds `proc` and `sys`."""
NO_LIMIT = 1 << 60
"""Version 1 of control groups writes a number above this for no limit [bytes]."""


def num_threads(setting: int | None, environment: Mapping[str, str], root: Path = ROOT) -> int:
    """Threads of a matrix product on CPU: the setting, else OMP_NUM_THREADS, else the processors that this
    process may use.

    Args:
        setting: `system.threads`.
        environment: environment variables.
        root: folder that holds `proc` and `sys`.

    >>> num_threads(3, {"OMP_NUM_THREADS": "2"}), num_threads(None, {"OMP_NUM_THREADS": "2"})
    (3, 2)
    """
    if setting is not None:
        return setting
    # "4,2" sets the threads of nested regions: the first number is that of the outer one
    asked = environment["OMP_NUM_THREADS"].split(",")[0].strip() if "OMP_NUM_THREADS" in environment else ""
    return int(asked) if asked.isdigit() and int(asked) > 0 else usable_processors(root)


def usable_processors(root: Path = ROOT) -> int:
    """Processors of this process: its affinity, and the time that its control groups grant, rounded up.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst.
    """
    allowed = len(os.sched_getaffinity(0))
    shares = []
    for folder in _groups(root, "cpu"):
        words = _words(folder / "cpu.max")
        words = words or [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]
        quota, period = words if len(words) == 2 else ("", "")
        if quota.isdigit() and period.isdigit() and int(period) > 0:  # "max" and -1 are no limit
            shares.append(-(-int(quota) // int(period)))
    return max(1, min(allowed, *shares)) if shares else allowed


def free_memory_bytes(root: Path = ROOT) -> int:
    """Memory that can still be allocated: free memory of the machine, and the rest of each control group.

    File pages that a group holds count as free, as in the machine's MemAvailable: the kernel drops them.
    """
    free = [_available(root), *(limit - used for limit, used in _limits(root))]
    return max(0, min(free))


def memory_bytes(root: Path = ROOT) -> int:
    """All memory of this process: the machine's, or the smallest limit of its control groups."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([total, *(limit for limit, _ in _limits(root))])


def _available(root: Path) -> int:
    path = root / "proc/meminfo"
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def _limits(root: Path) -> list[tuple[int, int]]:
    """(limit, bytes in use without droppable file pages) of each control group that has a limit."""
    found = []
    for folder in _groups(root, "memory"):
        for limit_name, used_name, file_name in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit = "".join(_words(folder / limit_name))
            if limit.isdigit() and int(limit) < NO_LIMIT:
                used = int("".join(_words(folder / used_name)) or 0)
                statistics = _words(folder / "memory.stat")
                pairs = dict(zip(statistics[::2], statistics[1::2], strict=False))
                found.append((int(limit), used - int(pairs[file_name]) if file_name in pairs else used))
    return found


def _groups(root: Path, controller: str) -> list[Path]:
    """Folders of the process's control group and all above it, for both versions.

    Inside a container the own path may not exist: the folder of the controller is then the group itself.
    """
    path = root / "proc/self/cgroup"
    folders = [root / "sys/fs/cgroup", root / "sys/fs/cgroup" / controller]
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        _, controllers, own = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = folders[1] if controllers else folders[0]
        parts = Path(own).parts[1:]
        folders += [base.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    return [folder for folder in folders if folder.is_dir()]


def _words(path: Path) -> list[str]:
    """The words of a file; none where it is not there or not readable."""
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []
