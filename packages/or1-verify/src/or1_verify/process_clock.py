"""Processor time and waiting time of a process, read from another process.

Neither depends on the load of the machine. Waiting time is wall time less the time in which a thread ran, or
was ready to run and queued for a core. Linux only; needs no rights.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

_ALL_TICKS, _USER_TICKS, _EXACT = 0, 1, 2
"""Clocks of a process in the kernel: the first two count ticks of the timer, the last one is exact."""
_NS = 1e-9
_RESOLUTION_S = 0.1
"""User time may be wrong by this [s]: ticks of 1 to 10 ms divide the time into user and system time."""


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Processor time of a process and its threads [s]."""

    user_s: float = 0.0
    system_s: float = 0.0
    """In the kernel on behalf of the process: zeroing memory for it, for example."""

    @property
    def total_s(self) -> float:
        return self.user_s + self.system_s


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """Limit on processor time: close on user time, wide on the total.

    System time depends on the state of the machine: new memory can take five times longer than memory that
    another process has just freed.
    """

    user_s: float
    memory_bytes: int = 1 << 30
    """Memory that the process may use: the kernel zeroes each page once."""

    @property
    def total_s(self) -> float:
        """Largest user and system time together [s].

        >>> CpuLimit(6.0).total_s, CpuLimit(6.0, memory_bytes=4 << 30).total_s
        (17.0, 32.0)
        """
        return 2 * self.user_s + 5 * max(1.0, self.memory_bytes / (1 << 30))

    @property
    def backstop_s(self) -> int:
        """Limit for the kernel, which counts ticks and may be 13 % ahead: well behind `total_s` [s].

        >>> CpuLimit(100.0).backstop_s
        259
        """
        return int(1.25 * self.total_s) + 3

    def exceeded_by(self, used: CpuTime) -> bool:
        return self.left_s(used) < 0

    def left_s(self, used: CpuTime) -> float:
        """Processor time until the process can exceed the limit [s]."""
        return min(self.user_s + _RESOLUTION_S - used.user_s, self.total_s - used.total_s)


def cpu_time(pid: int) -> CpuTime:
    """Processor time of a process so far; zero if it has just ended.

    The kernel divides the exact total in the ratio of the ticks, for `getrusage` too.
    """
    try:
        total_s = _read(pid, _EXACT)
        ticks_s = _read(pid, _ALL_TICKS)
        user_s = total_s * min(1.0, _read(pid, _USER_TICKS) / ticks_s) if ticks_s else total_s
    except OSError:
        return CpuTime()
    return CpuTime(user_s, total_s - user_s)


def cpu_total_s(pid: int) -> float:
    """User and system time of a process so far; 0 if it has just ended [s]."""
    try:
        return _read(pid, _EXACT)
    except OSError:
        return 0.0


def _read(pid: int, which: int) -> float:
    """A clock of another process (`clock_getcpuclockid`), which any user may read [s]."""
    return time.clock_gettime((~pid << 3) | which)


class WaitClock:
    """Waiting time of a process, by samples: exact while no thread starts and ends between two of them."""

    def __init__(self, pid: int, *, began: float | None = None) -> None:
        """Start at zero at the monotonic time when the process `began`; None = start at this moment."""
        self._pid = pid
        self._active_s = _active_s(pid) if began is None else {}
        self._sampled = time.monotonic() if began is None else began
        self.waited_s = 0.0
        """Waiting time up to the last sample [s]."""

    def skip(self, seconds: float) -> None:
        """Leave out a part of the time since the last sample."""
        self._sampled += seconds

    def sample(self, *, beside: int | None = None) -> float:
        """The waiting time up to this moment, without the active time of a process `beside` it [s]."""
        now = time.monotonic()
        active_s = _active_s(self._pid) | ({} if beside is None else _active_s(beside))
        gains = [seconds - self._active_s.get(thread, 0.0) for thread, seconds in active_s.items()]
        self.waited_s = _waited(self.waited_s, now - self._sampled, gains)
        self._active_s = active_s
        self._sampled = now
        return self.waited_s


def _active_s(pid: int) -> dict[int, float]:
    """Thread -> time in which it ran or queued [s]; if that cannot be read, -pid -> time of the process."""
    found = {}
    try:
        for name in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{name}/schedstat", encoding="ascii") as file:  # noqa: PTH123
                ran, queued, _ = file.read().split()
            found[int(name)] = (int(ran) + int(queued)) * _NS
    except (OSError, ValueError):
        return {-pid: cpu_total_s(pid)}
    return found


def _waited(before_s: float, wall_s: float, gains: list[float]) -> float:
    """Waiting time after one more sample.

    The kernel adds the time in the queue when the thread runs again, so a gain may be longer than the time
    since the last sample, and then corrects the earlier ones: but only back to the moment when it began to
    queue, which is the longest gain. Many threads that queue at once cannot gain more.

    >>> _waited(0.0, 1.0, [0.0]), _waited(1.0, 1.0, [2.0]), _waited(5.0, 1.0, [1.0] * 64)
    (1.0, 0.0, 5.0)
    """
    active_s = min(sum(gains), max(wall_s, *gains, 0.0))
    return max(0.0, before_s + wall_s - active_s)
