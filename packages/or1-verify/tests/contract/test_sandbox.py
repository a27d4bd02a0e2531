"""Honest programs run normally at every level of the sandbox."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from or1_verify.sandbox import Ending, Level, Limits, Sandbox, SandboxError, Session
from or1_verify.sandbox.detection import obstacle
from programs import ECHO, PATIENT, SPIN

KERNEL = """
import time
zero = open('/dev/zero', 'rb', buffering=0)
block = bytearray(1 << 22)
while time.process_time() < {}:
    zero.readinto(block)
print('done')
"""
"""Computes in the kernel."""


@pytest.fixture(scope="module", params=list(Level), ids=lambda level: f"level{level:d}")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    why = obstacle(request.param)
    if why is not None:
        pytest.skip(f"this machine does not allow level {request.param:d}: {why}")
    with Sandbox(request.param) as started:
        yield started


@pytest.mark.parametrize(
    ("program", "stdin", "stdout"),
    [
        ("print(int(input()) ** 2)", b"12\n", b"144\n"),
        ("import sys; print(sys.stdin.read().split())", b"a b\r\nc", b"['a', 'b', 'c']\n"),
        ("import sys; print(len(sys.stdin.buffer.read()))", b"x" * 3_000_000, b"3000000\n"),
        ("print(open(0).read(), end='')", b"zero", b"zero"),
        ("print('é∑')", b"", "é∑\n".encode()),
        ("import sys; sys.stdout.write('kept'); sys.exit()", b"", b"kept"),
        ("out = open(1, 'w', closefd=False); out.write('not flushed')", b"", b"not flushed"),
        ("import atexit; atexit.register(print, 'late')", b"", b"late\n"),
        ("import threading as t; t.Thread(target=print, args=('thread',)).start()", b"", b"thread\n"),
        ("if __name__ == '__main__': import sys; print(sys.argv)", b"", b"['main.py']\n"),
        ("import os; print(os.listdir('.'))", b"", b"[]\n"),
        ("open('f', 'w').write('x' * 9); print(len(open('f').read()))", b"", b"9\n"),
        ("import numpy as np; print(np.arange(4).sum(), np.linalg.det(np.eye(2)))", b"", b"6 1.0\n"),
        ("import sortedcontainers as s; print(s.SortedList([2, 1]))", b"", b"SortedList([1, 2])\n"),
        ("import xml.dom.minidom, asyncio, zoneinfo, sqlite3; print('found')", b"", b"found\n"),
        ("import asyncio\nasync def f(): print('ran')\nasyncio.run(f())", b"", b"ran\n"),
        ("print({'b', 'a', 'c'} == set('cab'), [*{'x', 'yy', 'zzz'}])", b"", None),
    ],
)
def test_honest_programs_run(sandbox: Sandbox, program: str, stdin: bytes, stdout: bytes | None) -> None:
    done = sandbox.run(program, stdin=stdin, limits=PATIENT)
    assert (done.ending, done.exit_code, done.signal) == (Ending.EXITED, 0, None), done.stderr
    expected = (
        stdout if stdout is not None else sandbox.run(program, limits=PATIENT).stdout
    )  # the same each time
    assert done.stdout == expected


def test_deep_recursion_has_a_stack(sandbox: Sandbox) -> None:
    program = """
import sys
from functools import lru_cache
sys.setrecursionlimit(50000)
@lru_cache(None)
def depth(n):
    return 0 if n == 0 else depth(n - 1) + 1
