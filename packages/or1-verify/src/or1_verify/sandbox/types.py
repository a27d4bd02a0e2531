"""Levels of confinement, resource limits, and results of programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from or1_verify.errors import SandboxError as SandboxError
from or1_verify.process_clock import CpuLimit, CpuTime

MAX_FRAME_BYTES = 64 << 20
"""Largest message over the channel of a program, in either direction [bytes]."""
STDERR_KEPT_BYTES = 4096
"""Length of the end of stderr that is kept [bytes]."""
NEAR_LIMIT = 0.25
"""A program that ends with at most this share of user time above its limit may be measured again: on a loaded
machine user time varies, because programs share caches and cores [dimensionless]."""
_STARVED = 10
"""Longest run over the limit on waiting time, for a program that gets no core [dimensionless]."""


class Level(IntEnum):
    """Level of confinement; each level includes the ones below it.

    docs/security.md lists the attacks that each level stops, and those that it does not.
    """

    RLIMITS = 1
    """Resource limits and, as root, an unused user id. Not a confinement."""
    SECCOMP = 2
    """System calls are filtered: no sockets, processes or signals. All files are readable."""
    LANDLOCK = 3
    """Only the libraries of the interpreter are readable, only the scratch directory is writable."""
    NAMESPACES = 4
    """A private file system, network and process tree."""
    CGROUP = 5
    """The kernel limits memory and threads of the whole program."""

    @property
    def fit_for_training(self) -> bool:
        """Whether code that training optimizes against the verifier may run at this level."""
        return self >= Level.LANDLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resource limits of one program."""

    cpu_s: float = 6.0
    """User time of the program and its threads; CPU_LIMIT beyond it, or beyond the wide limit on user and
    system time (`cpu`) [s]."""
    wall_s: float | None = None
    """Waiting time, which is wall time without the time in which the program runs or queues for a core; None
    = twice `cpu_s` plus one [s]."""
    memory_bytes: int = 1 << 30
    """Memory on top of the interpreter's own [bytes]."""
    output_bytes: int = 16 << 20
    """Longest stdout, and longest stderr [bytes]."""
    file_bytes: int = 16 << 20
    """Largest file that the program writes [bytes]."""
    num_open_files: int = 64

    def __post_init__(self) -> None:
        """ValueError for a limit that is not positive."""
        numbers = (self.cpu_s, self.memory_bytes, self.output_bytes, self.file_bytes, self.num_open_files)
        if min(numbers) <= 0 or (self.wall_s is not None and self.wall_s <= 0):
            raise ValueError(f"limits must be positive: {self}")

    @property
    def wall_limit_s(self) -> float:
        """The limit on waiting time that applies [s].

        >>> Limits(cpu_s=2.0).wall_limit_s
        5.0
        """
        return 2 * self.cpu_s + 1 if self.wall_s is None else self.wall_s

    @property
    def starved_s(self) -> float:
        """Wall time after which the machine, not the program, is at fault [s]."""
        return _STARVED * (self.wall_limit_s + self.cpu.total_s)

    @property
    def cpu(self) -> CpuLimit:
        """The limit on processor time by which an ended program is judged."""
        return CpuLimit(self.cpu_s, self.memory_bytes)

    @property
    def kill_cpu(self) -> CpuLimit:
        """The limit on processor time at which a program is killed: not before its time is clearly over."""
        return CpuLimit((1 + NEAR_LIMIT) * self.cpu_s, self.memory_bytes)


class Ending(StrEnum):
    """How a program ended."""

    EXITED = "exited"
    """With status 0. This does not mean that its output is correct."""
    RUNTIME_ERROR = "runtime_error"
    """An exception, another exit status, or a signal."""
    CPU_LIMIT = "cpu_limit"
    WALL_LIMIT = "wall_limit"
    """Waited too long."""
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    """Over the limit on stdout, stderr, the channel, or the scratch directory."""
    CLOSED = "closed"
    """Killed because its session was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Result of one program. All fields but the times are under the control of the program."""

    ending: Ending
    exit_code: int | None
    """None if a signal ended it."""
    signal: int | None
    stdout: bytes
    """At most `Limits.output_bytes`."""
    stderr: bytes
    """The last 4 KiB."""
    cpu: CpuTime
    """Processor time."""
    wall_s: float
    """From start to the end of the process [s]."""
    waited_s: float
    """Part of `wall_s` without the time in which the program ran or queued for a core, or waited for the
    caller of `Session` [s]; measured only in programs that take more than half a second."""
    near_limit: bool = False
    """Whether it ended by itself with CPU_LIMIT, so close to the limit that it may be measured again."""
    peak_memory_bytes: int | None
    """Largest resident set, with the shared pages of the interpreter [bytes]."""

    @property
    def times(self) -> str:
        """The times, for a reader."""
        return (
            f"{self.cpu.user_s:.2f} s of user time, {self.cpu.system_s:.2f} s of system time, "
            f"{self.wall_s:.2f} s of wall time"
        )
