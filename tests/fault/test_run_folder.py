"""The run folder under fire: two runs at once, killed holders, unwritable folders, failing views."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from or1.errors import ConfigError, RunFolderError
from or1.storage.atomic import guard_writes
from or1.storage.jsonl import JsonLines, read_rows
from or1.storage.run_folder import RunFolder
from or1.tracking.sinks import Guarded, Sink, StepEvent, open_guarded
from tests.runs import contents, description, play, run_config

HOLDER = """
import os, sys, time
from pathlib import Path
from tests.runs import description, run_config
from or1.storage.run_folder import RunFolder

folder = RunFolder.open(Path(sys.argv[1]), description(run_config()))
child = os.fork() if sys.argv[2] == "with a child" else None
if not child:
    print(os.getpid(), flush=True)
if child == 0:
    os.close(1)
time.sleep(3600)
"""


class Holder:
    """Another process that has the folder open, with or without a child of its own."""

    def __init__(self, folder: Path, kind: str = "alone") -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-c", HOLDER, str(folder), kind]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        self.said_pid = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_a_second_run_in_the_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    try:
        with pytest.raises(
            RunFolderError, match=f"in use by process {holder.process.pid} on .*--out"
        ) as caught:
            RunFolder.open(tmp_path, description(run_config()))
        assert "\n" not in str(caught.value)
    finally:
        holder.kill()


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    Holder(tmp_path).kill()
    RunFolder.open(tmp_path, description(run_config())).close()


def test_a_child_that_outlives_its_killed_run_holds_no_lock(tmp_path: Path) -> None:
    """A verifier's worker shares the open lock file until it lets go of it."""
    holder = Holder(tmp_path, "with a child")
    holder.kill()
    try:
        os.kill(holder.said_pid, 0)  # the child is alive
        RunFolder.open(tmp_path, description(run_config())).close()
    finally:
        os.kill(holder.said_pid, signal.SIGKILL)


def test_a_child_of_a_living_run_does_not_give_its_lock_away(tmp_path: Path) -> None:
    holder = Holder(tmp_path, "with a child")
    os.kill(holder.said_pid, signal.SIGKILL)
    try:
        with pytest.raises(RunFolderError, match="in use"):
            RunFolder.open(tmp_path, description(run_config()))
    finally:
        holder.kill()


def as_nobody(action: Callable[[], None]) -> str:
    """The message with which an action fails in a process without rights; root may write anywhere."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            action()
        except RunFolderError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as file:
        return file.read()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking a process with threads warns from 3.12 on")
def test_a_folder_that_may_not_be_written_is_one_line(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(0o755)
    outside.chmod(0o555)

    def opening() -> None:
        RunFolder.open(outside / "run", description(run_config()))

    said = as_nobody(opening)
    assert "cannot be written (Permission denied)" in said
    assert "--out" in said
    assert "\n" not in said


def test_a_folder_on_a_read_only_disk_is_one_line() -> None:
    """/proc takes no folders, not even root's."""
    with pytest.raises(RunFolderError, match=r"/proc/or1-run .*--out"):
        RunFolder.open(Path("/proc/or1-run"), description(run_config()))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "disk full"),
        (errno.EROFS, "cannot be written"),
        (errno.ENOENT, "vanished"),
        (errno.EIO, "cannot be written"),
    ],
)
def test_every_failure_of_the_file_system_is_one_line_with_the_path(
    number: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(RunFolderError, match=words) as caught, guard_writes(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_failures_of_the_file_system_are_translated(tmp_path: Path) -> None:
    with pytest.raises(KeyError), guard_writes(tmp_path):
        raise KeyError("a bug stays a bug")


def test_a_folder_that_vanishes_during_the_run_is_one_line(tmp_path: Path) -> None:
    class Vandal(Sink):
        def on_step_end(self, event: StepEvent) -> None:
            if event.step == 2:
                shutil.rmtree(tmp_path / "run")

    with pytest.raises(RunFolderError, match="vanished"):
        play(tmp_path / "run", sinks=[Vandal()])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_leaves_a_log_as_it_was(tmp_path: Path) -> None:
    """/dev/full fails every write; the ending of a real disk is in test_checkpoint."""
    log = JsonLines(Path("/dev/full"))
    with pytest.raises(RunFolderError, match="/dev/full"):
        log.append({"step": 1})
    log.close()


def test_a_line_cut_by_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    """A file may not grow over a limit: like on a nearly full disk, the first part of a line still fits."""
    script = """
import resource, signal, sys
from pathlib import Path
from or1.errors import RunFolderError
from or1.storage.jsonl import JsonLines

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = JsonLines(Path(sys.argv[1]))
log.append({"step": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (log.size + 5, resource.RLIM_INFINITY))
try:
    log.append({"step": 2})
except RunFolderError as error:
    print(error)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    path = tmp_path / "log.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    assert "cannot be written" in done.stdout
    assert path.read_bytes() == b'{"step": 1}\n'
    assert [r["step"] for r in read_rows(path)] == [1]


class Failing(Sink):
    """Fails in one of its calls, and records all of them."""

    name = "a view"

    def __init__(self, where: str) -> None:
        self.where = where
        self.calls: list[str] = []

    def _record(self, call: str) -> None:
        self.calls.append(call)
        if call == self.where:
            raise ConnectionError("the network is down")

    def on_step_begin(self, *arguments: Any) -> None:
        self._record("begin")

    def on_phase(self, phase: str) -> None:
        self._record("phase")

    def on_step_end(self, event: StepEvent) -> None:
        self._record("step")

    def on_score(self, *arguments: Any) -> None:
        self._record("score")

    def on_cut(self, step: int) -> None:
        self._record("cut")

    def close(self) -> None:
        self._record("close")


@pytest.mark.parametrize("where", ["begin", "phase", "step", "score", "cut", "close"])
def test_a_failing_view_is_logged_once_and_the_run_continues(
    tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    view = Failing(where)
    play(tmp_path / "alone")
    with caplog.at_level(logging.WARNING):
        play(tmp_path / "watched", sinks=[view])
    assert contents(tmp_path / "watched") == contents(tmp_path / "alone")
    assert caplog.text.count("a view failed and is switched off") == 1
    assert "the network is down" in caplog.text


@pytest.mark.parametrize("close_fails", [False, True])
def test_a_failed_view_is_closed_once_and_not_called_again(close_fails: bool) -> None:
    class Page(Failing):
        def close(self) -> None:
            super().close()
            if close_fails:
                raise OSError("the terminal is gone")

    view = Page("phase")
    guarded = Guarded(view)
    for _ in range(3):
        guarded.on_phase("rollout")
    guarded.close()
    assert view.calls == ["phase", "close"], "its thread ends and its cursor is shown again"


def test_a_view_that_cannot_be_closed_is_closed_once() -> None:
    view = Failing("close")
    guarded = Guarded(view)
    guarded.close()
    guarded.close()
    assert view.calls == ["close"]


def test_an_interrupt_is_no_failure_of_a_view() -> None:
    class Interrupted(Sink):
        def on_phase(self, phase: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guarded(Interrupted()).on_phase("rollout")


def test_a_view_that_cannot_be_opened_is_left_out_but_a_wrong_setting_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def offline() -> Sink:
        raise ConnectionError("offline")

    def wrong() -> Sink:
        raise ConfigError("wandb is not installed")

    with caplog.at_level(logging.WARNING):
        assert open_guarded("a view", offline) == []
    assert "offline" in caplog.text
    with pytest.raises(ConfigError):
        open_guarded("a view", wrong)
