"""Stop signals, and the order of checkpoint and evaluation."""

from __future__ import annotations

import os
import signal

import pytest

from or1.errors import Interrupted
from or1.schedule import EvaluateAndCheckpoint, StopSignal
from or1.testing import CountingBackend, MemoryCheckpoints, MemoryTracker
from or1.types import RunState, Score
from tests.runs import run_config, score_of

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_loading_at_once_and_a_step_at_its_check(number: signal.Signals) -> None:
    with StopSignal() as stop:
        with pytest.raises(Interrupted, match="loading"):
            os.kill(os.getpid(), number)
        assert stop.requested
    with StopSignal() as stop:
        stop.defer()
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted, match="saved"):
            stop.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_only_a_second_ctrl_c_stops_at_once(number: signal.Signals) -> None:
    with StopSignal() as stop:
        stop.defer()
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # as `timeout` does: to the child, then to its group
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_checkpoint_is_saved_before_it_is_evaluated() -> None:
    """An evaluation that ends the process costs no step, and only its missing scores are made on resume."""
    run, tracker, evaluated = run_config(), MemoryTracker(), []
    checkpoints = MemoryCheckpoints(tracker)

    def evaluate(state: RunState) -> Score:
        evaluated.append((state.step, list(checkpoints.steps)))
        if len(evaluated) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return score_of(state.step)

    def schedule(stop: StopSignal) -> EvaluateAndCheckpoint:
        return EvaluateAndCheckpoint(
            run,
            evaluate={"eval": evaluate, "eval_t0.5": evaluate},
            tracker=tracker,
            checkpoints=checkpoints,
            trainer=CountingBackend(),
            stop=stop,
        )

    with StopSignal() as stop:
        first = schedule(stop)
        first.start(RunState(step=3))
        with pytest.raises(Interrupted):
            first.run(RunState(step=6))
        first.save()
    assert evaluated == [(6, [6]), (6, [6])]
    assert checkpoints.steps == [6]
    with StopSignal() as stop:
        schedule(stop).start(RunState(step=6))
    assert tracker.scored(6) == {"eval"}
