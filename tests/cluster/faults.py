"""Faults on a Ray cluster at random moments: one line of JSON for each.

    python -m tests.cluster.faults KIND NUMBER [--engine ENGINE] [--seed S] [--folder F]

Processes or machines are lost while a run trains, several in turn where it can continue. A line has the kind,
the moment, the seconds until the output names the lost process or machine (of a driver: until its processes
have ended), whether the run finished, and whether every rollout of every step is there once. The exit status
is the number of cases that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.cluster.clusters import TrainingRun, wait_until
from tests.cluster.two_hosts import TwoHosts, two_hosts

WORKERS = {
    "engine": "or1.rollout.engine_worker",
    "rank": "or1.trainer.rank_worker",
    "verifier": "or1.cluster.verify_worker",
}
KINDS = (*WORKERS, "cut", "stop", "driver")
"""Lost engine, rank, verifier workers of a machine; a machine cut off, or stopped; the driver killed."""
WORDS = ("--ranks", "2", "--set", "rollout.num_engines=2", "--set", "system.cluster.placement=colocated")
BUDGETS = ("--set", "system.max_rank_restarts=100", "--set", "rollout.max_engine_restarts=100")
NAMED_WITHIN_S = 20.0
STEP_LIMIT_S = 900.0
"""Longest wait for a step, with a restart of all processes."""
NUM_ROLLOUTS = 32
MANY_STEPS = 60
"""A step may do without the lost verifier workers; a run has to last until they are missed [steps]."""
Step = frozenset[tuple[str, int]]
"""Problem and index of its rollouts."""


@dataclass
class Case:
    """One fault."""

    kind: str
    moment: str
    named_s: float | None
    """Seconds until a line of output named it; of a driver: until none of its processes was left."""
    finished: bool = False
    every_rollout_once: bool = False

    @property
    def is_good(self) -> bool:
        named = self.named_s is not None and self.named_s <= NAMED_WITHIN_S
        return named and self.finished and self.every_rollout_once


class Faults:
    """Runs with faults of one kind.

    Args:
        kind: one of `KINDS`.
        chance: decides the moments.
        folder: for the runs.
        engine: the rollout engine of the runs.
    """

    def __init__(self, kind: str, chance: random.Random, folder: Path, engine: str) -> None:
        self._kind, self._chance, self._folder = kind, chance, folder
        self._words = [*WORDS, *BUDGETS, "--set", f"rollout.engine={engine}"]
        self._num_runs = 0

    def cases(self, number: int) -> Iterator[Case]:
        """Cause the faults; each case when its run has ended."""
        with contextlib.ExitStack() as stack:
            hosts = None
            if self._kind in ("cut", "stop"):
                hosts = stack.enter_context(two_hosts(Path(tempfile.mkdtemp(prefix="or1r"))))
            num_left = number
            while num_left:
                if hosts is not None and self._num_runs:
                    hosts.restore(1)
                # a machine has no verifier workers until the next start
                found = self._run(num_left if self._kind in ("engine", "rank", "driver") else 1, hosts)
                if not found:
                    raise RuntimeError("the run ended before a fault")
                num_left -= len(found)
                yield from found

    def _run(self, number: int, hosts: TwoHosts | None = None) -> list[Case]:
        self._num_runs += 1
        out = self._folder / f"{self._kind}-{self._num_runs}"
        num_steps = MANY_STEPS if self._kind == "verifier" else 4 * number + 4
        run = self._start(out, num_steps, hosts)
        found = []
        for _ in range(number):
            moment = self._wait_for_moment(run)
            if moment is None:
                break
            found.append(Case(self._kind, moment, self._lose(run, hosts)))
            if self._kind == "driver":
                run = self._start(out, num_steps, hosts)
        with contextlib.suppress(AssertionError):
            run.finish(900)
        for case in found:
            case.finished = run.process.returncode == 0
            case.every_rollout_once = is_whole(run, num_steps)
        if not all(case.is_good for case in found):
            sys.stderr.write(run.output)
        return found

    def _start(self, out: Path, num_steps: int, hosts: TwoHosts | None) -> TrainingRun:
        if hosts is None:
            return TrainingRun(out, [*self._words, "--cluster", "ray"], num_steps=num_steps)
        words = [*self._words, "--cluster", hosts.address, "--set", "system.cluster.num_machines=2"]
        return TrainingRun(
            out, words, num_steps=num_steps, before=hosts.inside(0), environment=hosts.environment
        )

    def _wait_for_moment(self, run: TrainingRun) -> str | None:
        """A random time after the next step at which all processes have started; None = the run has ended, or
        there is no such step in time."""
        done = len(run.rows())

        def is_there() -> bool:
            return len(run.rows()) != done and '"start"' not in status_of(run)

        if not wait_until(is_there, lambda: run.has_ended, STEP_LIMIT_S):
            return None
        times = [row["time/step_s"] for row in run.rows_of("timings.jsonl", "time/step_s")]
        delay = self._chance.uniform(0, min(times))
        time.sleep(delay)  # the moment itself: there is no condition to wait for
        phase = re.search(r'"phase": ?"([^"]*)"', status_of(run))
        if phase is None or run.has_ended:
            return None
        return f"step {len(run.rows())} + {delay:.1f} s, {phase[1]}"

    def _lose(self, run: TrainingRun, hosts: TwoHosts | None) -> float | None:
        """Cause the fault; the seconds until it was named; of a driver, until its processes have ended."""
        if self._kind == "driver":
            run.process.kill()
            run.process.wait()
            return seconds_until(lambda: not any(map(run.workers, WORKERS.values())), lambda: False)
        known = len(run.output)
        if hosts is not None:
            culprit = re.escape(hosts.addresses[1])
            if self._kind == "cut":
                hosts.cut()
            else:
                hosts.stop(1)
        else:
            victim = self._chance.choice(run.workers(WORKERS[self._kind]))
            culprit = rf"\(process {victim}\b"
            os.kill(victim, self._chance.choice([signal.SIGKILL, signal.SIGSTOP]))
        line = re.compile(rf"^or1: .*{culprit}", re.MULTILINE)
        return seconds_until(lambda: line.search(run.output, known) is not None, lambda: run.has_ended)


def seconds_until(is_true: Callable[[], bool], is_over: Callable[[], bool]) -> float | None:
    began = time.monotonic()
    if not wait_until(is_true, is_over, 3 * NAMED_WITHIN_S):
        return None
    return round(time.monotonic() - began, 1)


def status_of(run: TrainingRun) -> str:
    """The content of its status file; empty before there is one, and at the end."""
    try:
        return (run.out / "status.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def is_whole(run: TrainingRun, num_steps: int) -> bool:
    """Whether each step is there once, with all of its rollouts once."""
    steps = [row["step"] for row in run.rows()]
    files = sorted((run.out / "rollouts").glob("step_*.parquet"))
    if steps != list(range(1, num_steps + 1)) or len(files) != num_steps:
        return False
    for file in files:
        table = pq.read_table(file, columns=["problem_id", "index"]).to_pylist()
        rollouts = [(row["problem_id"], row["index"]) for row in table]
        if len(rollouts) != NUM_ROLLOUTS or len(set(rollouts)) != NUM_ROLLOUTS:
            return False
    return all(row["rollout/num_rollouts"] == NUM_ROLLOUTS for row in run.rows())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("number", type=int)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="or1-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    faults = Faults(given.kind, random.Random(given.seed), folder, given.engine)
    num_bad = 0
    for case in faults.cases(given.number):
        sys.stdout.write(json.dumps(asdict(case)) + "\n")
        sys.stdout.flush()
        num_bad += not case.is_good
    return num_bad


if __name__ == "__main__":
    sys.exit(main())
