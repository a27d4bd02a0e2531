"""Work between steps: evaluate, save a checkpoint, stop after SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType

from or1 import algo
from or1.config import RunConfig
from or1.errors import Interrupted
from or1.protocols import Checkpoints, Tracker, TrainerBackend
from or1.types import RunState, Score

logger = logging.getLogger(__name__)


class StopSignal:
    """Catches SIGTERM and SIGINT inside its `with`: the first sets `requested`, a second one raises at once.

    The run stops where its state is consistent: between two rollouts or between two steps. Python delivers
    signals to the main thread only: in another thread nothing is caught.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        logger.warning(
            "%s: the run saves its state and stops; send the signal again to stop at once",
            signal.Signals(number).name,
        )

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self.requested:
            raise Interrupted("interrupted; the state is saved, and the same command resumes the run")


class EvaluateAndCheckpoint:
    """The protocol `Schedule` for a run on one machine."""

    def __init__(
        self,
        run: RunConfig,
        *,
        evaluate: Callable[[RunState], Iterable[Score]],
        tracker: Tracker,
        checkpoints: Checkpoints,
        trainer: TrainerBackend,
        stop: StopSignal,
    ) -> None:
        self._run = run
        self._evaluate = evaluate
        self._tracker = tracker
        self._checkpoints = checkpoints
        self._trainer = trainer
        self._stop = stop
        self._state = RunState()
        self._saved_step = 0

    def start(self, state: RunState) -> None:
        self._state, self._saved_step = state, state.step
        if state.step == 0:
            self._score(state)

    def run(self, state: RunState) -> None:
        self._state = state
        done = algo.finished(self._run, state)
        if done or self._due(self._run.evaluation.every, state.step):
            self._score(state)
        if done or self._due(self._run.checkpoint.every, state.step):
            self.save()
        if not done and self._stop.requested:
            self.save()
            self._stop.check()

    def _score(self, state: RunState) -> None:
        for score in self._evaluate(state):
            self._tracker.score(score)

    def save(self) -> None:
        """Save a checkpoint of the state after the last step, unless there is one already.

        May be called during a rollout: the trainer has not changed since that step.
        """
        if self._state.step > self._saved_step:
            self._checkpoints.save(self._state, self._trainer)
            self._saved_step = self._state.step

    @staticmethod
    def _due(every: int | None, step: int) -> bool:
        return every is not None and step % every == 0
