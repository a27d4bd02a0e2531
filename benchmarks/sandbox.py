"""What a program costs in the sandbox, and whether its ending depends on how busy the machine is.

    python -m benchmarks.sandbox                       (about five minutes on an idle machine)

Executions a second of a trivial program, one at a time on one core: levels 3 to 5 against LiveCodeBench's
way (a Manager and a Process for each sample) and bubblewrap, in turns. Beside the clock on the wall, the
processor time of the whole process tree is counted: its inverse is what one core can do when nothing else
runs on it. (Of bubblewrap the wall alone means something: it does not reap its first process.)

Then: processor time of programs that compute, against the plain interpreter; endings of the same programs at
load 1x and 4x the cores; descriptors and memory over many programs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import _executions
from benchmarks._timing import Spread, machine, say, say_json
from or1_verify.sandbox import Ending, Level, Limits, Sandbox
from or1_verify.sandbox.detection import obstacle

TARGET_PER_S, TARGET_OVERHEAD, TARGET_EQUAL = 300.0, 0.02, 0.999
_TICKS = os.sysconf("SC_CLK_TCK")

TIMED = "import time\nstart = time.process_time()\n{body}\nprint(time.process_time() - start)\n"
BODIES = {
    "integer loop": "total = 0\nfor i in range(1_000_000):\n    total += i * i % 7",
    "dictionary": "counts = {}\nfor i in range(600_000):\n    k = i * 2654435761 % 1009\n"
    "    counts[k] = counts.get(k, 0) + 1",
    "sort": "values = [(i * 7919) % 1000003 for i in range(200_000)]\nfor _ in range(3):\n    sorted(values)",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One contestant of the trivial program."""

    name: str
    arguments: tuple[str, ...]


SIDES = (
    *(Side(f"or1 level {level}", ("or1", str(level))) for level in (3, 4, 5)),
    Side("manager+process", ("manager+process",)),
    Side("bubblewrap", ("bubblewrap",)),
)


