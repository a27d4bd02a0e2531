"""What a program may use, how it ended, and how well it was locked in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from or1_verify.errors import SandboxError as SandboxError

MAX_FRAME_BYTES = 64 << 20
"""Largest message over a program's channel, either way [bytes]."""
STDERR_KEPT_BYTES = 4096
"""How much of the end of stderr is kept [bytes]."""


class Level(IntEnum):
    """How a program is locked in; each level holds all that the ones before it hold.

    docs/security.md says what each keeps out, and what it does not.
    """

    RLIMITS = 1
    """Resource limits and, as root, an unused user id: no confinement worth the name."""
    SECCOMP = 2
    """System calls refused: no sockets, no processes, no signals. Files are open to read."""
    LANDLOCK = 3
    """Files too: only the interpreter's libraries are readable, only the private folder writable."""
    NAMESPACES = 4
    """A file system, network, and process tree of its own."""
    CGROUP = 5
    """Memory and number of threads counted by the kernel for the whole program."""

    @property
    def fit_for_training(self) -> bool:
        """Whether code that training optimizes against the verifier may run at this level."""
        return self >= Level.LANDLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use."""

    cpu_s: float = 6.0
    """Processor time of the program and its threads: what decides CPU_LIMIT [s]."""
    wall_s: float | None = None
    """Backstop for programs that wait [s]; None is twice `cpu_s` plus one."""
    memory_bytes: int = 1 << 30
    """On top of what the interpreter itself takes [bytes]."""
    output_bytes: int = 16 << 20
    """Of stdout and of stderr, each [bytes]."""
    file_bytes: int = 16 << 20
    """Of one file that the program writes [bytes]."""
    num_open_files: int = 64

    def __post_init__(self) -> None:
        """ValueError for a limit that is not positive."""
        numbers = (self.cpu_s, self.memory_bytes, self.output_bytes, self.file_bytes, self.num_open_files)
        if min(numbers) <= 0 or (self.wall_s is not None and self.wall_s <= 0):
            raise ValueError(f"limits must be positive: {self}")

    @property
    def wall_limit_s(self) -> float:
        """The backstop in force [s].

        >>> Limits(cpu_s=2.0).wall_limit_s
        5.0
        """
        return 2 * self.cpu_s + 1 if self.wall_s is None else self.wall_s


class Ending(StrEnum):
    EXITED = "exited"
    """With status 0. Says nothing about whether the program did what it should."""
    RUNTIME_ERROR = "runtime_error"
    """An exception, another exit status, or a signal."""
    CPU_LIMIT = "cpu_limit"
    WALL_LIMIT = "wall_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    """Too much on stdout, stderr, the channel, or in the private folder."""
    CLOSED = "closed"
    """Killed because its session was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One program, from start to end. All of it but the clocks is the program's own word."""

    ending: Ending
    exit_code: int | None
    """None when a signal ended it."""
    signal: int | None
    stdout: bytes
    """At most `Limits.output_bytes`."""
    stderr: bytes
    """The last 4 KiB."""
    cpu_s: float
    """Processor time, user and system [s]."""
    wall_s: float
    """From start to the end of the process [s]."""
    peak_memory_bytes: int | None
    """Largest resident set, the interpreter's shared pages included [bytes]."""
