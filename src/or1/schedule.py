"""Work between steps: save a checkpoint, evaluate, stop after SIGTERM, SIGINT or SIGHUP."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType

from or1 import algo
from or1.config import RunConfig
from or1.errors import Interrupted
from or1.protocols import Checkpoints, Tracker, TrainerBackend
from or1.types import RunState, Score

logger = logging.getLogger(__name__)


class StopSignal:
    """Catches SIGTERM, SIGINT and SIGHUP inside its `with`.

    Before `defer` a signal raises Interrupted at once: there is nothing to save. After it the first signal
    sets `requested`, and the run stops where its state is consistent: at a `check`. A second SIGINT (Ctrl-C)
    raises at once; a second SIGTERM or SIGHUP does not, since `timeout` and shells send it twice. A
    SIGHUP that is ignored, as under `nohup`, stays ignored. Python delivers signals to the main thread only:
    in another thread nothing is caught.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_deferred = False
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.requested and self._is_deferred:
            logger.warning(
                "%s: the run saves its state and stops; Ctrl-C (again) stops it at once",
                signal.Signals(number).name,
            )
        self.requested = True
        if not self._is_deferred:
            raise Interrupted("interrupted while loading; the same command starts the run or resumes it")

    def defer(self) -> None:
        """From here on there is a state to save: signals wait for the next `check`."""
        self._is_deferred = True
        self.check()

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
        evaluate: Mapping[str, Callable[[RunState], Score]],
        tracker: Tracker,
        checkpoints: Checkpoints,
        trainer: TrainerBackend,
        stop: StopSignal,
    ) -> None:
        """
        Args:
            evaluate: area of the metrics -> its evaluation.
        """
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
        self._stop.defer()
        self._score_if_due(state)

    def run(self, state: RunState) -> None:
        self._state = state
        done = algo.finished(self._run, state)
        if done or self._due(self._run.checkpoint.every, state.step):
            self.save()
        self._score_if_due(state)
        if not done:
            self._leave_if_requested()

    def _score_if_due(self, state: RunState) -> None:
        """Evaluate, after a resume only the areas without a score at this step."""
        done = algo.finished(self._run, state)
        if not (done or self._due(self._run.evaluation.every, state.step) or state.step == 0):
            return
        scored = self._tracker.scored(state.step)
        for area, evaluate in self._evaluate.items():
            if area not in scored:
                self._leave_if_requested()
                self._tracker.score(evaluate(state))

    def _leave_if_requested(self) -> None:
        if self._stop.requested:
            self.save()
            self._stop.check()

    def save(self) -> None:
        """Save a checkpoint of the state after the last step, unless there is one already.

        May be called while the trainer has not changed since that step: in an evaluation, in a rollout, and
        in an update before its first optimizer step.
        """
        if self._state.step > self._saved_step:
            self._checkpoints.save(self._state, self._trainer)
            self._saved_step = self._state.step

    @staticmethod
    def _due(every: int | None, step: int) -> bool:
        return every is not None and step % every == 0
