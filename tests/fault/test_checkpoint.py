"""Checkpoints under fire: killed writers, damaged files, full disks."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from or1.errors import CheckpointError, RunFolderError
from or1.testing import CountingBackend, MemoryTracker
from or1.trainer.checkpoint import FolderCheckpoints, verify
from or1.types import RunState
from tests.runs import contents, play, run_config

EVENTS_PER_CHECKPOINT = 25
"""Files that the writer opens, renames and removes for one checkpoint, roughly."""

# For every line of input forks a child that writes checkpoints of steps 1, 2, 3 ... until it is killed. What
# belongs to step k is made of k alone. Forking saves importing everything twenty times.
NURSERY = """
import os, sys
from pathlib import Path
from tests.fault.test_checkpoint import write_for_ever

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write_for_ever(Path(sys.argv[1]))
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


def write_for_ever(folder: Path) -> None:
    trainer = BulkyBackend()
    checkpoints = FolderCheckpoints(folder, MemoryTracker(), keep=2)
    state = checkpoints.restore(trainer) or RunState()
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    sys.addaudithook(report_file_event)
    for step in itertools.count(state.step + 1):
        trainer.step = step
        checkpoints.save(RunState(step=step, policy_version=2 * step), trainer)


def report_file_event(event: str, _: tuple[Any, ...]) -> None:
    """Write one dot for every file that is opened, renamed or removed."""
    if event in ("open", "os.rename", "os.remove"):
        os.write(1, b".")


class BulkyBackend(CountingBackend):
    """Writes several files of some size, so that a kill falls inside of one."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 0

    def content(self, part: int) -> bytes:
        return f"{self.step}/{part};".encode() * 20_000

    def save(self, folder: Path) -> None:
        for part in range(3):
            (folder / f"part_{part}").write_bytes(self.content(part))
        (folder / "step").write_text(str(self.step))

    def load(self, folder: Path) -> None:
        self.step = int((folder / "step").read_text())
        for part in range(3):
            assert (folder / f"part_{part}").read_bytes() == self.content(part)


def restore(folder: Path, keep: int = 2) -> tuple[RunState | None, BulkyBackend]:
    trainer = BulkyBackend()
    return FolderCheckpoints(folder, MemoryTracker(), keep=keep).restore(trainer), trainer


def save(folder: Path, *steps: int) -> None:
    checkpoints = FolderCheckpoints(folder, MemoryTracker(), keep=9)
    trainer = BulkyBackend()
    for step in steps:
        trainer.step = step
        checkpoints.save(RunState(step=step), trainer)


@pytest.fixture
def kill_a_writer_after(tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Start a writer of checkpoints in tmp_path and kill -9 it soon after a number of file events."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", NURSERY, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as nursery:
        stdin, stdout = nursery.stdin, nursery.stdout
        assert stdin is not None
        assert stdout is not None

        def kill_after(num_events: int) -> None:
            stdin.write("next\n")
            stdin.flush()
            writer = int(stdout.readline())
            assert stdout.read(num_events) == "." * num_events
            os.kill(writer, signal.SIGKILL)
            assert stdout.readline().lstrip(".") == "gone\n"

        yield kill_after
        stdin.close()


def test_kill_9_at_twenty_random_moments_always_leaves_a_whole_checkpoint(
    tmp_path: Path, kill_a_writer_after: Callable[[int], None]
) -> None:
    rng = random.Random(5)
    last, num_partial = 0, 0
    for _ in range(20):
        kill_a_writer_after(rng.randint(1, 3 * EVENTS_PER_CHECKPOINT))
        num_partial += any(p.suffix for p in tmp_path.iterdir())
        state, trainer = restore(tmp_path)
        assert (state or RunState()).step >= last
        if state is not None:
            assert state == RunState(step=trainer.step, policy_version=2 * trainer.step)
            last = state.step
    assert last > 0, "the writers were killed before they wrote anything"
    assert num_partial > 0, "no kill fell inside a write"


def interrupted_writes(folder: Path, num_bytes: int) -> Iterator[Path]:
    """The folder as it is after a kill at every so many bytes of a checkpoint's files, before the rename."""
    whole = folder / "whole"
    save(whole, 7)
    files = sorted(p for p in (whole / "step_000007").rglob("*") if p.is_file())
    total = sum(p.stat().st_size for p in files)
    for number, end in enumerate(range(0, total, num_bytes)):
        case = folder / f"case_{number}"
        save(case, 5)
        left = end
        for path in files:
            target = case / ".step_000007.1.part" / path.relative_to(whole / "step_000007")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes()[: max(0, left)])
            left -= path.stat().st_size
        yield case


def test_a_write_cut_at_any_byte_is_no_checkpoint(tmp_path: Path) -> None:
    num_cases = 0
    for case in interrupted_writes(tmp_path, 9_973):
        state, trainer = restore(case)
        assert (state, trainer.step) == (RunState(step=5), 5)
        assert sorted(p.name for p in case.iterdir()) == ["step_000005"]
        num_cases += 1
    assert num_cases > 20


