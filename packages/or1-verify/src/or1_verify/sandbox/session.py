"""One running program, from the side of its parent: reads its output and enforces its limits.

A single loop polls stdout, stderr, the channel and the reports of the fork server, so that a full pipe never
blocks a program, and checks the time limits in between.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable

from or1_verify.process_clock import CpuTime, WaitClock, cpu_time, cpu_total_s
from or1_verify.sandbox.control import Message
from or1_verify.sandbox.program import MEMORY_STATUS
from or1_verify.sandbox.server_process import ForkServerProcess
from or1_verify.sandbox.streams import Frames, Output, sealed
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
_SAMPLE_S = 0.5
"""Time between two samples of the waiting time [s]."""
_READ_BYTES = 1 << 20
_SHORT_BYTES = 1 << 16
"""Messages below this are sent together with their length [bytes]."""
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class Session:
    """A program in the sandbox. It occupies a slot until `wait` or `close` returns."""

    def __init__(
        self, server: ForkServerProcess, number: int, source: bytes, stdin: bytes, limits: Limits
    ) -> None:
        """Request the program; SandboxError if the fork server is lost or all slots are in use."""
        self._server = server
        self._number = number
        self._limits = limits
        self._cpu_limit = limits.kill_cpu
        self._execution: Execution | None = None
        self._broken: SandboxError | None = None
        self._stdout = Output(limits.output_bytes, limits.output_bytes, keep_end=False)
        self._stderr = Output(limits.output_bytes, STDERR_KEPT_BYTES, keep_end=True)
        self._frames = Frames()
        self._outgoing: deque[memoryview] = deque()
        self._discard_frames = False
        self._pid: int | None = None
        self._ready = False
        self._ended: Message | None = None
        self._killed_for: Ending | None = None
        self._deadline = time.monotonic() + _READY_LIMIT_S
        self._started = time.monotonic()
        self._wall_s = 0.0
        self._clock: WaitClock | None = None
        self._began = 0.0
        self._left_out_s = 0.0
        self._next_sample = 0.0
        self._left_pump = self._started
        self._next_scratch_check = 0.0
        self._slot, self._cgroup = server.acquire_slot(limits.memory_bytes)
        self._streams: dict[int, Output] = {}
        """The open streams, by descriptor."""
        self._channel: socket.socket | None = None
        self._poll = select.poll()
        server.expect(number)
        try:
            self._request_program(source, stdin)
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
        self._watch_channel()
        self._pump(lambda: not self._outgoing or self._channel is None)

    def receive(self) -> bytes | None:
        """The next frame from the program; None if none can come: `wait` then returns how it ended."""
        if not self._frames.complete:
            self._watch_channel()
            self._pump(lambda: self._frames.complete or self._channel is None)
        return self._frames.take() if self._frames.complete else None

    def wait(self) -> Execution:
        """Wait until the program has ended, by itself or at a limit, and free all its resources."""
        if self._execution is None:
            self._discard_frames = True
            self._frames = Frames()
            self._watch_channel()
            self._pump(lambda: self._ended is not None and not self._streams)
            self._execution = self._result()
            self._free()
        return self._execution

    def close(self) -> Execution:
        """Kill the program if it still runs, then `wait`."""
        if self._execution is None and self._ended is None:
            self._kill(Ending.CLOSED)
        return self.wait()

    def _request_program(self, source: bytes, stdin: bytes) -> None:
        """Send the program's descriptors to the fork server and keep the parent's ends."""
        with contextlib.ExitStack() as handed_over:
            descriptors = [sealed(source)]
            handed_over.callback(_close_all, descriptors)
            descriptors.append(sealed(stdin))
            for output in (self._stdout, self._stderr):
                read_end, write_end = os.pipe()
                descriptors.append(write_end)
                self._streams[read_end] = output
                os.set_blocking(read_end, False)
                self._poll.register(read_end, select.POLLIN)
            self._channel, far_end = socket.socketpair()
            descriptors.append(far_end.detach())
            self._channel.setblocking(False)
            groups = self._cgroup.descriptors if self._cgroup is not None else ()
            self._server.send(self._request(), (*descriptors, *groups))
        self._poll.register(self._server.control.fileno(), select.POLLIN)
        self._watch_channel()

    def _request(self) -> Message:
        limits = self._limits
        return {
            "start": self._number,
            "slot": self._slot,
            "kernel_cpu_s": self._cpu_limit.backstop_s,
            "memory_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes,
            "num_open_files": limits.num_open_files,
        }

    def _pump(self, done: Callable[[], bool]) -> None:
        """Read, write and check limits until `done`; a SandboxError ends the session."""
        if self._broken is not None:
            raise self._broken
        self._leave_out(time.monotonic() - self._left_pump)
        try:
            while not done():
                self._turn()
            self._left_pump = time.monotonic()
        except SandboxError as error:
            self._broken = error
            self._free()
            raise

    def _leave_out(self, seconds: float) -> None:
        """Do not count time in which the program may have waited for our caller, or for the machine."""
        if self._ready and self._killed_for is None:
            self._deadline += seconds
            self._next_sample += seconds
            self._began += seconds
            self._left_out_s += seconds
            if self._clock is not None:
                self._clock.skip(seconds)

    def _turn(self) -> None:
        timeout_s, began = self._poll_timeout_s(), time.monotonic()
        happened = self._poll.poll(timeout_s * 1000)
        # We ourselves were late: the machine stood still, or we queued for a core. Then the program did too.
        self._leave_out(max(0.0, time.monotonic() - began - timeout_s))
        if self._ended is not None and not happened:
            self._close_streams()  # a child of the program holds them open (levels without seccomp)
        for descriptor, events in happened:
            if descriptor in self._streams:
                self._read_stream(descriptor)
            elif descriptor == self._server.control.fileno():
                self._server.read_reports()
            elif self._channel is not None:
                self._use_channel(self._channel, events)
        for report in self._server.reports(self._number):
            self._note(report)
        if self._ended is None:
            self._check_limits()

    def _poll_timeout_s(self) -> float:
        """Time until the next check of the limits is due [s]."""
        if self._ended is not None:
            return 1.0  # only the rest of the pipes is read
        now = time.monotonic()
        left_s = self._deadline - now
        if self._ready and self._killed_for is None:
            # The program may use all cores at once, and so reach its limit earlier.
            left_s = min(left_s, self._cpu_left_s() / _NUM_CORES, self._next_sample - now, _MAX_CHECK_S)
        return max(left_s, _MIN_CHECK_S)

    def _note(self, report: Message) -> None:
        if "failed" in report:
            raise SandboxError(f"a program could not be started: {report['failed']}")
        if "started" in report:
            self._pid = report["started"]
        elif "ready" in report:
            self._ready = True
            if self._killed_for is None:
                self._deadline = time.monotonic() + self._limits.starved_s
                self._began = time.monotonic()
                self._plan_sample(0.0)
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
        elif self._ready and self._cpu_left_s() < 0:
            self._kill(Ending.CPU_LIMIT)
        elif self._ready and now >= self._next_sample and self._waited_too_long():
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

    def _waited_too_long(self) -> bool:
        waited_s = time.monotonic() - self._began
        if self._pid is not None:  # else it has just ended, or our /proc shows another process tree
            self._clock = self._clock or WaitClock(self._pid, began=self._began)
            waited_s = self._clock.sample()
        self._plan_sample(waited_s)
        return waited_s >= self._limits.wall_limit_s

    def _plan_sample(self, waited_s: float) -> None:
        self._next_sample = time.monotonic() + min(_SAMPLE_S, self._limits.wall_limit_s - waited_s)

    def _cpu_left_s(self) -> float:
        """Processor time until the program can exceed its limit, or less; negative if it has [s]."""
        total_s = 0.0 if self._pid is None else cpu_total_s(self._pid)
        if self._pid is None or total_s < self._cpu_limit.user_s:
            return self._cpu_limit.user_s - total_s
        return self._cpu_limit.left_s(cpu_time(self._pid))

    def _read_stream(self, descriptor: int) -> None:
        try:
            piece = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if piece:
            self._streams[descriptor].add(piece)
        else:
            self._poll.unregister(descriptor)
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
        self._watch_channel()

    def _watch_channel(self) -> None:
        """Read only one frame ahead: a program that sends faster than frames are received must wait."""
        if self._channel is None:
            return
        wanted = select.POLLOUT if self._outgoing else 0
        if self._discard_frames or not (self._frames.complete or self._frames.too_long):
            wanted |= select.POLLIN
        self._poll.register(self._channel, wanted)

    def _close_channel(self) -> None:
        if self._channel is not None:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._channel)
            self._channel.close()
            self._channel = None
        self._outgoing.clear()

    def _result(self) -> Execution:
        assert self._ended is not None
        status = self._ended["ended"]
        killed = os.WIFSIGNALED(status)
        cpu = CpuTime(self._ended["user_s"], self._ended["system_s"])
        ending = self._ending(status, cpu)
        waited_s = self._wall_s - self._left_out_s - cpu.total_s
        if self._clock is not None:
            waited_s = self._clock.waited_s
        return Execution(
            ending=ending,
            exit_code=None if killed else os.WEXITSTATUS(status),
            signal=os.WTERMSIG(status) if killed else None,
            stdout=self._stdout.content,
            stderr=self._stderr.content,
            cpu=cpu,
            wall_s=self._wall_s,
            waited_s=max(0.0, waited_s),
            near_limit=ending is Ending.CPU_LIMIT and (not killed or self._killed_for is Ending.CLOSED),
            peak_memory_bytes=self._ended["peak_memory_bytes"],
        )

    def _ending(self, status: int, cpu: CpuTime) -> Ending:
        if self._limits.cpu.exceeded_by(cpu):
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
            with contextlib.suppress(KeyError):
                self._poll.unregister(descriptor)
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


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


_NUM_CORES = len(os.sched_getaffinity(0))
