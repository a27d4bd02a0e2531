"""A tracker and checkpoints in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from or1.config import StageConfig
from or1.protocols import Tracker, TrainerBackend
from or1.types import RunState, Score, StepResult


@dataclass(slots=True)
class StepRecord:
    """The log of one step."""

    before: RunState
    stage: StageConfig
    phases: list[str] = field(default_factory=list)
    result: StepResult | None = None
    """None if the step closed without one."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.phases.append(name)
        yield

    def step(self, result: StepResult) -> None:
        self.result = result


class MemoryTracker:
    """Tracker in memory. A step that ends in an exception leaves no record, as in a log file."""

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []
        self.scores: list[Score] = []
        self.closed = False

    @contextmanager
    def step(self, state: RunState, stage: StageConfig) -> Iterator[StepRecord]:
        record = StepRecord(state, stage)
        yield record
        self.steps.append(record)

    def score(self, score: Score) -> None:
        self.scores.append(score)

    def scored(self, step: int) -> set[str]:
        return {score.area for score in self.scores if score.step == step}

    def offsets(self) -> Mapping[str, int]:
        return {"steps": len(self.steps), "scores": len(self.scores)}

    def cut(self, offsets: Mapping[str, int], step: int) -> None:
        del self.steps[offsets["steps"] :]
        kept = offsets["scores"]
        while kept < len(self.scores) and self.scores[kept].step == step:
            kept += 1
        del self.scores[kept:]

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True, slots=True)
class _Saved:
    state: RunState
    files: Mapping[str, bytes]
    offsets: Mapping[str, int]


class MemoryCheckpoints:
    """Checkpoints as bytes in memory. The trainer writes and reads real files."""

    def __init__(self, tracker: Tracker | None = None) -> None:
        self._tracker = tracker
        self._saved: list[_Saved] = []

    @property
    def steps(self) -> list[int]:
        """Steps that were saved, in order."""
        return [s.state.step for s in self._saved]

    def restore(self, trainer: TrainerBackend) -> RunState | None:
        if not self._saved:
            return None
        newest = self._saved[-1]
        with tempfile.TemporaryDirectory() as folder:
            for name, content in newest.files.items():
                (Path(folder) / name).write_bytes(content)
            trainer.load(Path(folder))
        if self._tracker is not None:
            self._tracker.cut(newest.offsets, newest.state.step)
        return newest.state

    def save(self, state: RunState, trainer: TrainerBackend) -> None:
        with tempfile.TemporaryDirectory() as folder:
            trainer.save(Path(folder))
            files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        offsets = {} if self._tracker is None else self._tracker.offsets()
        self._saved.append(_Saved(state, files, offsets))
