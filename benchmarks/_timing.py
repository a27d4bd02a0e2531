"""Alternate the sides, pair their times, and say the ratio with its spread.

A ratio is taken within one repeat, between two runs that were minutes at most apart, and the order of the
sides turns round with every repeat: a machine that slows down or speeds up over the run moves both sides,
not the ratio.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from benchmarks._worker import Facts, Order
from benchmarks._workload import Case, Workload, digest


class UnequalWorkError(RuntimeError):
    """A side did other work than the workload, so its time cannot be compared."""


class Side(Protocol):
    """One side of a comparison, in practice a `_worker.Worker`."""

    @property
    def name(self) -> str: ...

    def go(self, order: Order) -> Facts: ...


@dataclass(frozen=True, slots=True)
class WithLogprobs:
    """The same worker, with log-probabilities."""

    worker: Side
    name: str

    def go(self, order: Order) -> Facts:
        return self.worker.go(replace(order, logprobs=True))


@dataclass(frozen=True, slots=True)
class Spread:
    """Median with the smallest and the largest of the repeats."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        return Spread(median(values), min(values), max(values))

    def __format__(self, spec: str) -> str:
        """The spec's width is the median's only."""
        narrow = spec.lstrip("0123456789")
        return f"{self.median:{spec}} ({self.low:{narrow}} to {self.high:{narrow}})"

    def to_json(self) -> dict[str, float]:
        return {"median": self.median, "min": self.low, "max": self.high}


def alternate(
    sides: Sequence[Side], case: Case, workload: Workload, *, repeats: int, warmups: int
) -> dict[str, list[Facts]]:
    """Run every side in turn, `repeats` times, in an order that reverses with each repeat.

    Returns:
        side name -> the figures of each repeat, in order of the repeats; warm-ups are checked but not
        returned.

    Raises:
        UnequalWorkError: a side produced other lengths, or worked on other prompts, than the workload says.
    """
    figures: dict[str, list[Facts]] = {side.name: [] for side in sides}
    for turn in range(-warmups, repeats):
        for side in sides if turn % 2 == 0 else reversed(sides):
            done = side.go(Order(case=case))
            check_work(side.name, done, workload, case)
            if turn >= 0:
                figures[side.name].append(done)
    return figures


def check_work(name: str, done: Facts, workload: Workload, case: Case) -> None:
    """Every rollout must have its length, every prompt its tokens."""
    wanted_NM = workload.lengths_NM(case)
    if done["lengths_NM"] != wanted_NM:
        got, wanted = sum(map(sum, done["lengths_NM"])), sum(map(sum, wanted_NM))
        raise UnequalWorkError(f"{name} sampled {got} tokens instead of {wanted}, or in other responses")
    prompts = digest([problem.prompt_tokens for problem in workload.problems])
    if done["prompt_digest"] != prompts:
        raise UnequalWorkError(f"{name} worked on other prompts than the workload holds")


def speedup(ours: Sequence[Facts], peer: Sequence[Facts], key: str = "seconds") -> Spread:
    """Peer's time over ours, repeat by repeat: above 1 we are faster.

    >>> speedup([{"seconds": 1.0}, {"seconds": 2.0}], [{"seconds": 4.0}, {"seconds": 4.0}])
    Spread(median=3.0, low=2.0, high=4.0)
    """
    return Spread.of([peer_figures[key] / own[key] for own, peer_figures in zip(ours, peer, strict=True)])


def rate(figures: Sequence[Facts], tokens: int, key: str = "seconds") -> Spread:
    """Tokens per second over the repeats [tokens/s]."""
    return Spread.of([tokens / done[key] for done in figures])


def peak(figures: Sequence[Facts]) -> int:
    """Peak memory of a side after its last repeat [bytes]."""
    return max(done["peak_memory_bytes"] for done in figures)


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def say_json(figures: Mapping[str, Any]) -> None:
    """The last line of a benchmark: all its figures as one JSON object."""
    say(json.dumps(figures, sort_keys=True))


def machine() -> dict[str, Any]:
    """Processor, cores and load at the start, which should be near zero."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "load_at_start": os.getloadavg()[0]}
