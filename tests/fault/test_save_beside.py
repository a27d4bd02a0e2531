"""Checkpoints that are written beside the training: complete or not there, whatever ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from or1.errors import RunFolderError
from or1.testing import CountingBackend, MemoryTracker
from or1.trainer.checkpoint import FolderCheckpoints, newest_whole
from or1.types import RunState


class BesideBackend(CountingBackend):
    """Writes half of its file, runs `during`, and writes the rest."""

    def __init__(self, during: Callable[[], None]) -> None:
        super().__init__()
        self._during = during

    def begin_save(self, folder: Path) -> Callable[[], None]:
        def wait() -> None:
            file = folder / "half.bin"
            file.write_bytes(b"1")
            self._during()
            file.write_bytes(b"12")
            self.save(folder)

        return wait


def make_checkpoints(folder: Path) -> FolderCheckpoints:
    return FolderCheckpoints(folder, MemoryTracker(), keep=2)


def save_and_be_killed(folder: Path) -> None:
    """Save step 2 in a process that ends in the middle."""
    checkpoints = make_checkpoints(folder)
    checkpoints.save(RunState(step=2), BesideBackend(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    checkpoints.close()


def test_it_appears_when_it_is_complete(tmp_path: Path) -> None:
    may_end = threading.Event()
    checkpoints = make_checkpoints(tmp_path)
    checkpoints.save(RunState(step=1), BesideBackend(lambda: None))
    checkpoints.close()
    checkpoints.save(RunState(step=2), BesideBackend(lambda: assert_set(may_end)))
    newest = newest_whole(tmp_path)
    assert newest is not None
    assert newest.name == "step_000001"
    may_end.set()
    checkpoints.save(RunState(step=3), BesideBackend(lambda: None))  # waits for the one before
    assert (tmp_path / "step_000002" / "trainer" / "half.bin").read_bytes() == b"12"
    checkpoints.close()
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step_000002", "step_000003"]


def assert_set(event: threading.Event) -> None:
    assert event.wait(300)


def test_a_kill_in_the_middle_leaves_the_one_before(tmp_path: Path) -> None:
    checkpoints = make_checkpoints(tmp_path)
    checkpoints.save(RunState(step=1), BesideBackend(lambda: None))
    checkpoints.close()
    code = (
        "from pathlib import Path; from tests.fault.test_save_beside import save_and_be_killed; "
        f"save_and_be_killed(Path({str(tmp_path)!r}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2  # the part of step 2
    state = make_checkpoints(tmp_path).restore(BesideBackend(lambda: None))
    assert state is not None
    assert state.step == 1
    assert [p.name for p in tmp_path.iterdir()] == ["step_000001"]


def test_a_failure_is_raised_at_the_end(tmp_path: Path) -> None:
    """A full disk in the thread ends the run at the next save, and leaves no part."""

    def fail() -> None:
        raise OSError(28, "No space left on device")

    checkpoints = make_checkpoints(tmp_path)
    checkpoints.save(RunState(step=1), BesideBackend(fail))
    with pytest.raises(RunFolderError, match="disk full"):
        checkpoints.close()
    assert list(tmp_path.iterdir()) == []
