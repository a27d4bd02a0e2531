"""The run folder's tracker: JSON lines and rollout files are the truth, sinks are views of the same rows."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from or1.config import StageConfig, TrackingConfig
from or1.metric import Row, row_of
from or1.protocols import StepLog, Tokenizer, response_text
from or1.storage.atomic import guard_writes
from or1.storage.jsonl import JsonLines
from or1.storage.run_folder import FINGERPRINTS, METRICS, ROLLOUTS, TIMINGS
from or1.tracking.fingerprint import fingerprint
from or1.tracking.metrics import score_metrics, step_metrics
from or1.tracking.rollouts import RolloutFiles, question, rollout_table
from or1.tracking.sinks import Guarded, Sample, Sink, StepEvent
from or1.tracking.timings import Timings, step_timings
from or1.types import Group, Outcome, RunState, Score, StepResult

RESERVED_PHASES = frozenset({"step", "verify", "between", "evaluation", "unix"})
"""Names under time/ that the tracker writes itself."""


def peak_resident_bytes() -> int:
    """Largest resident size of this process so far [bytes]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@dataclass(frozen=True, slots=True)
class Clock:
    """What a run's timings are read from; tests pass their own."""

    seconds: Callable[[], float] = time.perf_counter
    unix_s: Callable[[], float] = time.time
    peak_bytes: Callable[[], int] = peak_resident_bytes
    peak_device_bytes: Callable[[], int] | None = None
    """None without a GPU."""
    verifier_events: Callable[[], Mapping[str, int]] = dict
    """Counts of what happened in the verifier pool since it was opened."""


