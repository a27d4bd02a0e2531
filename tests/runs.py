"""A whole run on fakes, in a real run folder: for tests of what a run leaves behind."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from or1 import loop
from or1.config import RunConfig
from or1.protocols import Collector, Parts, Tokenizer
from or1.storage.run_folder import RunFolder
from or1.testing import CharTokenizer, CountingBackend, make_group, make_problem, make_report
from or1.tracking.sinks import Sink
from or1.tracking.tracker import RunTracker, TimingSources
from or1.trainer.checkpoint import FolderCheckpoints
from or1.types import Group, RunState, Score, UpdateReport


def run_config(**changes: Any) -> RunConfig:
    """Two stages of 4 and 6 steps, a checkpoint every 3, an evaluation every 2."""
    base: dict[str, Any] = {
        "name": "fake",
        "model": {"path": "none"},
        "data": [{"task": "arithmetic"}],
        "stages": [
            {"max_response_tokens": 8, "num_steps": 4, "num_problems": 3, "group_size": 4},
            {"max_response_tokens": 16, "num_steps": 6, "num_problems": 3, "group_size": 4},
        ],
        "checkpoint": {"every": 3, "keep": 2},
        "evaluation": {"every": 2},
        "entropy": {"target": 0.4},
        "tracking": {"console": False, "tensorboard": False},
    }
    return RunConfig.model_validate(base | changes)


def description(run: RunConfig, data_hash: str = "data") -> dict[str, Any]:
    """What config.json of a fake run holds."""
    provenance = {"or1_version": "0", "commit": "c0ffee", "config_hash": "hash", "data_hash": data_hash}
    return {"config": run.model_dump(mode="json"), "provenance": provenance}


def groups_of(step: int, *, num_groups: int = 3, group_size: int = 4) -> list[Group]:
    """Groups that depend on the step alone: rewards, lengths, numbers, truncation and lost verdicts vary."""
    rng = random.Random(step)
    groups = []
    for number in range(num_groups):
        rewards = [rng.choice([1.0, 0.0, 0.0, None]) for _ in range(group_size)]
        cut = {i for i, r in enumerate(rewards) if r == 0.0 and rng.random() < 0.3}
        lengths = [rng.randint(1, 8) for _ in rewards]
        problem = make_problem(rng.randrange(10), source=("gsm8k", "made")[number % 2])
        group = make_group(rewards, problem=problem, truncated=cut, num_tokens=lengths)
        numbers = np.random.default_rng(step * 100 + number)
        rollouts = tuple(
            replace(
                r,
                behavior_logprobs=-numbers.random(len(r.response_tokens), dtype=np.float32),
                behavior_entropy=numbers.random(len(r.response_tokens), dtype=np.float32),
                verdict=None if r.verdict is None else replace(r.verdict, seconds=0.25),
            )
            for r in group.rollouts
        )
        groups.append(Group(problem=problem, rollouts=rollouts))
    return groups


class StepCollector:
    """Collector whose groups depend on the step alone, however the run came there."""

    def load(self, weights: object) -> None: ...

    def collect(self, state: RunState, stage: object) -> tuple[list[Group], RunState]:
        return groups_of(state.step), state


class ReportingBackend(CountingBackend):
    """CountingBackend whose report says something else for every step."""

    def update(self, *arguments: Any) -> UpdateReport:
        report = super().update(*arguments)
        return replace(report, loss=int(self.weights[:4], 16) / 65536, seconds=0.5)


class KilledError(RuntimeError):
    """Stands for the end of the process."""


@dataclass
class FakeSchedule:
    """Evaluates and saves on schedule, and dies where it is told to."""

    run_config: RunConfig
    tracker: RunTracker
    checkpoints: FolderCheckpoints
    trainer: CountingBackend
    dies_after: int | None = None
    """Dies after this step has been evaluated and perhaps saved."""

    def start(self, state: RunState) -> None:
        if state.step == 0 and not self.tracker.scored(0):
            self.tracker.score(score_of(0))

    def run(self, state: RunState) -> None:
        last = state.step == self.run_config.num_steps
        if last or state.step % (self.run_config.evaluation.every or 10**9) == 0:
            self.tracker.score(score_of(state.step))
        if last or state.step % self.run_config.checkpoint.every == 0:
            self.checkpoints.save(state, self.trainer)
        if state.step == self.dies_after:
            raise KilledError


def score_of(step: int) -> Score:
    mean = 0.3 + 0.05 * step
    return Score(
        step=step,
        data_hash="heldout",
        num_problems=4,
        samples_per_problem=2,
        mean=mean,
        low=mean - 0.1,
        high=mean + 0.1,
        truncated_fraction=0.25,
        no_answer_fraction=0.125,
        response_tokens_mean=6.5,
        by_source={"made": mean},
        truncated_by_source={"made": 0.25},
        tokens_by_source={"made": 6.5},
        seconds=1.5,
    )


def fake_clock() -> TimingSources:
    """Every look at it is a quarter of a second after the one before."""
    ticks = iter(range(10**9))
    return TimingSources(seconds=lambda: next(ticks) / 4, unix_s=lambda: 0.0, peak_bytes=lambda: 1000)


def open_tracker(
    folder: Path,
    run: RunConfig,
    *,
    sinks: Sequence[Sink] = (),
    clock: TimingSources | None = None,
    tokenizer: Tokenizer | None = None,
) -> RunTracker:
    return RunTracker(
        folder,
        tokenizer or CharTokenizer(),
        run.tracking,
        entropy_target=run.entropy.target,
        sinks=sinks,
        clock=clock or fake_clock(),
    )


def play(
    path: Path,
    run: RunConfig | None = None,
    *,
    dies_after: int | None = None,
    sinks: Sequence[Sink] = (),
    free_bytes: Callable[[Path], int] | None = None,
    accept_changes: bool = False,
    collector: Collector | None = None,
    trainer: CountingBackend | None = None,
) -> RunState | None:
    """Train in a run folder, from its newest checkpoint if it has one; None when the run dies."""
    run = run or run_config()
    opened = RunFolder.open(path, description(run), accept_changes=accept_changes, free_bytes=free_bytes)
    with opened as folder:
        tracker = open_tracker(path, run, sinks=sinks)
        checkpoints = FolderCheckpoints(
            folder.checkpoints,
            tracker,
            keep=run.checkpoint.keep,
            on_restore=folder.on_restore,
            free_bytes=free_bytes,
        )
        trainer = trainer or ReportingBackend()
        schedule = FakeSchedule(run, tracker, checkpoints, trainer, dies_after)
        parts = Parts(
            collector=collector or StepCollector(),
            trainer=trainer,
            checkpoints=checkpoints,
            schedule=schedule,
            tracker=tracker,
        )
        try:
            return loop.train(run, parts)
        except KilledError:
            return None
        finally:
            tracker.close()


DETERMINISTIC = ("metrics.jsonl", "fingerprints.jsonl", "rollouts/*.parquet")


def contents(path: Path) -> dict[str, bytes]:
    """Every file of a run folder that may depend on nothing but the configuration."""
    files = [p for pattern in DETERMINISTIC for p in path.glob(pattern)]
    return {str(p.relative_to(path)): p.read_bytes() for p in files}


__all__ = [
    "FakeSchedule",
    "KilledError",
    "contents",
    "description",
    "fake_clock",
    "groups_of",
    "make_report",
    "open_tracker",
    "play",
    "run_config",
    "score_of",
]
