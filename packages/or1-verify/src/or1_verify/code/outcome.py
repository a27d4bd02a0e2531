"""The results of a program on its tests."""

from __future__ import annotations

from dataclasses import dataclass

from or1_verify.errors import Or1Error
from or1_verify.sandbox import Ending, Execution

_SHOWN = 200
"""Longest last line of stderr in a detail [characters]."""

_REASONS = {
    Ending.CPU_LIMIT: "time_limit", Ending.WALL_LIMIT: "time_limit", Ending.MEMORY_LIMIT: "memory_limit",
    Ending.OUTPUT_LIMIT: "output_limit", Ending.RUNTIME_ERROR: "runtime_error",
    Ending.EXITED: "runtime_error", Ending.CLOSED: "runtime_error",
}  # fmt: skip


class BadTestsError(Or1Error):
    """The tests themselves fail, so the program is not judged."""


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that was not passed, with the reason."""

    index: int
    """Index of the test."""
    reason: str
    """`wrong_answer`, `time_limit`, `memory_limit`, `output_limit` or `runtime_error`."""
    detail: str = ""


def failure_of(index: int, execution: Execution) -> FailedTest:
    """The failed test for a program that ended without an answer, or over a limit."""
    detail = f"{execution.ending.value} after {execution.times}"
    if execution.ending is Ending.EXITED:
        detail = "ended before it had answered"
    elif execution.ending is Ending.RUNTIME_ERROR:
        words = execution.stderr.decode("utf-8", "replace").strip().splitlines()
        status = f"signal {execution.signal}" if execution.signal else f"exit status {execution.exit_code}"
        detail = words[-1][:_SHOWN] if words else status
    return FailedTest(index, _REASONS[execution.ending], detail)
