"""Tracker over a run folder: writes log and rollout files, and passes the same rows to the views."""

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
from or1.storage.jsonl import JsonLines, read_rows
from or1.storage.run_folder import FINGERPRINTS, METRICS, ROLLOUTS, TIMINGS
from or1.tracking.entropy_metrics import entropy_metrics
from or1.tracking.fingerprint import fingerprint
from or1.tracking.metrics import ENTROPY, STAGE_INDEX, area_of, score_metrics, step_metrics
from or1.tracking.rollouts import RolloutFiles, advantage_of_each, question, rollout_table
from or1.tracking.sinks import ExampleRollout, Guarded, Sink, SinkProgress, StepEvent
from or1.tracking.timings import PHASE_S, Timings, step_timings
from or1.tracking.token_classes import TokenClasses
from or1.types import Group, Outcome, Problem, Rollout, RunState, Score, StepResult

RESERVED_PHASES = frozenset({"step", "verify", "between", "evaluation", "unix"})
"""Names of `time/{phase}_s` that are no phases."""


def peak_resident_bytes() -> int:
    """Largest resident size of this process so far [bytes]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@dataclass(frozen=True, slots=True)
class TimingSources:
    """Functions that give the timings of a run; tests pass their own."""

    seconds: Callable[[], float] = time.perf_counter
    unix_s: Callable[[], float] = time.time
    peak_bytes: Callable[[], int] = peak_resident_bytes
    peak_device_bytes: Callable[[], int] | None = None
    """None without a GPU."""
    verifier_events: Callable[[], Mapping[str, int]] = dict
    """Event -> count, since the verifier pool was opened."""


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
            raise ValueError(
                f"{PHASE_S.format(phase=name)} is written by the tracker: choose another name for the phase"
            )
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

    A step is in the files when its context has closed. A step that fails, or has no result, is not written.
    `step` in the rows is the number of completed steps.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: Tokenizer,
        config: TrackingConfig,
        *,
        entropy_target: float | None,
        sinks: Sequence[Sink] = (),
        clock: TimingSources | None = None,
    ) -> None:
        """
        Args:
            folder: an open run folder.
            tokenizer: decodes the sampled tokens.
            entropy_target: [nats/token]; None when entropy is not controlled.
            sinks: views; the run continues if one fails.
        """
        self._tokenizer = tokenizer
        self._config = config
        self._entropy_target = entropy_target
        self._clock = clock or TimingSources()
        self._sinks = [Guarded(s) for s in sinks]
        self.progress = SinkProgress(self._sinks)
        """Shown by the views; nothing of it is in the files."""
        with guard_writes(folder):
            (folder / ROLLOUTS).mkdir(exist_ok=True)
        self._logs = {name: JsonLines(folder / name) for name in (METRICS, TIMINGS, FINGERPRINTS)}
        self._rollouts = RolloutFiles(
            folder / ROLLOUTS, every=config.rollouts_every, keep=config.rollouts_keep
        )
        self._classes = TokenClasses(tokenizer)
        self._entropies: list[float] | None = None
        """Of the steps in metrics.jsonl; None = not read yet."""
        self._last_end: float | None = None
        self._events: Counter[str] = Counter()

    def step(self, state: RunState, stage: StageConfig) -> AbstractContextManager[StepLog]:
        return self._step(state, stage)

    @contextlib.contextmanager
    def _step(self, before: RunState, stage: StageConfig) -> Iterator[StepLog]:
        started = self._clock.seconds()
        between_s = None if self._last_end is None else started - self._last_end
        for sink in self._sinks:
            sink.on_step_begin(before.step + 1, before.stage.index, stage)
        log = _StepLog(self._clock.seconds, self._on_phase)
        yield log
        self._last_end = self._clock.seconds()
        if log.result is not None:
            timings = self._timings(log.result, log.phases_s, self._last_end - started, between_s)
            self._write(before, stage, log.result, timings)

    def _on_phase(self, phase: str) -> None:
        for sink in self._sinks:
            sink.on_phase(phase)

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
        metrics |= self._diagnostics(before, result)
        advantages = advantage_of_each(result.kept, result.advantages)
        if self._rollouts.due(step):
            token_numbers = self._config.token_numbers
            table = rollout_table(
                step,
                result.groups,
                self._tokenizer,
                token_numbers=token_numbers,
                advantages=advantages,
            )
            self._rollouts.write(step, table)
        self._logs[FINGERPRINTS].append(fingerprint(step, result.groups, result.report))
        self._logs[TIMINGS].append(timings)
        # Last: once the metrics of a step are there, all its other files are.
        self._logs[METRICS].append(metrics)
        event = StepEvent(
            step=step,
            metrics=metrics,
            timings=timings,
            stage=stage,
            examples=self._examples(step, result.groups, advantages),
        )
        for sink in self._sinks:
            sink.on_step_end(event)

    def _diagnostics(self, before: RunState, result: StepResult) -> Row:
        if self._entropies is None:
            rows = read_rows(self._logs[METRICS].path)
            self._entropies = [row[ENTROPY] for row in rows if ENTROPY in row]
        found = entropy_metrics(
            result,
            before=before,
            history=self._entropies,
            classes=self._classes,
            rule=self._config.collapse,
        )
        entropy = result.state.entropy.last_entropy
        self._entropies += [] if entropy is None else [entropy]
        return row_of(found)

    def _examples(
        self, step: int, groups: Sequence[Group], advantages: Mapping[tuple[str, int], float]
    ) -> tuple[ExampleRollout, ...]:
        """Rollouts at other positions of the batch each step, to show correct and incorrect ones."""
        groups = [group for group in groups if group.rollouts]
        num_examples = max((sink.num_examples for sink in self._sinks), default=0)
        if not groups:
            return ()
        chosen: dict[tuple[int, int], None] = {}
        for number in range(step, step + num_examples):
            place = number % len(groups)
            chosen[place, number % len(groups[place].rollouts)] = None
        return tuple(
            self._example(groups[place].problem, groups[place].rollouts[index], advantages)
            for place, index in chosen
        )

    def _example(
        self, problem: Problem, rollout: Rollout, advantages: Mapping[tuple[str, int], float]
    ) -> ExampleRollout:
        verdict = rollout.verdict
        return ExampleRollout(
            problem_id=rollout.problem_id,
            index=rollout.index,
            question=question(problem),
            prompt=self._tokenizer.decode_prompt(rollout.prompt_tokens),
            response=response_text(self._tokenizer, rollout),
            gold=json.dumps(problem.gold, ensure_ascii=False),
            outcome=verdict.outcome if verdict else Outcome.NOT_JUDGED,
            reason=verdict.reason if verdict else "",
            detail=verdict.detail if verdict else "",
            reward=verdict.reward if verdict else None,
            advantage=advantages.get((rollout.problem_id, rollout.index)),
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
            sink.on_score(metrics, timings)

    def scored(self, step: int) -> set[str]:
        return {
            area_of(row)
            for row in read_rows(self._logs[METRICS].path)
            if row["step"] == step and STAGE_INDEX not in row
        }

    def offsets(self) -> dict[str, int]:
        """Length of each log [bytes], after making logs and rollout files durable.

        timings.jsonl is left out: the length of its rows depends on the clock, and checkpoints of equal
        states must be equal. It has one row per row of metrics.jsonl and is cut to the same number of rows.
        """
        self._rollouts.sync()
        lengths = {name: log.sync() for name, log in self._logs.items()}
        return {name: length for name, length in lengths.items() if name != TIMINGS}

    def cut(self, offsets: Mapping[str, int], step: int) -> None:
        """Remove what was written after the checkpoint of `step`, except the scores of that step.

        A log without an offset becomes empty.
        """
        self._logs[FINGERPRINTS].cut(offsets.get(FINGERPRINTS, 0))
        self._logs[METRICS].cut(
            offsets.get(METRICS, 0), keep=lambda row: row["step"] == step and STAGE_INDEX not in row
        )
        self._logs[TIMINGS].cut_rows(self._logs[METRICS].num_rows())
        self._rollouts.cut(step)
        self._entropies = None
        for sink in self._sinks:
            sink.on_cut(step)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()
        for log in self._logs.values():
            log.close()
