"""Faults on a Ray cluster at random moments: one line of JSON for each.

    python -m tests.cluster.faults KIND NUMBER [--seed S] [--folder F]

Processes or machines are lost while a run trains, several in turn where it can continue. A line has the kind,
the moment, the seconds until the output names the lost process or machine, whether the run finished, and
whether every rollout of every step is there once. The exit status is the number of cases that failed.
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
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.cluster.clusters import TrainingRun
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
NUM_ROLLOUTS = 32
Step = frozenset[tuple[str, int]]
"""Problem and index of its rollouts."""


@dataclass
class Case:
    """One fault."""

    kind: str
    moment: str
    named_s: float | None
    """Seconds until a line of output named it; None for a driver, whose end the caller sees."""
    finished: bool = False
    every_rollout_once: bool = False

    @property
    def is_good(self) -> bool:
        named = self.kind == "driver" or (self.named_s is not None and self.named_s <= NAMED_WITHIN_S)
        return named and self.finished and self.every_rollout_once


class Faults:
    """Runs with faults of one kind.

    Args:
        kind: one of `KINDS`.
        chance: decides the moments.
        folder: for the runs.
    """

    def __init__(self, kind: str, chance: random.Random, folder: Path) -> None:
        self._kind, self._chance, self._folder = kind, chance, folder
        self._num_runs = 0

    def cases(self, number: int) -> Iterator[Case]:
        """Cause the faults; each case when its run has ended."""
        if self._kind in ("cut", "stop"):
            with two_hosts(Path(tempfile.mkdtemp(prefix="or1r"))) as hosts:
                for n in range(number):
                    if n:
                        hosts.restore(1)
                    yield from self._run(1, hosts)
        elif self._kind == "verifier":  # their machine has none until the next start
            for _ in range(number):
                yield from self._run(1)
        else:
            yield from self._run(number)

    def _run(self, number: int, hosts: TwoHosts | None = None) -> list[Case]:
        self._num_runs += 1
        out = self._folder / f"{self._kind}-{self._num_runs}"
        num_steps = 4 * number + 2
        run = self._start(out, num_steps, hosts)
        found = []
        for _ in range(number):
            moment = self._wait_for_moment(run)
            if self._kind == "driver":
                run.process.kill()
                run.process.wait()
                found.append(Case(self._kind, moment, None))
                run = self._start(out, num_steps, hosts)
            else:
                found.append(Case(self._kind, moment, self._lose(run, hosts)))
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
            return TrainingRun(out, [*WORDS, *BUDGETS, "--cluster", "ray"], num_steps=num_steps)
        words = [*WORDS, *BUDGETS, "--cluster", hosts.address, "--set", "system.cluster.num_machines=2"]
        return TrainingRun(
            out, words, num_steps=num_steps, before=hosts.inside(0), environment=hosts.environment
        )

    def _wait_for_moment(self, run: TrainingRun) -> str:
        """A random time after the next step, at least until all processes are there; described."""
        done = len(run.rows())
        run.wait_until(lambda: len(run.rows()) > done or run.process.poll() == 0)
        times = [row["time/step_s"] for row in run.rows_of("timings.jsonl", "time/step_s")]
        delay = self._chance.uniform(0, min(times))
        time.sleep(delay)
        status = run.out / "status.json"
        phase = json.loads(status.read_text())["phase"] if status.is_file() else "?"
        return f"step {len(run.rows())} + {delay:.1f} s, {phase}"

    def _lose(self, run: TrainingRun, hosts: TwoHosts | None) -> float | None:
        """Cause the fault; the seconds until it was named."""
        known = len(run.output)
        if hosts is not None:
            culprit = re.escape(hosts.addresses[1])
            began = time.monotonic()
            if self._kind == "cut":
                hosts.cut()
            else:
                hosts.stop(1)
        else:
            victim = self._chance.choice(run.workers(WORKERS[self._kind]))
            culprit = rf"\(process {victim}\b"
            began = time.monotonic()
            os.kill(victim, self._chance.choice([signal.SIGKILL, signal.SIGSTOP]))
        line = re.compile(rf"^or1: .*{culprit}", re.MULTILINE)
        while time.monotonic() - began < 3 * NAMED_WITHIN_S and run.process.poll() is None:
            if line.search(run.output, known):
                return round(time.monotonic() - began, 1)
            time.sleep(0.1)
        return None


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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="or1-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    num_bad = 0
    for case in Faults(given.kind, random.Random(given.seed), folder).cases(given.number):
        sys.stdout.write(json.dumps(asdict(case)) + "\n")
        sys.stdout.flush()
        num_bad += not case.is_good
    return num_bad


if __name__ == "__main__":
    sys.exit(main())
