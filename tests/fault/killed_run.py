"""Training runs that send themselves a signal at a chosen moment, each in a process of its own.

Run as a module it imports torch once, then forks a process for each line of JSON arguments on standard input,
and answers with its exit status, negative for a signal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import torch._dynamo  # noqa: F401  (runs import these two late: here they come once, before the forks)
from transformers import AutoTokenizer  # noqa: F401

from or1 import assemble, recipes
from or1.errors import Interrupted


def arm(number: signal.Signals, file: str, function: str, call: int, delay_s: float) -> None:
    """Send this process a signal `delay_s` after the call; with 0 at once, before the function does
    anything."""
    num_calls = 0

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal num_calls
        if event != "call" or frame.f_code.co_name != function:
            return
        if not frame.f_code.co_filename.endswith(file):
            return
        num_calls += 1
        if num_calls != call:
            return
        sys.setprofile(None)
        if delay_s == 0:
            os.kill(os.getpid(), number)
            return
        killer = threading.Timer(delay_s, os.kill, (os.getpid(), number))
        killer.daemon = True
        killer.start()

    threading.setprofile(watch)  # rollouts may be sampled in another thread
    sys.setprofile(watch)


def main(config: str, out: str, name: str, file: str, function: str, call: int, delay_ms: float) -> None:
    """Run the command, into the folder `out`.

    Signal `name` falls `delay_ms` after call number `call` of `function` in `file`: inside a matrix product,
    between two system calls, or a phase later. With call 0 the run is left alone.
    """
    run = recipes.load(config, [])
    if call:
        arm(signal.Signals[name], file, function, call, delay_ms / 1000)
    try:
        assemble.train(run, Path(out))
    except Interrupted as left:
        sys.exit(left.exit_code)


def serve(main: Callable[..., None]) -> None:
    """Run `main` in a fork for each line of JSON arguments, and print its exit status."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                main(*json.loads(line))
                status = 0
            except SystemExit as leaving:
                status = int(leaving.code or 0)
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve(main)
