"""Views of a run, with the same rows as the files. A view that fails is switched off; the run continues."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from or1.config import StageConfig
from or1.errors import Or1Error
from or1.metric import Row
from or1.types import Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRollout:
    """One rollout as text, for display."""

    problem_id: str
    index: int
    question: str
    prompt: str
    """As the model reads it."""
    response: str
    gold: str
    outcome: Outcome
    reason: str
    detail: str
    reward: float | None
    advantage: float | None
    """None if it was not trained on."""
    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """A finished step."""

    step: int
    metrics: Row
    timings: Row
    stage: StageConfig
    examples: tuple[ExampleRollout, ...]
    """From different places of the batch; as many as the view that shows most of them."""

    @property
    def example(self) -> ExampleRollout | None:
        return self.examples[0] if self.examples else None


class Sink:
    """Base class of views: callbacks that do nothing."""

    name = "sink"
    num_examples = 1
    """Rollouts of a step that it shows [rollouts]; an event may hold more."""

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        """Called when a step starts."""

    def on_phase(self, phase: str) -> None:
        """Called when a phase of the step starts."""

    def on_progress_start(self, name: str, num_samples: Mapping[str, int]) -> None:
        """Called when rollouts or samples of an evaluation start; problem -> samples to come."""

    def on_progress(self, problem: str, num_tokens: int) -> None:
        """Called for each of them, with its response tokens."""

    def on_tokens(self, num_tokens: int) -> None:
        """Called with tokens of samples that may not have finished."""

    def on_step_end(self, event: StepEvent) -> None:
        """Called when the step is in the files."""

    def on_score(self, metrics: Row, timings: Row) -> None:
        """Called when the evaluation is in the files."""

    def on_cut(self, step: int) -> None:
        """Called when the run resumes after `step`: rows of later steps are void."""

    def close(self) -> None:
        """Called once, when the run ends or is interrupted."""


def open_guarded(name: str, opener: Callable[[], Sink]) -> list[Sink]:
    """A list with the view; empty, with a warning, if it cannot be opened. Errors in settings are raised."""
    try:
        return [opener()]
    except Or1Error:
        raise
    except Exception:
        # As in Guarded: the run does not depend on a view.
        logger.warning("%s cannot be opened; the run continues without it", name, exc_info=True)
        return []


class Guarded(Sink):
    """Error boundary around a view: its first exception is logged, then it is closed and not called again.

    One thread at a time calls the view: rollouts may be sampled beside the update.
    """

    def __init__(self, sink: Sink) -> None:
        self.name = sink.name
        self.num_examples = sink.num_examples
        self._sink = sink
        self._is_on = True
        self._is_closed = False
        self._lock = threading.RLock()

    def _call(self, call: Callable[[], None]) -> None:
        if not self._is_on:
            return
        try:
            with self._lock:
                call()
        except Exception:
            # The run does not depend on a view: network, disk or terminal may fail with any exception.
            self._is_on = False
            self.num_examples = 0
            logger.warning(
                "%s failed and is switched off; the run's files are not affected", self.name, exc_info=True
            )
            with contextlib.suppress(Exception):  # its thread ends, its cursor is shown again
                self._close()

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._sink.close()

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        self._call(lambda: self._sink.on_step_begin(step, stage_index, stage))

    def on_phase(self, phase: str) -> None:
        self._call(lambda: self._sink.on_phase(phase))

    def on_progress_start(self, name: str, num_samples: Mapping[str, int]) -> None:
        self._call(lambda: self._sink.on_progress_start(name, num_samples))

    def on_progress(self, problem: str, num_tokens: int) -> None:
        self._call(lambda: self._sink.on_progress(problem, num_tokens))

    def on_tokens(self, num_tokens: int) -> None:
        self._call(lambda: self._sink.on_tokens(num_tokens))

    def on_step_end(self, event: StepEvent) -> None:
        self._call(lambda: self._sink.on_step_end(event))

    def on_score(self, metrics: Row, timings: Row) -> None:
        self._call(lambda: self._sink.on_score(metrics, timings))

    def on_cut(self, step: int) -> None:
        self._call(lambda: self._sink.on_cut(step))

    def close(self) -> None:
        self._call(self._close)


class SinkProgress:
    """The protocol `Progress` of a run: every view gets it."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def start(self, name: str, num_samples: Mapping[str, int]) -> None:
        for sink in self._sinks:
            sink.on_progress_start(name, num_samples)

    def advance(self, problem: str, num_tokens: int) -> None:
        for sink in self._sinks:
            sink.on_progress(problem, num_tokens)

    def decoded(self, num_tokens: int) -> None:
        for sink in self._sinks:
            sink.on_tokens(num_tokens)