print(depth(16000), max((lambda f: (f(f, 16000),))(lambda f, n: 0 if n == 0 else f(f, n - 1) + 1)))
"""
    assert sandbox.run(program, limits=PATIENT).stdout == b"16000 16000\n"


@pytest.mark.parametrize(
    ("program", "ending", "exit_code", "number"),
    [
        ("import os; os._exit(0)", Ending.EXITED, 0, None),
        ("raise SystemExit(3)", Ending.RUNTIME_ERROR, 3, None),
        ("raise SystemExit('why')", Ending.RUNTIME_ERROR, 1, None),
        ("1 / 0", Ending.RUNTIME_ERROR, 1, None),
        ("syntax error", Ending.RUNTIME_ERROR, 1, None),
        ("import ctypes; ctypes.string_at(0)", Ending.RUNTIME_ERROR, None, signal.SIGSEGV),
        ("x = bytearray(1 << 40)", Ending.MEMORY_LIMIT, 117, None),
    ],
)
def test_endings_differ(
    sandbox: Sandbox, program: str, ending: Ending, exit_code: int | None, number: int | None
) -> None:
    done = sandbox.run(program)
    assert (done.ending, done.exit_code, done.signal) == (ending, exit_code, number), done.stderr


def test_a_traceback_shows_the_program_alone(sandbox: Sandbox) -> None:
    done = sandbox.run("def f():\n    raise ValueError('x')\nf()")
    assert done.stderr.decode().splitlines() == [
        "Traceback (most recent call last):",
        '  File "main.py", line 3, in <module>',
        '  File "main.py", line 2, in f',
        "ValueError: x",
    ]


def test_processor_time_decides(sandbox: Sandbox) -> None:
    within = sandbox.run(SPIN.format(0.3), limits=Limits(cpu_s=3.0))
    assert (within.ending, within.stdout, within.near_limit) == (Ending.EXITED, b"done\n", False)
    beyond = sandbox.run(SPIN.format(30), limits=Limits(cpu_s=0.3))
    assert (beyond.ending, beyond.stdout, beyond.near_limit) == (Ending.CPU_LIMIT, b"", False)
    assert 0.3 <= beyond.cpu.user_s < 30


def test_system_time_has_a_wider_limit(sandbox: Sandbox) -> None:
    """Five times the limit on user time in the kernel: allowed, because 5 s are added to twice the limit."""
    done = sandbox.run(KERNEL.format(1.0), limits=Limits(cpu_s=0.2))
    assert (done.ending, done.stdout) == (Ending.EXITED, b"done\n"), done.times
    assert done.cpu.system_s > 0.2
    assert sandbox.run(KERNEL.format(60), limits=Limits(cpu_s=0.2)).ending is Ending.CPU_LIMIT


def test_a_program_that_waits_is_ended_by_the_wall_limit(sandbox: Sandbox) -> None:
    waits = sandbox.run("import time; time.sleep(3600)", limits=Limits(cpu_s=5.0, wall_s=0.3))
    assert waits.ending is Ending.WALL_LIMIT
    assert waits.cpu.total_s < 5.0
    assert waits.wall_s >= waits.waited_s >= 0.3


def test_a_program_without_an_id_in_our_process_tree_may_not_wait_either(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that shows the `/proc` of another one."""
    noted = Session._note

    def without_pid(session: Session, report: dict[str, Any]) -> None:
        noted(session, report | {"started": None} if "started" in report else report)

    monkeypatch.setattr(Session, "_note", without_pid)
    waits = sandbox.run("import time; time.sleep(3600)", limits=Limits(wall_s=0.3))
    assert waits.ending is Ending.WALL_LIMIT


def test_a_program_that_computes_does_not_wait(sandbox: Sandbox) -> None:
    """Wall time far over the limit on waiting time: the program ran, or queued for a core."""
    done = sandbox.run(SPIN.format(1.5), limits=Limits(cpu_s=5.0, wall_s=0.8))
    assert (done.ending, done.stdout) == (Ending.EXITED, b"done\n"), done.times
    assert done.wall_s > 1.5


def test_time_of_the_caller_is_not_waiting_time(sandbox: Sandbox) -> None:
    session = sandbox.start(ECHO, limits=Limits(wall_s=0.5))
    for _ in range(3):
        session.send(b"ab")
        assert session.receive() == b"ba"
        time.sleep(0.4)
    session.send(b"")
    assert session.receive() == b""
    done = session.close()
    assert (done.ending, done.waited_s < 0.5, done.wall_s > 1.2) == (Ending.CLOSED, True, True)


