"""Starts programs and testers in the sandbox, and sends them their code and job."""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from or1_verify.code.child import reads_itself
from or1_verify.code.outcome import BadTestsError, FailedTest, failure_of
from or1_verify.code.program import PREAMBLE
from or1_verify.process_clock import CpuLimit, CpuTime
from or1_verify.sandbox import Ending, Execution, Limits, Sandbox, Session
from or1_verify.sandbox.types import MAX_FRAME_BYTES

_SHIPPED = (
    *("rpc_atoms", "rpc_arrays", "rpc_values", "rpc_errors", "rpc_facts", "rpc_states", "rpc_operators"),
    *("rpc_functions", "rpc_evidence", "rpc_objects", "rpc_error_classes", "rpc_loops"),
    *("rpc_messages", "rpc_shared", "rpc_enums", "rpc_own", "rpc_trust", "rpc", "child"),
)
"""Modules of this package that run in the sandbox, in the order of their imports."""
_BOOT = """
import marshal, sys, types, or1_channel
for name, code in marshal.loads(or1_channel._or1_receive()):
    sys.modules[name] = types.ModuleType(name)
    exec(code, vars(sys.modules[name]))
import json
sys.modules["or1_verify.code.child"].run(
    json.loads(or1_channel._or1_receive()),
    or1_channel._or1_send,
    or1_channel._or1_receive,
    or1_channel._or1_Channel,
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


_WAITED_PER_CPU = 6
"""Limit on waiting time over the limit on user time, before five more seconds [dimensionless]."""


def limits_of(cpu_s: float, memory_bytes: int) -> Limits:
    """Limits of one run."""
    return Limits(cpu_s=cpu_s, wall_s=_WAITED_PER_CPU * cpu_s + 5, memory_bytes=memory_bytes)


@dataclass(slots=True)
class TimeBudget:
    """Total time of the runs for one problem, and its limit."""

    limit_s: float
    """Largest user time of all tests together [s]; waiting time has a longer limit."""
    user_s: float = field(default=0.0)
    system_s: float = field(default=0.0)
    waited_s: float = field(default=0.0)
    _last: Execution | None = field(default=None)

    def add(self, execution: Execution) -> Execution:
        """Add the time of a run of the program."""
        self._last = execution
        self.user_s += execution.cpu.user_s
        self.system_s += execution.cpu.system_s
        self.waited_s += execution.waited_s
        return execution

    def measured(self, index: int, run: Callable[[], FailedTest | None]) -> FailedTest | None:
        """The failed test of a run, which adds its time here; near the limit, a second run decides.

        A program that answers, but over its limit, fails test `index`.
        """
        before = (self.user_s, self.system_s)
        failure = self._late(index, run())
        if self._last is None or not self._last.near_limit:
            return failure
        self.user_s, self.system_s = before
        return self._late(index, run())

    def _late(self, index: int, failure: FailedTest | None) -> FailedTest | None:
        if self._last is None or self._last.ending is not Ending.CPU_LIMIT:
            return failure
        return failure_of(failure.index if failure else index, self._last)

    @property
    def is_spent(self) -> bool:
        used = CpuTime(self.user_s, self.system_s)
        return CpuLimit(self.limit_s).exceeded_by(used) or self.waited_s > self.wait_limit_s

    @property
    def wait_limit_s(self) -> float:
        """Largest waiting time before the start of the last test [s]."""
        return _WAITED_PER_CPU * self.limit_s


def run_with_input(sandbox: Sandbox, program: str, text: str, limits: Limits) -> Execution:
    """Run a complete program on a standard input."""
    stdin = text.encode("utf-8", "surrogatepass")
    return sandbox.run(whole_program(program), stdin=stdin, limits=limits)


def whole_program(program: str) -> str:
    """A program with LiveCodeBench's preamble, to be run as `__main__`; with its file if it reads that."""
    kept = _SOURCE_FILE if reads_itself(program) else ""
    return PREAMBLE + (kept + _STDIN_MAIN).format(program=program)


def start_job(
    sandbox: Sandbox,
    job: dict[str, Any],
    limits: Limits,
    more_modules: tuple[str, ...] = (),
    talks_to: Session | None = None,
) -> Session:
    """Start a process with the shipped code, and these modules of the package, and send it a job.

    If it `talks_to` another process, the frames between the two do not pass through the parent.

    Raises:
        BadTestsError: the job is larger than a message may be.
    """
    text = json.dumps(job)
    content = text.encode()
    if len(content) > MAX_FRAME_BYTES:
        raise BadTestsError(f"tests of {len(content)} bytes exceed the limit of {MAX_FRAME_BYTES} bytes")
    session = sandbox.start(_BOOT, stdin=talks_to or b"", limits=limits, sent_later=text)
    session.send(_shipped_code((*_SHIPPED, *more_modules)))
    session.send(content)
    return session


@lru_cache(maxsize=4)
def _shipped_code(names: tuple[str, ...]) -> bytes:
    """The shipped modules, compiled once: compiling takes milliseconds in each process."""
    folder = Path(__file__).parent
    modules = []
    for name in names:
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        modules.append((f"or1_verify.code.{name}", compile(source, f"<or1 {name}>", "exec")))
    return marshal.dumps(modules)
