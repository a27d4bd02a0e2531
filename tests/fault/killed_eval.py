"""Evaluations that send themselves a signal at a chosen moment, each in a process of its own.

Run as a module it imports torch once, then forks a process for each line of JSON arguments on standard input,
and answers with its exit status, negative for a signal.
"""

from __future__ import annotations

import contextlib
import io
import signal
from pathlib import Path

from or1 import assemble
from or1.cli.evaluate import evaluate
from tests.fault.killed_run import arm, serve

SETTINGS = (
    "system.deterministic=true",
    "system.threads=1",
    "num_problems=6",
    "max_running=8",
    "samples=3",
    "max_response_tokens=120",
)


def main(out: str, file: str, function: str, call: int, delay_ms: float) -> None:
    """The command, into the folder `out`; with call 0 it is left alone."""
    if call:
        arm(signal.SIGKILL, file, function, call, delay_ms / 1000)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate("builtin:tiny", ["arithmetic"], SETTINGS, data=(), out=Path(out), url=None, bounds=False)


if __name__ == "__main__":
    assert assemble.open_generator  # loaded before the forks
    serve(main)