class Worker:
    """A side's process, kept on one core."""

    def __init__(self, side: Side) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._executions", *side.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, {min(os.sched_getaffinity(0))})
        self._expect("ready")

    def go(self, num_executions: int) -> tuple[float, float]:
        """Wall seconds and processor seconds for that many executions."""
        before = tree_cpu_s(self._process.pid)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{num_executions}\n")
        self._process.stdin.flush()
        seconds, wrong = self._expect("").split()
        if wrong != "0":
            raise RuntimeError(f"{wrong} wrong answers")
        return float(seconds), tree_cpu_s(self._process.pid) - before

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _expect(self, start: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line or not line.startswith(start):
            raise RuntimeError(f"the side said {line!r}")
        return line


def tree_cpu_s(pid: int) -> float:
    """Processor time of a process, of what it has reaped, and of all that live below it [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(ticks) for ticks in fields[11:15]) / _TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(tree_cpu_s(int(child)) for child in children)


def trivial(args: argparse.Namespace) -> dict[str, Any]:
    """Executions a second of each side."""
    report: dict[str, Any] = {}
    workers: dict[str, Worker] = {}
    for side in SIDES:
        level = int(side.arguments[1]) if len(side.arguments) > 1 else 0
        why = _executions.obstacle(side.arguments[0], level)
        if why is None:
            workers[side.name] = Worker(side)
        else:
            say(f"{side.name}: left out: {why}")
            report[side.name] = {"left_out": why}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in workers}
    for repeat in range(args.repeats):
        for name in list(workers) if repeat % 2 == 0 else reversed(list(workers)):
            number = args.executions if name.startswith("or1") else max(args.executions // 10, 5)
            wall_s, cpu_s = workers[name].go(number)
            figures[name].append((number / wall_s, number / cpu_s))
    for name, worker in workers.items():
        worker.close()
        wall, cpu = (Spread.of(list(column)) for column in zip(*figures[name], strict=True))
        report[name] = {"per_second_wall": wall.to_json(), "per_second_of_cpu": cpu.to_json()}
        say(f"{name:18} {wall:8.1f} a second of wall time, {cpu:8.1f} a second of processor time")
    return report


def overhead(args: argparse.Namespace) -> dict[str, Any]:
    """Processor time of computing in the sandbox over that in the plain interpreter, less one.

    Of the fastest repeat of each side: what shares the machine can only slow a repeat down.
    """
    report: dict[str, Any] = {}
    for level in _levels():
        with Sandbox(level) as sandbox:
            for name, body in BODIES.items():
                pairs = [_pair(sandbox, TIMED.format(body=body), turn) for turn in range(args.repeats)]
                inside, outside = (min(column) for column in zip(*pairs, strict=True))
                spread = Spread.of([boxed / plain - 1 for boxed, plain in pairs])
                figures = {"of_fastest": inside / outside - 1, "pairs": spread.to_json()}
                report.setdefault(f"level {level:d}", {})[name] = figures
                fastest = figures["of_fastest"]
                say(f"overhead at level {level:d}, {name:14} {fastest:7.2%}; in pairs {spread:.2%}")
    return report


def _pair(sandbox: Sandbox, program: str, turn: int) -> tuple[float, float]:
    """Seconds in the sandbox and in the plain interpreter, in an order that changes with every turn."""

    def boxed() -> float:
        return float(sandbox.run(program, limits=Limits(cpu_s=30.0)).stdout)

    def plain() -> float:
        command = [sys.executable, "-I", "-c", program]
        return float(subprocess.run(command, capture_output=True, check=True).stdout)

    if turn % 2 == 0:
        inside = boxed()
        return inside, plain()
    outside = plain()
    return boxed(), outside


def endings(args: argparse.Namespace) -> dict[str, Any]:
    """Do the same programs end the same way when four times as many run as there are cores?"""
    programs = list(_programs(args.programs))
    cores = len(os.sched_getaffinity(0))
    calm, busy = (_all_endings(programs, cores * factor) for factor in (1, 4))
    equal = sum(one == other for one, other in zip(calm, busy, strict=True)) / len(programs)
    counts = {ending.value: sum(one[0] == ending for one in calm) for ending in Ending}
    say(f"endings equal at load 1x and 4x: {equal:.2%} of {len(programs)} programs {counts}")
    return {"equal_fraction": equal, "programs": len(programs), "endings": counts}


def _programs(number: int) -> Iterator[str]:
    """Quick, slow within the limit, beyond it, failing, hungry and loud, each a little different."""
    spin = "import time\nwhile time.process_time() < {}:\n    pass\nprint({})"
    for i in range(number):
        yield (
            f"print(sum(range({i})))",
            spin.format(0.25 + i % 5 * 0.05, i),  # at most 0.45 of 0.6
            f"x = {i}\nwhile True: x += 1",
            f"raise ValueError({i})",
            "x = []\nwhile True: x.append(bytearray(1 << 24))",
            f"print('{i % 10}' * (1 << 21))",
        )[i % 6]


def _all_endings(programs: Sequence[str], num_workers: int) -> list[tuple[Ending, bytes]]:
    found: dict[int, tuple[Ending, bytes]] = {}
    todo = iter(enumerate(programs))
    lock = threading.Lock()
    limits = Limits(cpu_s=0.6, wall_s=60.0, memory_bytes=128 << 20, output_bytes=1 << 20)

    def work() -> None:
        with Sandbox() as sandbox:
            while True:
                with lock:
                    number, program = next(todo, (-1, ""))
                if number < 0:
                    return
                done = sandbox.run(program, limits=limits)
                found[number] = (done.ending, done.stdout)

    threads = [threading.Thread(target=work) for _ in range(num_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(len(programs))]


def flatness(args: argparse.Namespace) -> dict[str, Any]:
    """Descriptors and memory of both processes, after a tenth of the programs and after all."""
    with Sandbox() as sandbox:
        marks = []
        start = time.perf_counter()
        for number in range(args.flat):
            if number in (args.flat // 10, args.flat // 2):
                marks.append(_held(sandbox.pids[0]))
            if number % 10 == 0:
                sandbox.start("import or1_channel; or1_channel._or1_receive()").close()
            elif number % 10 == 1:
                sandbox.run("open('x', 'w').write('x'); raise ValueError")
            else:
                sandbox.run(_executions.PROGRAM, stdin=b"12\n")
        marks.append(_held(sandbox.pids[0]))
        seconds = time.perf_counter() - start
    say(f"held by parent and fork-server over {args.flat} programs: {marks}")
    growth = {key: marks[-1][key] / max(marks[0][key], 1) - 1 for key in marks[0]}
    return {"programs": args.flat, "seconds": seconds, "marks": marks, "growth": growth}


def _held(fork_server: int) -> dict[str, int]:
    held = {}
    for name, pid in (("parent", os.getpid()), ("server", fork_server)):
        held[f"{name}_descriptors"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        held[f"{name}_memory_bytes"] = pages * os.sysconf("SC_PAGE_SIZE")
    return held


def _levels() -> list[Level]:
    return [level for level in Level if level.fit_for_training and obstacle(level) is None]


PARTS = {"trivial": trivial, "overhead": overhead, "endings": endings, "flatness": flatness}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="benchmarks.sandbox"
    )
    parser.add_argument("--executions", type=int, default=300, help="of ours in a repeat; peers a tenth")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--programs", type=int, default=300, help="whose endings are compared")
    parser.add_argument("--flat", type=int, default=10_000, help="programs over which memory is watched")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    args = parser.parse_args(argv)
    report: dict[str, Any] = {"benchmark": "sandbox", "machine": machine(), "settings": vars(args)}
    for name in args.only:
        report[name] = PARTS[name](args)
    report["targets"] = _targets(report)
    say_json(report)
    return 0


def _targets(report: dict[str, Any]) -> dict[str, bool]:
    """What was aimed at, and whether it was reached."""
    reached = {}
    if "trivial" in report and "per_second_of_cpu" in report["trivial"]["or1 level 3"]:
        figure = report["trivial"]["or1 level 3"]["per_second_of_cpu"]["median"]
        reached[f"level 3: {TARGET_PER_S:.0f} a second per core"] = figure >= TARGET_PER_S
    if "overhead" in report:
        worst = max(
            median(part["of_fastest"] for part in level.values()) for level in report["overhead"].values()
        )
        reached[f"overhead at most {TARGET_OVERHEAD:.0%}"] = worst <= TARGET_OVERHEAD
    if "endings" in report:
        reached[f"{TARGET_EQUAL:.1%} of endings equal"] = report["endings"]["equal_fraction"] >= TARGET_EQUAL
    if "flatness" in report:
        reached["descriptors and memory flat"] = max(report["flatness"]["growth"].values()) < 0.01
    return reached


if __name__ == "__main__":
    sys.exit(main())
