"""Control groups: which group a program gets, and how a kill for memory is seen. The kernel's part is in
tests/contract.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from or1_verify.sandbox import cgroups
from or1_verify.sandbox.cgroups import CgroupSlot

ABOVE_EVERY_PID = 1 << 23


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of /sys/fs/cgroup; this process is in a/b of each hierarchy."""
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    monkeypatch.setattr(cgroups, "_own_groups", lambda: iter([("cpu,memory", "a/b"), ("", "a/b")]))
    return tmp_path


def test_only_kills_since_the_slot_was_prepared_count(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    slot = CgroupSlot(descriptors=(), events=events, kills_before=1)
    events.write_text("max 7\noom 5\noom_kill 1\n")
    assert not slot.ran_out_of_memory()
    events.write_text("max 7\noom 5\noom_kill 2\n")
    assert slot.ran_out_of_memory()


def test_a_kernel_that_does_not_count_kills_shows_none(tmp_path: Path) -> None:
    events = tmp_path / "memory.oom_control"
    events.write_text("oom_kill_disable 0\nunder_oom 1\n")
    assert not CgroupSlot((), events, 0).ran_out_of_memory()


def test_a_group_of_version_1_is_the_own_one_or_the_root_of_a_container(root: Path) -> None:
    (root / "memory").mkdir()
    assert cgroups._own_group("memory") == root / "memory"
    (root / "memory" / "a" / "b").mkdir(parents=True)
    assert cgroups._own_group("memory") == root / "memory" / "a" / "b"
    with pytest.raises(OSError, match="controller pids is not mounted"):
        cgroups._own_group("pids")


def test_a_group_of_version_2_must_be_delegated(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    for folder in (root / "a" / "b", root / "a", root):
        (folder / "cgroup.subtree_control").write_text("cpu")
    with pytest.raises(OSError, match="delegated"):
        cgroups._delegated_group()


def test_groups_of_ended_processes_are_removed(root: Path) -> None:
    names = [f"or1-sandbox-{pid}-1" for pid in (os.getpid(), ABOVE_EVERY_PID)] + ["or1-sandbox-x", "other"]
    for name in names:
        (root / name / "0").mkdir(parents=True)
    cgroups._sweep(root)
    assert {path.name for path in root.iterdir()} == {
        f"or1-sandbox-{os.getpid()}-1",
        "or1-sandbox-x",
        "other",
    }