FILES = ["state.json", "manifest.json", "trainer/part_1", "trainer/step"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flipped", "shorter", "longer", "missing", "empty"])
def test_damage_in_the_newest_is_named_and_the_one_before_serves(
    tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1, 2)
    hurt(tmp_path / "step_000002" / name, damage)
    with caplog.at_level(logging.WARNING):
        state, trainer = restore(tmp_path)
    assert (state, trainer.step) == (RunState(step=1), 1)
    assert str(tmp_path / "step_000002" / name) in caplog.text


def hurt(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "shorter":
        content.pop()
    elif damage == "longer":
        content += b" "
    elif damage == "empty":
        content.clear()
    path.unlink() if damage == "missing" else path.write_bytes(content)


def test_any_flipped_bit_of_the_manifest_is_seen(tmp_path: Path) -> None:
    FolderCheckpoints(tmp_path, MemoryTracker(), keep=1).save(RunState(step=1), CountingBackend())
    manifest = tmp_path / "step_000001" / "manifest.json"
    good = manifest.read_bytes()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 1 << (position % 8)
        manifest.write_bytes(bad)
        with pytest.raises(CheckpointError):
            verify(tmp_path / "step_000001")
    manifest.write_bytes(good)
    verify(tmp_path / "step_000001")


def test_all_damaged_is_an_error_that_names_them(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    for name in ("step_000001", "step_000002"):
        hurt(tmp_path / name / "trainer" / "part_0", "flipped")
    with pytest.raises(CheckpointError, match=r"step_000002, step_000001") as caught:
        restore(tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_000001", "step_000002"]


def test_a_run_with_a_damaged_checkpoint_goes_on_from_the_one_before(tmp_path: Path) -> None:
    play(tmp_path / "straight")
    play(tmp_path / "hurt", dies_after=8)
    hurt(tmp_path / "hurt" / "checkpoints" / "step_000006" / "trainer" / "counting.json", "flipped")
    play(tmp_path / "hurt")
    assert contents(tmp_path / "hurt") == contents(tmp_path / "straight")
    verify(tmp_path / "hurt" / "checkpoints" / "step_000010")


class FullDiskBackend(BulkyBackend):
    """The disk is full while the trainer writes."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_injected_full_disk_is_one_line_and_harms_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(RunFolderError, match="disk full") as caught:
        FolderCheckpoints(tmp_path, MemoryTracker(), keep=2).save(RunState(step=2), FullDiskBackend())
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_000001"]
    assert restore(tmp_path)[0] == RunState(step=1)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


class TensorBackend(CountingBackend):
    """Writes safetensors, whose full-disk error is of its own type."""

    def __init__(self, num_bytes: int) -> None:
        super().__init__()
        self.num_bytes = num_bytes

    def save(self, folder: Path) -> None:
        super().save(folder)
        save_file({"w": np.zeros(self.num_bytes, np.uint8)}, folder / "weights.safetensors")


@pytest.mark.parametrize("backend", [TensorBackend(2_000_000), TensorBackend(600_000)])
def test_a_really_full_disk(tiny_disk: Path, backend: TensorBackend) -> None:
    """Full while the tensors are written, then full only when a second checkpoint joins the first."""
    checkpoints = FolderCheckpoints(tiny_disk, MemoryTracker(), keep=2, free_bytes=lambda _: 1 << 40)
    small = CountingBackend()
    checkpoints.save(RunState(step=1), small)
    if backend.num_bytes < 1_000_000:
        checkpoints.save(RunState(step=2), backend)
    with pytest.raises(RunFolderError, match="disk full"):
        checkpoints.save(RunState(step=3), backend)
    kept = sorted(p.name for p in tiny_disk.iterdir())
    assert kept in (["step_000001"], ["step_000001", "step_000002"])
    for name in kept:
        verify(tiny_disk / name)
    assert FolderCheckpoints(tiny_disk, MemoryTracker(), keep=2).restore(small) is not None


def test_a_disk_that_fills_up_during_a_run_stops_it_and_room_lets_it_go_on(
    tmp_path: Path, tiny_disk: Path
) -> None:
    """Logs, rollout files and checkpoints share the disk; given room, the run ends as if it always had."""
    run = run_config(checkpoint={"every": 1, "keep": 1})
    play(tmp_path / "straight", run)
    ballast = tiny_disk / "ballast"
    play(tiny_disk / "run", run, dies_after=2, free_bytes=lambda _: 1 << 40)
    fill(ballast)
    with pytest.raises(RunFolderError, match="disk full"):
        play(tiny_disk / "run", run, free_bytes=lambda _: 1 << 40)
    ballast.unlink()
    play(tiny_disk / "run", run, free_bytes=lambda _: 1 << 40)
    assert contents(tiny_disk / "run") == contents(tmp_path / "straight")


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
    assert shutil.disk_usage(path).free < 4096


def test_state_is_json_and_nothing_is_pickled(tmp_path: Path) -> None:
    save(tmp_path, 1)
    content = json.loads((tmp_path / "step_000001" / "state.json").read_text())
    assert set(content) == {"state", "log_offsets"}
    pickled = [p for p in tmp_path.rglob("*") if p.is_file() and p.read_bytes()[:1] == b"\x80"]
    assert pickled == []
