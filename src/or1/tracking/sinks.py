"""Views of a run: fed with the same rows as the files. A view that fails is switched off; the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from or1.config import StageConfig
from or1.errors import Or1Error
from or1.metric import Row
from or1.types import Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One rollout for a person to read."""

    question: str
    response: str
    gold: str
    outcome: Outcome
    reason: str
    detail: str
    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """A finished step."""

    step: int
    metrics: Row
    timings: Row
    stage: StageConfig
    sample: Sample | None


class Sink:
    """A view; overrides what it shows."""

    name = "sink"

    def begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        """A step has begun."""

    def phase(self, phase: str) -> None:
        """A phase of the step has begun."""

    def step(self, event: StepEvent) -> None:
        """A step is over and in the files."""

    def score(self, metrics: Row, timings: Row) -> None:
        """An evaluation is over and in the files."""

    def cut(self, step: int) -> None:
        """What came after `step` is void: the run goes on from there."""

    def close(self) -> None:
        """The run is over, or interrupted."""


def open_guarded(name: str, opener: Callable[[], Sink]) -> list[Sink]:
    """The view, or none with a warning when it cannot be opened; our own errors, of settings, pass."""
    try:
        return [opener()]
    except Or1Error:
        raise
    except Exception:
        # As in Guarded: a view that cannot start has no bearing on the run.
        logger.warning("%s cannot be opened; the run goes on without it", name, exc_info=True)
        return []


class Guarded(Sink):
    """A boundary: whatever a view raises is logged once, and the view hears no more."""

    def __init__(self, sink: Sink) -> None:
        self.name = sink.name
        self._sink = sink
        self._alive = True

    def _tell(self, call: Callable[[], None]) -> None:
        if not self._alive:
            return
        try:
            call()
        except Exception:
            # A view's failure (network, disk, terminal) has no bearing on the run, whatever its type.
            self._alive = False
            logger.warning(
                "%s failed and is switched off; the run's files are not affected", self.name, exc_info=True
            )

    def begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        self._tell(lambda: self._sink.begin(step, stage_index, stage))

    def phase(self, phase: str) -> None:
        self._tell(lambda: self._sink.phase(phase))

    def step(self, event: StepEvent) -> None:
        self._tell(lambda: self._sink.step(event))

    def score(self, metrics: Row, timings: Row) -> None:
        self._tell(lambda: self._sink.score(metrics, timings))

    def cut(self, step: int) -> None:
        self._tell(lambda: self._sink.cut(step))

    def close(self) -> None:
        self._tell(self._sink.close)