_poll = select.poll


class _LatePoll:
    """A poll that returns 0.3 s later than it was asked to, as on a machine that stands still."""

    def __init__(self) -> None:
        self._poll = _poll()
        self.register, self.unregister, self.modify = (
            self._poll.register,
            self._poll.unregister,
            self._poll.modify,
        )

    def poll(self, timeout_ms: float) -> list[tuple[int, int]]:
        happened = self._poll.poll(timeout_ms)
        time.sleep(0.3)
        return happened


def test_time_in_which_the_parent_stood_still_is_not_waiting_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("or1_verify.sandbox.session.select.poll", _LatePoll)
    limits = Limits(wall_s=0.8)
    with Sandbox() as sandbox:
        assert sandbox.run("import time; time.sleep(2.0)", limits=limits).ending is Ending.EXITED
        assert sandbox.run("import time; time.sleep(3600)", limits=limits).ending is Ending.WALL_LIMIT


def test_the_kernels_signal_is_a_time_limit(sandbox: Sandbox) -> None:
    if sandbox.level >= Level.NAMESPACES:
        pytest.skip("the first process of a process tree gets no SIGXCPU")
    program = "import resource as r\nr.setrlimit(r.RLIMIT_CPU, (1, 60))\nwhile True: pass"
    done = sandbox.run(program, limits=PATIENT)
    assert (done.ending, done.signal) == (Ending.CPU_LIMIT, signal.SIGXCPU)


def test_the_kernels_limit_is_well_behind_ours(sandbox: Sandbox) -> None:
    program = "import resource as r\nprint(*r.getrlimit(r.RLIMIT_CPU))"
    soft, hard = map(int, sandbox.run(program, limits=Limits(cpu_s=100.0)).stdout.split())
    assert 280 < soft < hard < 400, "twice 125 s plus 5 s, with a quarter for the ticks"


def test_processor_time_beyond_the_limit_is_seen_at_the_end(sandbox: Sandbox) -> None:
    """A program that ends before its clock is read has still used its time."""
    done = sandbox.run(SPIN.format(1.12), limits=Limits(cpu_s=0.95))
    assert (done.ending, done.near_limit, done.signal) == (Ending.CPU_LIMIT, True, None), done.times


def test_output_is_cut_at_its_limit(sandbox: Sandbox) -> None:
    limits = Limits(output_bytes=100_000, wall_s=300.0)
    exact = sandbox.run("print('x' * 99_999)", limits=limits)
    assert (exact.ending, len(exact.stdout)) == (Ending.EXITED, 100_000)
    longer = sandbox.run("print('x' * 100_000)", limits=limits)
    assert (longer.ending, len(longer.stdout)) == (Ending.OUTPUT_LIMIT, 100_000)
    loud = sandbox.run("import sys; sys.stderr.write('x' * 90_000 + 'end')", limits=limits)
    assert (loud.ending, len(loud.stderr), loud.stderr[-4:]) == (Ending.EXITED, 4096, b"xend")


def test_sessions_talk_while_others_do(sandbox: Sandbox) -> None:
    first, second = sandbox.start(ECHO, limits=PATIENT), sandbox.start(ECHO, limits=PATIENT)
    first.send(b"")
    for number in range(5):
        second.send(b"%d-" % number * 100_000)
        assert second.receive() == (b"%d-" % number * 100_000)[::-1]
    assert first.receive() == b""
    assert first.close().ending is Ending.CLOSED
    second.send(b"still there")
    assert second.receive() == b"ereht llits"
    assert second.close().ending is Ending.CLOSED
    assert second.receive() is None


def test_a_session_may_be_closed_before_its_program_has_begun(sandbox: Sandbox) -> None:
    for _ in range(20):
        assert sandbox.start("print(1)").close().ending in (Ending.CLOSED, Ending.EXITED)


