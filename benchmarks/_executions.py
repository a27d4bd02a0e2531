"""One side of the sandbox benchmark as a process of its own: `python -m benchmarks._executions SIDE [LEVEL]`.

Says `ready` when it is warm; for each line with a number it runs the program that often, checks every output,
and answers with the seconds that took. What it costs is read from outside, over its whole process tree.
"""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

PROGRAM = "print(int(input()) ** 2)"
GIVEN, EXPECTED = "12\n", "144\n"
Run = Callable[[], str]


def ours(level: int) -> Run:
    """The sandbox at a level."""
    from or1_verify.sandbox import Level, Sandbox

    sandbox = Sandbox(Level(level))

    def run() -> str:
        return sandbox.run(PROGRAM, stdin=GIVEN.encode()).stdout.decode()

    return run


def manager_and_process() -> Run:
    """As LiveCodeBench's `check_correctness`: for each sample a Manager, a list in it, and a Process."""
    import numpy  # noqa: F401  (loaded in the grader, as there)

    def run() -> str:
        manager = multiprocessing.Manager()
        result = manager.list()
        process = multiprocessing.Process(target=_execute_in_process, args=(result,))
        process.start()
        process.join(timeout=7)
        if process.is_alive():
            process.kill()
        return str(result[0])

    return run


def _execute_in_process(result: Any) -> None:
    import contextlib
    import io

    out = io.StringIO()
    sys.stdin = io.StringIO(GIVEN)
    with contextlib.redirect_stdout(out):
        exec(compile(PROGRAM, "main.py", "exec"), {"__name__": "__main__"})
    result.append(out.getvalue())


def bubblewrap() -> Run:
    """A fresh interpreter in fresh namespaces."""
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--tmpfs", "/tmp", "--proc", "/proc"]
    command += ["--dev", "/dev", "--die-with-parent", "--new-session", "--chdir", "/tmp"]
    command += [sys.executable, "-I", "-S", "-c", PROGRAM]

    def run() -> str:
        return subprocess.run(command, input=GIVEN, capture_output=True, text=True, check=False).stdout

    return run


def obstacle(side: str, level: int) -> str | None:
    """Why a side cannot run here."""
    if side == "bubblewrap":
        return None if shutil.which("bwrap") else "bwrap is not installed (apt install bubblewrap)"
    if side == "or1":
        from or1_verify.sandbox import Level
        from or1_verify.sandbox.detection import obstacle as obstacle_to

        return obstacle_to(Level(level))
    return None


def main() -> None:
    side = sys.argv[1]
    make: dict[str, Callable[[], Run]] = {
        "or1": lambda: ours(int(sys.argv[2])),
        "manager+process": manager_and_process,
        "bubblewrap": bubblewrap,
    }
    run = make[side]()
    for _ in range(3):
        if run() != EXPECTED:
            sys.exit(f"{side} gave another answer")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        start = time.perf_counter()
        wrong = sum(run() != EXPECTED for _ in range(int(line)))
        seconds = time.perf_counter() - start
        sys.stdout.write(f"{seconds} {wrong}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
