"""The limits on processor time and waiting time of one running program."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from or1_verify.process_clock import CpuLimit, CpuTime, WaitClock, cpu_time, cpu_total_s
from or1_verify.sandbox.types import Limits

_SAMPLE_S = 0.5
"""Time between two samples of the waiting time [s]."""
_NUM_CORES = len(os.sched_getaffinity(0))


class TimeLimits:
    """Measures a program against its limits, from the moment when it is ready."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._allowed_s = 0.0
        self._clock: WaitClock | None = None
        self._began = 0.0
        self._left_out_s = 0.0
        self._next_sample = 0.0
        self.pid: int | None = None
        """None if the program has just ended, or if our /proc shows another process tree."""

    def begin(self) -> None:
        """The program is ready."""
        self._began = time.monotonic()
        self._plan_sample(0.0)

    def leave_out(self, seconds: float) -> None:
        """Do not count time in which the program may have waited for our caller."""
        self._next_sample += seconds
        self._began += seconds
        self._left_out_s += seconds
        if self._clock is not None:
            self._clock.skip(seconds)

    def allow(self, user_s: float) -> None:
        """Add to the limit on user time, which at most doubles [s]."""
        self._allowed_s = min(self._allowed_s + user_s, self._limits.cpu_s)

    @property
    def next_check_s(self) -> float:
        """Time until a limit can be reached [s]: the program may use all cores at once."""
        return min(self._cpu_left_s() / _NUM_CORES, self._next_sample - time.monotonic())

    @property
    def is_cpu_spent(self) -> bool:
        """Whether the program, which still runs, is clearly over its limit."""
        return self._cpu_left_s() < 0

    def exceeded_by(self, cpu: CpuTime) -> bool:
        """Whether the processor time of a program that has ended is over its limit."""
        return self._extended(self._limits.cpu).exceeded_by(cpu)

    def waited_too_long(self, beside: int | None) -> bool:
        """Whether waiting time is over its limit, if a sample is due; `beside`: process that it waits for."""
        if time.monotonic() < self._next_sample:
            return False
        waited_s = time.monotonic() - self._began
        if self.pid is not None:
            self._clock = self._clock or WaitClock(self.pid, began=self._began)
            waited_s = self._clock.sample(beside=beside)
        self._plan_sample(waited_s)
        return waited_s >= self._limits.wall_limit_s

    def waited_s(self, wall_s: float, cpu: CpuTime) -> float:
        """Waiting time of a program that has ended, after `wall_s` [s]."""
        if self._clock is not None:
            return max(0.0, self._clock.waited_s)
        return max(0.0, wall_s - self._left_out_s - cpu.total_s)

    def _plan_sample(self, waited_s: float) -> None:
        self._next_sample = time.monotonic() + min(_SAMPLE_S, self._limits.wall_limit_s - waited_s)

    def _extended(self, limit: CpuLimit) -> CpuLimit:
        return replace(limit, user_s=limit.user_s + self._allowed_s)

    def _cpu_left_s(self) -> float:
        """Processor time until the program can exceed its limit, or less; negative if it has [s]."""
        limit = self._extended(self._limits.kill_cpu)
        total_s = 0.0 if self.pid is None else cpu_total_s(self.pid)
        if self.pid is None or total_s < limit.user_s:
            return limit.user_s - total_s
        return limit.left_s(cpu_time(self.pid))