def test_a_session_ends_with_its_program(sandbox: Sandbox) -> None:
    session = sandbox.start("from or1_channel import _or1_send as s; s(b'one'); s(b'two'); print('bye')")
    assert [session.receive(), session.receive(), session.receive()] == [b"one", b"two", None]
    done = session.wait()
    assert (done.ending, done.stdout) == (Ending.EXITED, b"bye\n")
    assert session.wait() is done
    session.send(b"the program has ended")


@pytest.mark.parametrize("header", [b"\xff\xff\xff\xff", b"\x04\x00\x00\x01"])
def test_a_frame_with_a_length_over_the_limit_ends_the_program(sandbox: Sandbox, header: bytes) -> None:
    session = sandbox.start(f"import os, time; os.write(3, {header!r}); time.sleep(3600)", limits=PATIENT)
    assert session.receive() is None
    assert session.wait().ending is Ending.OUTPUT_LIMIT


def test_half_a_frame_is_no_frame(sandbox: Sandbox) -> None:
    session = sandbox.start("import os; os.write(3, bytes([0, 0, 0, 9]) + b'short')")
    assert session.receive() is None
    assert session.wait().ending is Ending.EXITED


def test_a_program_that_does_not_read_cannot_block_its_parent(sandbox: Sandbox) -> None:
    session = sandbox.start("print('x' * 10**6)\nimport time; time.sleep(60)", limits=Limits(wall_s=0.5))
    session.send(bytes(10_000_000))
    assert session.receive() is None
    assert session.wait().ending is Ending.WALL_LIMIT


def test_frames_that_are_not_received_do_not_pile_up(sandbox: Sandbox) -> None:
    flood = "from or1_channel import _or1_send as s\nfor _ in range(2000): s(bytes(1 << 16))\nprint('sent')"
    session = sandbox.start(flood, limits=PATIENT)
    assert session.receive() == bytes(1 << 16)
    assert session.wait().stdout == b"sent\n"


def test_a_lost_fork_server_costs_one_call(sandbox: Sandbox) -> None:
    session = sandbox.start(ECHO, limits=PATIENT)
    session.send(b"x")
    for pid in sandbox.pids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(SandboxError, match="fork server"):
        session.wait()
    with pytest.raises(SandboxError, match="fork server"):
        session.receive()
    deadline = time.monotonic() + 300
    while True:  # the loss of the other fork server may not have been seen
        try:
            assert sandbox.run("print(1)").stdout == b"1\n"
            return
        except SandboxError:
            assert time.monotonic() < deadline


def _num_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _starve(sandbox: Sandbox) -> None:
    """Run a program with 0, 1, 2, ... descriptors left for the parent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = _num_descriptors() - 1  # less the one that listed them
    for spare in range(9):
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, hard))
        try:
            with contextlib.suppress(SandboxError):
                sandbox.run("print(1)")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_parent_without_descriptors_gets_a_sandbox_error_and_recovers(sandbox: Sandbox) -> None:
    sandbox.run("print(1)")  # opens all that the sandbox keeps open: its fork server, the groups of a slot
    before = _num_descriptors()
    _starve(sandbox)
    assert _num_descriptors() == before
    assert sandbox.run("print(1)").stdout == b"1\n"


def test_a_sandbox_without_descriptors_from_its_first_program_on_keeps_none(sandbox: Sandbox) -> None:
    before = _num_descriptors()
    with Sandbox(sandbox.level) as starved:
        _starve(starved)
        assert starved.run("print(1)").stdout == b"1\n"
    assert _num_descriptors() == before


def test_more_programs_than_slots_are_refused(sandbox: Sandbox) -> None:
    sessions = [sandbox.start(ECHO, limits=PATIENT) for _ in range(16)]
    with pytest.raises(SandboxError, match="16 programs"):
        sandbox.start(ECHO, limits=PATIENT)
    for session in sessions:
        session.close()
    assert sandbox.run("print(1)").stdout == b"1\n"
