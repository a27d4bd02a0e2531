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
    assert list(Path("/sys/fs/cgroup").rglob(f"or1-sandbox-{os.getpid()}-*")) == []
