"""Starts programs and testers in the sandbox, and sends them their code and job."""

from __future__ import annotations

import json
import marshal
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from or1_verify.code.child import reads_itself
from or1_verify.code.outcome import BadTestsError
from or1_verify.code.program import PREAMBLE
from or1_verify.sandbox import Execution, Limits, Sandbox, Session
from or1_verify.sandbox.types import MAX_FRAME_BYTES

_SHIPPED = ("rpc_values", "rpc", "child")
"""Modules of this package that run in the sandbox, in the order of their imports."""
_BOOT = """
import marshal, sys, types, or1_channel
for name, code in marshal.loads(or1_channel._or1_receive()):
    sys.modules[name] = types.ModuleType(name)
    exec(code, vars(sys.modules[name]))
import json
sys.modules["or1_verify.code.child"].run(
    json.loads(or1_channel._or1_receive()), or1_channel._or1_send, or1_channel._or1_receive
)
"""
_SOURCE_FILE = """
with open("main.py", "w", encoding="utf-8", errors="surrogatepass") as _or1_file:
    _or1_file.write({program!r})
"""
# As in LiveCodeBench, output before `sys.exit()` counts, whatever the status.
_STDIN_MAIN = """
try:
    exec(compile({program!r}, "main.py", "exec"))
except SystemExit:
    pass
"""


_WALL_PER_CPU = 6
"""Wall time limit over processor time limit, before five more seconds. It stops programs that wait; others do
not reach it on a machine with four times more load than cores [dimensionless]."""


def limits_of(cpu_s: float, memory_bytes: int) -> Limits:
    """Limits of one run, with a wall time limit that programs do not reach on a loaded machine."""
    return Limits(cpu_s=cpu_s, wall_s=_WALL_PER_CPU * cpu_s + 5, memory_bytes=memory_bytes)


@dataclass(slots=True)
class TimeBudget:
    """Total time of the runs for one problem, and its limit."""

    limit_s: float
    """Largest processor time of all tests together [s]; wall time has a longer limit."""
    cpu_s: float = field(default=0.0)
    wall_s: float = field(default=0.0)

    def add(self, execution: Execution) -> Execution:
        self.cpu_s += execution.cpu_s
        self.wall_s += execution.wall_s
        return execution

    @property
    def is_spent(self) -> bool:
        return self.cpu_s > self.limit_s or self.wall_s > self.wall_limit_s

    @property
    def wall_limit_s(self) -> float:
        """Largest wall time before the start of the last test [s]."""
        return _WALL_PER_CPU * self.limit_s


def run_with_input(sandbox: Sandbox, program: str, text: str, limits: Limits) -> Execution:
    """Run a complete program on a standard input."""
    stdin = text.encode("utf-8", "surrogatepass")
    return sandbox.run(whole_program(program), stdin=stdin, limits=limits)


def whole_program(program: str) -> str:
    """A program with LiveCodeBench's preamble, to be run as `__main__`; with its file if it reads that."""
    kept = _SOURCE_FILE if reads_itself(program) else ""
    return PREAMBLE + (kept + _STDIN_MAIN).format(program=program)


def start_job(sandbox: Sandbox, job: dict[str, Any], limits: Limits) -> Session:
    """Start a process with the shipped code and send it a job.

    Raises:
        BadTestsError: the job is larger than a message may be.
    """
    text = json.dumps(job)
    content = text.encode()
    if len(content) > MAX_FRAME_BYTES:
        raise BadTestsError(f"tests of {len(content)} bytes exceed the limit of {MAX_FRAME_BYTES} bytes")
    session = sandbox.start(_BOOT, limits=limits, sent_later=text)
    session.send(_shipped_code())
    session.send(content)
    return session


@lru_cache(maxsize=1)
def _shipped_code() -> bytes:
    """The shipped modules, compiled once: compiling takes milliseconds in each process."""
    folder = Path(__file__).parent
    modules = []
    for name in _SHIPPED:
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        modules.append((f"or1_verify.code.{name}", compile(source, f"<or1 {name}>", "exec")))
    return marshal.dumps(modules)
