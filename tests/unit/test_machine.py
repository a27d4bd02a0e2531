"""Processors and memory of this process within its control groups, from files of the kernel's layout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from or1.machine import free_memory_bytes, memory_bytes, num_threads, usable_processors

MIB = 1 << 20


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def _eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


@pytest.mark.parametrize(
    ("setting", "environment", "expected"),
    [
        (5, {"OMP_NUM_THREADS": "2"}, 5),
        (None, {"OMP_NUM_THREADS": "2"}, 2),
        (None, {"OMP_NUM_THREADS": "4,2"}, 4),
        (None, {"OMP_NUM_THREADS": "0"}, 3),
        (None, {"OMP_NUM_THREADS": "many"}, 3),
        (None, {}, 3),
    ],
)
def test_threads_by_setting_then_variable_then_machine(
    setting: int | None, environment: dict[str, str], expected: int, tmp_path: Path
) -> None:
    root = write(tmp_path, {"sys/fs/cgroup/cpu.max": "250000 100000\n"})
    assert num_threads(setting, environment, root) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, 8),
        ({"sys/fs/cgroup/cpu.max": "50000 100000"}, 1),
        ({"sys/fs/cgroup/cpu.max": "9900000 100000"}, 8),
        ({"sys/fs/cgroup/a/b/cpu.max": "max 100000", "sys/fs/cgroup/a/cpu.max": "200000 100000"}, 2),
        ({"sys/fs/cgroup/other/cpu.max": "100000 100000"}, 8),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000"}, 3),
    ],
)
def test_processors_within_affinity_and_quota(files: dict[str, str], expected: int, tmp_path: Path) -> None:
    root = write(tmp_path, {"proc/self/cgroup": "0::/a/b\n", **files})
    assert usable_processors(root) == expected


@pytest.mark.parametrize(
    ("files", "free", "total"),
    [
        ({}, 900, None),
        (
            {
                "sys/fs/cgroup/memory.max": f"{500 * MIB}",
                "sys/fs/cgroup/memory.current": f"{300 * MIB}",
                "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {100 * MIB}\n",
            },
            300,
            500,
        ),
        ({"sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/memory.current": "5"}, 900, None),
        (
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{400 * MIB}",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{390 * MIB}",
                "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {40 * MIB}\n",
            },
            50,
            400,
        ),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": str((1 << 63) - 4096)}, 900, None),
    ],
)
def test_memory_within_control_groups(
    files: dict[str, str], free: int, total: int | None, tmp_path: Path
) -> None:
    root = write(tmp_path, {"proc/meminfo": f"MemTotal: 9\nMemAvailable: {900 * 1024} kB\n", **files})
    assert free_memory_bytes(root) == free * MIB
    if total is not None:
        assert memory_bytes(root) == total * MIB
