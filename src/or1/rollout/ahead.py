"""Sampling one step ahead: while the trainer updates on a step, the next step's rollouts are sampled.

They are sampled from the weights before that update, so they are stale by one step, with a barrier after each
step: the version of every rollout follows from its step alone, and a run can be repeated without a record of
any order of arrival. Verification runs beside the sampling, as it does without this collector.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from or1 import algo
from or1.config import RunConfig, StageConfig
from or1.protocols import Collector, SwitchesWeights
from or1.rollout import kept_weights
from or1.types import Group, RunState, WeightHandle

Collected = tuple[list[Group], RunState]


class AbandonedError(RuntimeError):
    """Ends the sampling of a step that the run does not reach."""


class AbandonCheck:
    """A check for engine and collector that `abandon` can make raise, beside the one for a stop signal."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._is_abandoned = threading.Event()

    def __call__(self) -> None:
        self._check()
        if self._is_abandoned.is_set():
            raise AbandonedError

    def abandon(self) -> None:
        """From here on every check raises."""
        self._is_abandoned.set()


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The step that follows the one that is trained on."""

    weights: WeightHandle
    """Kept; its rollouts are sampled from them."""
    state: RunState | None = None
    """As `collect` will be called with, apart from what the update changes; None = no step follows."""
    groups: Future[Collected] | None = None


class OneStepAhead:
    """Collector that samples step k + 1 while the trainer updates on step k (staleness 1).

    The state of the next step is known before the update of this one, apart from version, entropy and
    counters, which no collector uses. The first step of a run is sampled from its own weights. All calls of
    the inner collector are made in one thread.

    A checkpoint holds the weights that the step after it is sampled from: a resumed run samples it again.

    With an engine to switch, rollouts are partial: after an update the responses that are unfinished are
    resumed under its weights. A response then has at most two versions, one step apart. It depends on time
    where each is resumed, so a resumed run samples the step anew from the weights of its checkpoint.

    Args:
        inner: samples and judges one step.
        run: the stages.
        check: of the engine and the inner collector; abandoned by `close`.
        switch: engine for partial rollouts; None = every response has one version.
    """

    def __init__(
        self,
        inner: Collector,
        run: RunConfig,
        check: AbandonCheck,
        switch: SwitchesWeights | None = None,
    ) -> None:
        self._inner, self._run, self._check, self._switch = inner, run, check, switch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="or1-ahead")
        self._latest: WeightHandle | None = None
        """Of the trainer; valid until its next update."""
        self._source: WeightHandle | None = None
        """Samples the present step, or between steps the next one; None = the latest."""
        self._ahead: _Ahead | None = None

    def load(self, weights: WeightHandle) -> None:
        """Take the weights after an update; rollouts that are being sampled keep the older ones."""
        self._latest = weights
        if self._ahead is not None and self._ahead.weights is not self._source:
            self._drop_source()
            self._source = self._ahead.weights
            if self._switch is not None:
                self._switch.switch(weights)  # they change only after `collect` has waited for the responses

    def collect(self, state: RunState, stage: StageConfig) -> Collected:
        """The groups of this step, after which the sampling of the next one starts.

        A step other than the one that was expected is sampled at once, from the same weights.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.groups is not None and ahead.state == _as_predicted(state):
            groups, after = ahead.groups.result()
        else:
            source = self._source or self._latest_weights()
            groups, after = self._thread.submit(self._sample, source, state, stage).result()
        state = replace(state, sampler=after.sampler, pass_rates=after.pass_rates)
        self._ahead = self._start(algo.after_rollouts(state, groups, self._run))
        return groups, state

    def settle(self) -> None:
        """Wait until the engine is free, and give it the latest weights: before an evaluation, which has the
        engine, the verifiers and the progress display for itself."""
        if self._ahead is not None and self._ahead.groups is not None:
            self._ahead.groups.exception()
        self._thread.submit(self._inner.load, self._latest_weights()).result()

    def save(self, folder: Path) -> None:
        """Write the weights that the next step is sampled from into an existing folder, unless they are the
        latest."""
        if self._source is not None and self._switch is None:
            kept_weights.save(self._source, folder)

    def restore(self, folder: Path) -> None:
        """Read the files of `save`."""
        self._source = kept_weights.load(folder)

    def close(self) -> None:
        """End the sampling; engine and verifiers are free afterwards."""
        self._check.abandon()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _start(self, state: RunState) -> _Ahead:
        weights = kept_weights.keep(self._latest_weights())
        if algo.finished(self._run, state):
            return _Ahead(weights)
        stage, state = algo.enter_stage(self._run, state)
        groups = self._thread.submit(self._sample, weights, state, stage)
        return _Ahead(weights, _as_predicted(state), groups)

    def _sample(self, weights: WeightHandle, state: RunState, stage: StageConfig) -> Collected:
        self._inner.load(weights)
        return self._inner.collect(state, stage)

    def _latest_weights(self) -> WeightHandle:
        if self._latest is None:
            raise RuntimeError("load weights before collecting a step")
        return self._latest

    def _drop_source(self) -> None:
        if self._source is not None:
            kept_weights.drop(self._source)


def _as_predicted(state: RunState) -> RunState:
    """The state without that which an update changes."""
    return replace(
        RunState(),
        step=state.step,
        stage=state.stage,
        sampler=state.sampler,
        pass_rates=state.pass_rates,
        solved=state.solved,
    )