class _StepLog:
    """The protocol `StepLog`: keeps the result until the step's context closes."""

    def __init__(self, clock: Callable[[], float], on_phase: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_phase = on_phase
        self.phases_s: defaultdict[str, float] = defaultdict(float)
        self.result: StepResult | None = None

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        if name in RESERVED_PHASES:
            raise ValueError(f"time/{name}_s is written by the tracker: choose another name for the phase")
        self._on_phase(name)
        started = self._clock()
        try:
            yield
        finally:
            self.phases_s[name] += self._clock() - started

    def step(self, result: StepResult) -> None:
        self.result = result


class RunTracker:
    """The protocol `Tracker` over a run folder.

    A step is written when its context closes without an error, and is in the files when the `with` is left;
    a step that fails, or says nothing, leaves no trace. Rows carry the number of steps completed.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: Tokenizer,
        config: TrackingConfig,
        *,
        entropy_target: float | None,
        sinks: Sequence[Sink] = (),
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            folder: an open run folder.
            tokenizer: turns sampled tokens into the text that is stored.
            entropy_target: [nats/token]; None when entropy is not controlled.
            sinks: views; each may fail without harm.
        """
        self._tokenizer = tokenizer
        self._config = config
        self._entropy_target = entropy_target
        self._clock = clock or Clock()
        self._sinks = [Guarded(s) for s in sinks]
        with guard_writes(folder):
            (folder / ROLLOUTS).mkdir(exist_ok=True)
        self._logs = {name: JsonLines(folder / name) for name in (METRICS, TIMINGS, FINGERPRINTS)}
        self._rollouts = RolloutFiles(
            folder / ROLLOUTS, every=config.rollouts_every, keep=config.rollouts_keep
        )
        self._last_end: float | None = None
        self._events: Counter[str] = Counter()

    def step(self, state: RunState, stage: StageConfig) -> AbstractContextManager[StepLog]:
        return self._step(state, stage)

    @contextlib.contextmanager
    def _step(self, before: RunState, stage: StageConfig) -> Iterator[StepLog]:
        started = self._clock.seconds()
        between_s = None if self._last_end is None else started - self._last_end
        for sink in self._sinks:
            sink.begin(before.step + 1, before.stage.index, stage)
        log = _StepLog(self._clock.seconds, self._on_phase)
        yield log
        self._last_end = self._clock.seconds()
        if log.result is not None:
            timings = self._timings(log.result, log.phases_s, self._last_end - started, between_s)
            self._write(before, stage, log.result, timings)

    def _on_phase(self, phase: str) -> None:
        for sink in self._sinks:
            sink.phase(phase)

    def _timings(
        self, result: StepResult, phases_s: Mapping[str, float], step_s: float, between_s: float | None
    ) -> Row:
        before, self._events = self._events, Counter(self._clock.verifier_events())
        peak_device_bytes = self._clock.peak_device_bytes
        timings = replace(
            step_timings(result, phases_s, step_s, self._clock.unix_s()),
            between_s=between_s,
            events={name: count - before[name] for name, count in self._events.items()},
            peak_bytes=self._clock.peak_bytes(),
            peak_device_bytes=None if peak_device_bytes is None else peak_device_bytes(),
        )
        return {"step": result.state.step} | row_of(timings)

    def _write(self, before: RunState, stage: StageConfig, result: StepResult, timings: Row) -> None:
        step = result.state.step
        metrics = step_metrics(result, before=before, stage=stage, entropy_target=self._entropy_target)
        if self._rollouts.due(step):
            token_numbers = self._config.token_numbers
            table = rollout_table(step, result.groups, self._tokenizer, token_numbers=token_numbers)
            self._rollouts.write(step, table)
        self._logs[FINGERPRINTS].append(fingerprint(step, result.groups, result.report))
        self._logs[TIMINGS].append(timings)
        # Last: whoever sees a step's metrics finds everything else of it.
        self._logs[METRICS].append(metrics)
        event = StepEvent(
            step=step, metrics=metrics, timings=timings, stage=stage, sample=self._sample(step, result.groups)
        )
        for sink in self._sinks:
            sink.step(event)

    def _sample(self, step: int, groups: Sequence[Group]) -> Sample | None:
        """Another place in the batch each step, so that a reader sees right and wrong ones."""
        if not self._sinks or not groups or not groups[step % len(groups)].rollouts:
            return None
        group = groups[step % len(groups)]
        rollout = group.rollouts[step % len(group.rollouts)]
        verdict = rollout.verdict
        return Sample(
            question=question(group.problem),
            response=response_text(self._tokenizer, rollout),
            gold=json.dumps(group.problem.gold, ensure_ascii=False),
            outcome=verdict.outcome if verdict else Outcome.NOT_JUDGED,
            reason=verdict.reason if verdict else "",
            detail=verdict.detail if verdict else "",
            num_tokens=len(rollout.response_tokens),
        )

    def score(self, score: Score) -> None:
        """Write one evaluation."""
        metrics = score_metrics(score)
        timings: Row = {"step": score.step}
        timings |= row_of(Timings(evaluation_s=score.seconds, unix_s=self._clock.unix_s()))
        self._logs[TIMINGS].append(timings)
        self._logs[METRICS].append(metrics)
        for sink in self._sinks:
            sink.score(metrics, timings)

    def offsets(self) -> dict[str, int]:
        """Length of each log [bytes], after making logs and rollout files durable.

        timings.jsonl is not among them: how long its rows are depends on the clock, and two checkpoints of
        the same state should not differ. It has a row for each row of metrics.jsonl and is cut to as many.
        """
        self._rollouts.sync()
        lengths = {name: log.sync() for name, log in self._logs.items()}
        return {name: length for name, length in lengths.items() if name != TIMINGS}

    def cut(self, offsets: Mapping[str, int], step: int) -> None:
        """Forget what was written after the checkpoint of `step`; a log without an offset becomes empty."""
        for name in (METRICS, FINGERPRINTS):
            self._logs[name].cut(offsets[name] if name in offsets else 0)  # noqa: SIM401
        self._logs[TIMINGS].cut_rows(self._logs[METRICS].num_rows())
        self._rollouts.cut(step)
        for sink in self._sinks:
            sink.cut(step)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()
        for log in self._logs.values():
            log.close()
