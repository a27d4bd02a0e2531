"""Control groups: which group a program gets, and how a kill for memory is seen. The kernel's part is in
tests/contract.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from or1_verify.sandbox import cgroups
from or1_verify.sandbox.cgroups import CgroupSlot


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


def test_groups_of_ended_owners_are_removed_wherever_they_are(root: Path) -> None:
    """Their ids say nothing: one is that of this process, and its owner is in another container."""
    parents = [root / "memory", root / "memory" / "a" / "b", root / "pids" / "elsewhere"]
    for parent in parents:
        parent.mkdir(parents=True)
    held, lock = cgroups._new_home(parents[1])
    for parent in parents:
        (parent / f"or1-sandbox-of-{os.getpid()}-0" / "3").mkdir(parents=True)
    (parents[0] / "other").mkdir()
    (parents[0] / "or1-sandbox-8388608-1" / "0").mkdir(parents=True)
    cgroups._sweep()
    assert {path for path in root.rglob("*") if not list(path.iterdir())} == {
        held,
        parents[0] / "other",
        parents[2],
    }
    os.close(lock)  # as the kernel does when the owner ends
    cgroups._sweep()
    assert not held.exists()


def test_a_new_folder_that_is_taken_for_a_left_one_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process sweeps between the making of the folder and its lock."""
    tries = []

    def locked(home: Path) -> int | None:
        tries.append(home)
        if len(tries) == 1:
            cgroups._sweep()
        return taken(home)

    taken = cgroups._locked
    monkeypatch.setattr(cgroups, "_locked", lambda home: taken(home) if tries else locked(home))
    home, lock = cgroups._new_home(root)
    os.close(lock)
    assert home.exists()
    assert not tries[0].exists()
    assert home != tries[0]
