"""Does the load of the machine change a verdict on a program?

    python -m benchmarks.code_under_load [--programs 200] [--loads 1 6]      (about four minutes)

Correct programs of seven kinds: trivial, about 1 s of processor time, 500 MB of memory, 5 MB of input, 5 MB
of output, numpy, deep recursion. Each kind is first measured on its own, and its limit on user time is twice
its time. Then all are judged on as many threads as there are cores, at load 1x, and beside busy loops that
bring the load to 6x the cores. All must be right.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks._timing import machine, say, say_json
from or1_verify.code import CodeVerifier
from or1_verify.code.launch import whole_program
from or1_verify.sandbox import Ending, Execution, Limits, Sandbox
from or1_verify.types import Message, Outcome, Problem

_LEAST_LIMIT_S = 0.02
_GENEROUS = Limits(cpu_s=60.0, memory_bytes=2 << 30)


@dataclass(frozen=True, slots=True)
class Kind:
    """Programs that need one thing; `{}` in the source is the number of the program."""

    source: str
    stdin: str = ""
    memory_bytes: int = 1 << 29


KINDS = {
    "trivial": Kind("print(sum(map(int, input().split())) + {})", "1 2"),
    "1 s": Kind("t = {}\nfor k in range(5_000_000): t = (t * 31 + k) % 1000003\nprint(t)"),
    "500 MB of memory": Kind("x = bytearray(500 << 20)\nprint(len(x) + {})", memory_bytes=1 << 30),
    "5 MB of input": Kind(
        "import sys\nprint(len(sys.stdin.read()) + {})", " ".join(map(str, range(740_000)))
    ),
    "5 MB of output": Kind("print('x' * 5_000_000)\nprint({})"),
    "numpy": Kind(
        "import numpy as np\na = np.arange(160_000).reshape(400, 400) % 97 + {}\nprint((a @ a).sum())"
    ),
    "recursion": Kind(
        "import sys\nsys.setrecursionlimit(50_000)\n"
        "def f(n): return 0 if n == 0 else f(n - 1) + 1\nprint(f(30_000) + {})"
    ),
}


def problems(num: int) -> list[tuple[str, Problem, str]]:
    """Kind, problem and program: outputs and limits as measured."""
    found = []
    with Sandbox() as sandbox:

        def measured(kind: Kind, number: int) -> Execution:
            source = whole_program(kind.source.format(number))
            done = sandbox.run(source, stdin=kind.stdin.encode(), limits=_GENEROUS)
            assert done.ending is Ending.EXITED, done.stderr
            return done

        needs = {name: min(measured(kind, 0).cpu.user_s for _ in range(3)) for name, kind in KINDS.items()}
        for number in range(num):
            name = list(KINDS)[number % len(KINDS)]
            kind = KINDS[name]
            tests = {
                "inputs": [kind.stdin],
                "outputs": [measured(kind, number).stdout.decode()],
                "time_limit_s": max(2 * needs[name], _LEAST_LIMIT_S),
                "memory_limit_bytes": kind.memory_bytes,
            }
            problem = Problem.make("code", (Message("user", "?"),), tests)
            found.append((name, problem, kind.source.format(number)))
    say("user time: " + ", ".join(f"{name} {need_s:.3f} s" for name, need_s in needs.items()))
    return found


@contextlib.contextmanager
def busy(num_processes: int) -> Iterator[None]:
    """Busy loops beside the work."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(num_processes)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def judged(cases: Sequence[tuple[str, Problem, str]], load: int) -> dict[str, Any]:
    """The verdicts at one load."""
    cores = len(os.sched_getaffinity(0))
    started = time.perf_counter()
    with busy((load - 1) * cores), ThreadPoolExecutor(cores) as threads:
        verdicts = list(threads.map(lambda case: CodeVerifier().compute(case[1], case[2]), cases))
    seconds = time.perf_counter() - started
    others = [
        f"{name}: {verdict.reason}: {verdict.detail}"
        for (name, _, _), verdict in zip(cases, verdicts, strict=True)
        if verdict.outcome is not Outcome.RIGHT
    ]
    say(f"load {load}x: {len(cases) - len(others)} of {len(cases)} right, {seconds:.0f} s")
    for line in others:
        say(f"  {line[:200]}")
    return {"right": len(cases) - len(others), "seconds": seconds, "others": others}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="benchmarks.code_under_load",
    )
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--loads", type=int, nargs="+", default=[1, 6], help="processes per core")
    args = parser.parse_args(argv)
    report: dict[str, Any] = {"benchmark": "code_under_load", "machine": machine(), "settings": vars(args)}
    cases = problems(args.programs)
    report["loads"] = {str(load): judged(cases, load) for load in args.loads}
    say_json(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
