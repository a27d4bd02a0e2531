"""One running program, from the side of its parent: reads its output and enforces its limits.

A single loop polls stdout, stderr, the channel and the reports of the fork server, so that a full pipe never
blocks a program, and checks the time limits in between. Two programs that talk to each other share a loop.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections import ChainMap, deque
from collections.abc import Callable, Sequence

from or1_verify.process_clock import CpuTime
from or1_verify.sandbox.control import Message
from or1_verify.sandbox.program import MEMORY_STATUS
from or1_verify.sandbox.server_process import ForkServerProcess
from or1_verify.sandbox.streams import Frames, Output, sealed
from or1_verify.sandbox.time_limits import TimeLimits
from or1_verify.sandbox.types import (
    MAX_FRAME_BYTES,
    STDERR_KEPT_BYTES,
    Ending,
    Execution,
    Limits,
    SandboxError,
)

_READY_LIMIT_S = 60.0
"""From the request for a program to its first line; normally milliseconds [s]."""
_KILL_LIMIT_S = 30.0
"""From the kill of a program to the report of its end [s]."""
_MIN_CHECK_S, _MAX_CHECK_S = 0.002, 0.1
"""Shortest and longest time between two checks of the limits [s]."""
_READ_BYTES = 1 << 20
_SHORT_BYTES = 1 << 16
"""Messages below this are sent together with their length [bytes]."""
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class Session:
    """A program in the sandbox. It occupies a slot until `wait` or `close` returns."""

    def __init__(
        self, server: ForkServerProcess, number: int, source: bytes, stdin: bytes | Session, limits: Limits
    ) -> None:
        """Request the program; SandboxError if the fork server is lost or all slots are in use.

        Args:
            server: starts it.
            number: its number, unique in this fork server.
            source: its code.
            stdin: its standard input, or the program that it talks to: the input is then the parent's end of
                the channel of that program, which is then closed here.
            limits: its limits.
        """
        self._server = server
        self._number = number
        self._limits = limits
        self._times = TimeLimits(limits)
        self._partner = stdin if isinstance(stdin, Session) else None
        """The program at the other end of a channel: neither waits while the other one runs."""
        self._execution: Execution | None = None
        self._broken: SandboxError | None = None
        self._stdout = Output(limits.output_bytes, limits.output_bytes, keep_end=False)
        self._stderr = Output(limits.output_bytes, STDERR_KEPT_BYTES, keep_end=True)
        self._frames = Frames()
        self._outgoing: deque[memoryview] = deque()
        self._discard_frames = False
        self._ready = False
        self._ended: Message | None = None
        self._killed_for: Ending | None = None
        self._deadline = time.monotonic() + _READY_LIMIT_S
        self._started = time.monotonic()
        self._wall_s = 0.0
        self._left_pump = self._started
        self._next_scratch_check = 0.0
        self._slot, self._cgroup = server.acquire_slot(limits.memory_bytes)
        self._streams: dict[int, Output] = {}
        """The open streams, by descriptor."""
        self._channel: socket.socket | None = None
        server.expect(number)
        try:
            self._request_program(source, sealed(stdin) if isinstance(stdin, bytes) else stdin._end_for(self))
        except OSError as error:
            self._free()
            raise SandboxError(f"no descriptors or memory for a program: {error}") from error
        except BaseException:
            self._free()
            raise

    def send(self, message: bytes) -> None:
        """Send one frame to the program; dropped if the program has ended or closed its channel.

        Raises:
            ValueError: the message is longer than 64 MiB.
            SandboxError: the sandbox failed.
        """
        if len(message) > MAX_FRAME_BYTES:
            raise ValueError(f"a message of {len(message)} bytes is too long")
        if self._channel is None:
            return
        header = len(message).to_bytes(4, "big")
        # In one piece if it is short: a process that wakes up for the length alone has to wait again.
        pieces = [header + message] if len(message) < _SHORT_BYTES else [header, message]
        self._outgoing += map(memoryview, pieces)
        if self._broken is None and len(self._outgoing) == 1:
            self._use_channel(self._channel, select.POLLOUT)
            if not self._outgoing:
                return
        self._pump(lambda: not self._outgoing or self._channel is None)

    def receive(self) -> bytes | None:
        """The next frame from the program; None if none can come: `wait` then returns how it ended."""
        if not self._frames.complete:
            self._pump(lambda: self._frames.complete or self._channel is None)
        return self._frames.take() if self._frames.complete else None

    def wait(self) -> Execution:
        """Wait until the program has ended, by itself or at a limit, and free all its resources."""
        if self._execution is None:
            self._discard_frames = True
            self._frames = Frames()
            self._partner = None
            self._pump(lambda: self._ended is not None and not self._streams)
            self._execution = self._result()
            self._free()
        return self._execution

    def close(self) -> Execution:
        """Kill the program if it still runs, then `wait`."""
        if self._execution is None and self._ended is None:
            self._kill(Ending.CLOSED)
        return self.wait()

    def allow(self, user_s: float) -> None:
        """Add to the limit on user time, which at most doubles: time that is not the program's own [s]."""
        self._times.allow(user_s)

    def _end_for(self, partner: Session) -> int:
        """The parent's end of the channel, for a program that talks to this one."""
        if self._channel is None:
            raise OSError("the channel of the program is closed")
        self._partner = partner
        self._channel.setblocking(True)
        end = self._channel.detach()
        self._close_channel()
        return end

    def _request_program(self, source: bytes, stdin: int) -> None:
        """Send the program's descriptors to the fork server and keep the parent's ends; closes `stdin`."""
        with contextlib.ExitStack() as handed_over:
            descriptors = [stdin]
            handed_over.callback(_close_all, descriptors)
            descriptors.insert(0, sealed(source))
            for output in (self._stdout, self._stderr):
                read_end, write_end = os.pipe()
                descriptors.append(write_end)
                self._streams[read_end] = output
                os.set_blocking(read_end, False)
            self._channel, far_end = socket.socketpair()
            descriptors.append(far_end.detach())
            self._channel.setblocking(False)
            groups = self._cgroup.descriptors if self._cgroup is not None else ()
            self._server.send(self._request(), (*descriptors, *groups))

    def _request(self) -> Message:
        limits = self._limits
        return {
            "start": self._number,
            "slot": self._slot,
            "kernel_cpu_s": limits.kill_cpu.backstop_s,
            "memory_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes,
            "num_open_files": limits.num_open_files,
        }

    def _pump(self, done: Callable[[], bool]) -> None:
        """Read, write and check limits until `done`; a SandboxError ends the session."""
        sessions = [self] if self._partner is None else [self, self._partner]
        for each in sessions:
            if each._broken is not None:
                raise each._broken
            each._leave_out(time.monotonic() - each._left_pump)
        try:
            while not done():
                _turn(sessions)
            for each in sessions:
                each._left_pump = time.monotonic()
        except SandboxError as error:
            for each in sessions:
                each._broken = error
                each._free()
            raise

    def _leave_out(self, seconds: float) -> None:
        """Do not count time in which the program may have waited for our caller, or for the machine."""
        if self._ready and self._killed_for is None:
            self._deadline += seconds
            self._times.leave_out(seconds)

    def _watched(self) -> dict[int, int]:
        """The open descriptors and the events for which they are polled.

        Of the channel only one frame ahead is read: a program that sends faster than frames are received must
        wait.
        """
        found = dict.fromkeys((*self._streams, self._server.control.fileno()), select.POLLIN)
        if self._channel is not None:
            wanted = select.POLLOUT if self._outgoing else 0
            if self._discard_frames or not (self._frames.complete or self._frames.too_long):
                wanted |= select.POLLIN
            found[self._channel.fileno()] = wanted
        return found

    def _handle(self, happened: dict[int, int]) -> None:
        """Handle events of this session's descriptors, then check the limits."""
        if self._ended is not None and not happened:
            self._close_streams()  # a child of the program holds them open (levels without seccomp)
        for descriptor, events in happened.items():
            if descriptor in self._streams:
                self._read_stream(descriptor)
            elif self._channel is not None and descriptor == self._channel.fileno():
                self._use_channel(self._channel, events)
        for report in self._server.reports(self._number):
            self._note(report)
        if self._ended is None:
            self._check_limits()

    def _poll_timeout_s(self) -> float:
        """Time until the next check of the limits is due [s]; 0 if another session has read our report."""
        if self._server.has_reports(self._number):
            return 0.0
        if self._ended is not None:
            return 1.0  # only the rest of the pipes is read
        left_s = self._deadline - time.monotonic()
        if self._ready and self._killed_for is None:
            left_s = min(left_s, self._times.next_check_s, _MAX_CHECK_S)
        return max(left_s, _MIN_CHECK_S)

    def _note(self, report: Message) -> None:
        if "failed" in report:
            raise SandboxError(f"a program could not be started: {report['failed']}")
        if "started" in report:
            self._times.pid = report["started"]
        elif "ready" in report:
            self._ready = True
            if self._killed_for is None:
                self._deadline = time.monotonic() + self._limits.starved_s
                self._times.begin()
        else:
            self._ended = report
            self._wall_s = time.monotonic() - self._started
            if not self._ready and self._killed_for is None:
                raise SandboxError("a program ended before it was confined")

    def _check_limits(self) -> None:
        now = time.monotonic()
        if self._killed_for is not None:
            if now > self._deadline:
                raise self._server.failure(f"a killed program still runs after {_KILL_LIMIT_S:.0f} s")
            return
        if now > self._deadline:
            wanted = "end" if self._ready else "start"
            raise self._server.failure(f"no {wanted} of a program after {now - self._started:.0f} s")
        if self._stdout.too_long or self._stderr.too_long or self._frames.too_long:
            self._kill(Ending.OUTPUT_LIMIT)
        elif self._ready and self._times.is_cpu_spent:
            self._kill(Ending.CPU_LIMIT)
        elif self._ready and self._times.waited_too_long(self._partner._times.pid if self._partner else None):
            self._kill(Ending.WALL_LIMIT)
        elif self._ready and now > self._next_scratch_check:
            is_first = self._next_scratch_check == 0.0
            self._next_scratch_check = now + _MAX_CHECK_S
            if not is_first and self._server.overfull(self._slot, self._limits.file_bytes):
                self._kill(Ending.OUTPUT_LIMIT)

    def _kill(self, why: Ending) -> None:
        if self._killed_for is None:
            self._killed_for = why
            self._deadline = time.monotonic() + _KILL_LIMIT_S
            self._server.send({"kill": self._number})

    def _read_stream(self, descriptor: int) -> None:
        try:
            piece = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if piece:
            self._streams[descriptor].add(piece)
        else:
            del self._streams[descriptor]
            os.close(descriptor)

    def _use_channel(self, channel: socket.socket, events: int) -> None:
        try:
            if events & select.POLLOUT and self._outgoing:
                sent = channel.send(self._outgoing[0])
                self._outgoing[0] = self._outgoing[0][sent:]
                if not self._outgoing[0]:
                    self._outgoing.popleft()
            if events & _READABLE:
                piece = channel.recv(_READ_BYTES)
                if not piece:
                    self._close_channel()
                elif not self._discard_frames:
                    self._frames.add(piece)
        except BlockingIOError:
            pass
        except OSError:
            self._close_channel()

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._outgoing.clear()

    def _result(self) -> Execution:
        assert self._ended is not None
        status = self._ended["ended"]
        killed = os.WIFSIGNALED(status)
        cpu = CpuTime(self._ended["user_s"], self._ended["system_s"])
        ending = self._ending(status, cpu)
        return Execution(
            ending=ending,
            exit_code=None if killed else os.WEXITSTATUS(status),
            signal=os.WTERMSIG(status) if killed else None,
            stdout=self._stdout.content,
            stderr=self._stderr.content,
            cpu=cpu,
            wall_s=self._wall_s,
            waited_s=self._times.waited_s(self._wall_s, cpu),
            near_limit=ending is Ending.CPU_LIMIT and (not killed or self._killed_for is Ending.CLOSED),
            peak_memory_bytes=self._ended["peak_memory_bytes"],
        )

    def _ending(self, status: int, cpu: CpuTime) -> Ending:
        if self._times.exceeded_by(cpu):
            return Ending.CPU_LIMIT
        if os.WIFSIGNALED(status):
            if self._killed_for is not None and os.WTERMSIG(status) == signal.SIGKILL:
                return self._killed_for
            if os.WTERMSIG(status) == signal.SIGXCPU:
                return Ending.CPU_LIMIT
        if self._stdout.too_long or self._stderr.too_long:
            return Ending.OUTPUT_LIMIT
        if self._cgroup is not None and self._cgroup.ran_out_of_memory():
            return Ending.MEMORY_LIMIT
        if status == MEMORY_STATUS << 8:
            return Ending.MEMORY_LIMIT
        return Ending.EXITED if status == 0 else Ending.RUNTIME_ERROR

    def _close_streams(self) -> None:
        for descriptor in self._streams:
            os.close(descriptor)
        self._streams = {}

    def _free(self) -> None:
        """Free all resources of the session; may be called twice."""
        self._close_channel()
        self._close_streams()
        self._server.forget(self._number)
        if self._slot >= 0:
            self._server.release_slot(self._slot)
            self._slot = -1


def _turn(sessions: Sequence[Session]) -> None:
    """Wait for events of these sessions, or until a limit is to be checked, and handle them."""
    watched = [each._watched() for each in sessions]
    poll = select.poll()
    for descriptor, events in ChainMap(*watched).items():
        poll.register(descriptor, events)
    timeout_s, began = min(each._poll_timeout_s() for each in sessions), time.monotonic()
    happened = dict(poll.poll(timeout_s * 1000))
    # We ourselves were late: the machine stood still, or we queued for a core. Then the programs did too.
    late_s = max(0.0, time.monotonic() - began - timeout_s)
    for server in {each._server for each in sessions}:
        if server.control.fileno() in happened:
            server.read_reports()
    for each, own in zip(sessions, watched, strict=True):
        each._leave_out(late_s)
        each._handle({descriptor: events for descriptor, events in happened.items() if descriptor in own})


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
