"""No process or file of the sandbox outlives its parent or its fork server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from or1_verify.sandbox import Level, Sandbox, SandboxError
from or1_verify.sandbox.detection import obstacle

LIMIT_S = 300.0
PARENT = """
import sys, time
from or1_verify.sandbox import Level, Limits, Sandbox
sandbox = Sandbox(Level(int(sys.argv[1])))
session = sandbox.start("import os, time; os.write(3, bytes(4)); time.sleep(600)", limits=Limits(wall_s=900))
session.receive()
print(*sandbox.pids, flush=True)
time.sleep(600)
"""


@pytest.fixture(
    params=[level for level in Level if level.fit_for_training], ids=lambda level: f"level{level:d}"
)
def level(request: pytest.FixtureRequest) -> Level:
    why = obstacle(request.param)
    if why is not None:
        pytest.skip(f"this machine does not allow level {request.param:d}: {why}")
    allowed: Level = request.param
    return allowed


def wait_until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def home_of(fork_server: int) -> str:
    words = Path(f"/proc/{fork_server}/cmdline").read_bytes().split(b"\0")
    return os.fsdecode(next(word for word in words if b"/or1-sandbox-" in word))


def processes_of(home: str) -> set[int]:
    """Processes that run, or have ended and are not reaped yet."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(home) in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_parent(level: Level, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(int(level))], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        home = home_of(int(parent.stdout.readline()))
        assert len(processes_of(home)) == 2, "a fork server and a program"
        parent.send_signal(number)
        parent.wait()
    wait_until(lambda: not processes_of(home), "a process outlives its parent")
    wait_until(lambda: not Path(home).exists(), "a folder outlives its parent")


def test_no_program_outlives_the_fork_server(level: Level) -> None:
    with Sandbox(level) as sandbox:
        (fork_server,) = sandbox.pids
        home = home_of(fork_server)
        session = sandbox.start("import os, time; os.write(3, bytes(4)); time.sleep(600)")
        session.receive()
        os.kill(fork_server, signal.SIGKILL)
        wait_until(lambda: processes_of(home) <= {fork_server}, "a program outlives its fork server")
        with pytest.raises(SandboxError, match="fork server"):
            session.wait()
    assert processes_of(home) == set()
    assert not Path(home).exists()


def test_closing_leaves_nothing(level: Level) -> None:
    before = descriptors()
    with Sandbox(level) as sandbox:
        homes = [home_of(pid) for pid in sandbox.pids]
        sandbox.run("open('x', 'w').write('x')")
        sandbox.run("import numpy")
        homes += [home_of(pid) for pid in sandbox.pids]
    assert all(processes_of(home) == set() and not Path(home).exists() for home in homes)
    assert descriptors() == before
    assert groups_of(os.getpid()) == []


def groups_of(pid: int) -> list[Path]:
    return list(Path("/sys/fs/cgroup").rglob(f"or1-sandbox-of-{pid}-*"))


def has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def test_a_fork_server_that_was_lost_between_two_programs_costs_nothing(level: Level) -> None:
    with Sandbox(level) as sandbox:
        assert sandbox.run("print(1)").stdout == b"1\n"
        (lost,) = sandbox.pids
        os.kill(lost, signal.SIGKILL)
        wait_until(lambda: has_ended(lost), "the fork server ignores SIGKILL")
        assert sandbox.run("print(2)").stdout == b"2\n"
        assert sandbox.pids != [lost]


IN_ITS_OWN_PROCESS_TREE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def test_installations_in_other_process_trees_leave_each_other_alone() -> None:
    """Each is process 1 or 2 of its container, where the other one's id does not exist or is another's."""
    if obstacle(Level.CGROUP) is not None or os.geteuid() != 0:
        pytest.skip("memory groups and process trees need root here")
    command = [*IN_ITS_OWN_PROCESS_TREE, sys.executable, "-c", PARENT, "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as neighbour:
        assert neighbour.stdout is not None
        neighbour.stdout.readline()
        its_groups = groups_of(1)
        assert its_groups
        with Sandbox(Level.CGROUP) as sandbox:
            assert sandbox.run("print(1)").stdout == b"1\n"
        assert set(its_groups) <= set(groups_of(1))
        neighbour.kill()
    wait_until(lambda: all(is_empty(group) for group in its_groups), "a program outlives its container")
    with Sandbox(Level.CGROUP) as sandbox:
        assert sandbox.run("print(1)").stdout == b"1\n"
    assert not set(its_groups) & set(groups_of(1))


def is_empty(home: Path) -> bool:
    return all(path.read_text() == "" for path in home.rglob("cgroup.procs"))


def test_groups_that_were_removed_are_made_again() -> None:
    if obstacle(Level.CGROUP) is not None:
        pytest.skip("memory groups are not allowed here")
    with Sandbox(Level.CGROUP) as sandbox:
        assert sandbox.run("print(1)").stdout == b"1\n"
        for home in groups_of(os.getpid()):
            (home / "0").rmdir()
        with pytest.raises(SandboxError, match="memory groups were removed"):
            sandbox.run("print(1)")
        assert sandbox.run("print(2)").stdout == b"2\n"
