"""The definition of an attack, and the code that all attack programs begin with."""

from __future__ import annotations

from dataclasses import dataclass, field

from or1_verify.sandbox import Ending, Level, Limits

LOW = {"memory_bytes": 256 << 20, "output_bytes": 1 << 20, "file_bytes": 1 << 20}
# Processor time and wall time are limited so that a loaded machine cannot change which limit comes first.
QUICK = Limits(cpu_s=5.0, wall_s=120.0, **LOW)
"""For programs that end on their own."""
WAITS = Limits(cpu_s=5.0, wall_s=0.8, **LOW)
"""For programs that wait without end."""
SPINS = Limits(cpu_s=0.3, wall_s=120.0, **LOW)
"""For programs that keep a core busy."""

ANY_END = frozenset(Ending) - {Ending.CLOSED}
FAILED = ANY_END - {Ending.EXITED}
ENDED_BY_ITSELF = frozenset({Ending.EXITED, Ending.RUNTIME_ERROR})

PRELUDE = """
import ctypes, errno, json, os, socket, sys
facts = json.loads(input())
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, act):
    try:
        got = act()
    except BaseException:
        return
    print("ESCAPED", name, repr(got)[:200], flush=True)
def must_fail(name, act):
    "A call of libc that returns -1 when it is refused."
    def acted():
        got = act()
        if got == -1:
            raise OSError(ctypes.get_errno())
        return got
    tried(name, acted)
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the list of attacks."""

    number: int
    """Its place in the list of 54."""
    name: str
    program: str
    limits: Limits = QUICK
    endings: frozenset[Ending] = ANY_END
    """Allowed endings. A contained program may also end normally."""
    lowest: Level = Level.LANDLOCK
    """Lowest level that stops it; docs/security.md lists the attack for the levels below."""
    escapes_at: Level | None = None
    """A level at which it must succeed, which shows that the attack is real."""
    needs_prelude: bool = True
    output: bytes | None = field(default=None)
    """Expected output, if it shows that the confinement did not break the program."""

    @property
    def source(self) -> str:
        return (PRELUDE if self.needs_prelude else "") + self.program
