"""`or1 top`: a run at this moment, from its folder alone; as text, and as metrics for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.metric import key_of
from or1.tracking.eta import format_seconds
from or1.tracking.metrics import REWARD_MEAN, STAGE_INDEX, STAGE_STEP, OriginMetrics
from or1.tracking.run_data import RunData, read_run
from or1.tracking.status import BETWEEN, RunStatus, Samples, read_status
from or1.tracking.timings import PHASE_S, RESPONSE_TOKENS_PER_S, STEP_S, UNIX_S
from or1.types import ProcessStatus

SILENT_S = 15.0
"""A status older than this is that of a process that was stopped or killed [s]."""
STALENESS_MEAN = key_of(OriginMetrics, "staleness_mean")
STALENESS_MAX = key_of(OriginMetrics, "staleness_max")
_RESTARTS = ("verify/workers_started", "verify/retries")
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment."""

    folder: Path
    data: RunData
    status: RunStatus | None
    now_s: float
    """Time of day [s]."""

    @property
    def is_alive(self) -> bool:
        return self.status is not None and self.now_s - self.status.written_s <= SILENT_S

    @property
    def last(self) -> Mapping[str, Any]:
        """Metrics and timings of the last step; empty before the first."""
        if not self.data.steps:
            return {}
        step = self.data.steps[-1]
        timings = [row for row in self.data.timings if row["step"] == step["step"] and STEP_S in row]
        return {**step, **(timings[-1] if timings else {})}

    @property
    def sampling_s(self) -> float | None:
        """Seconds of the last rollouts that are complete; None if there are none."""
        samples = None if self.status is None else self.status.samples
        if samples is not None and samples.name == "rollouts" and samples.ended_s is not None:
            return samples.ended_s - samples.begun_s
        return self._phase("rollout") if not self.data.config["rollout"]["max_staleness"] else None

    def _phase(self, name: str) -> float | None:
        key = PHASE_S.replace("{phase}", name)
        value: float | None = self.last.get(key)
        return value

    @property
    def idle(self) -> dict[str, float]:
        """Share of the last step in which engines and trainer had nothing to do [fraction]."""
        if STEP_S not in self.last or not self.last[STEP_S]:
            return {}
        busy = {"engines": self.sampling_s, "trainer": self._phase("update")}
        return {
            who: max(0.0, 1 - seconds / self.last[STEP_S])
            for who, seconds in busy.items()
            if seconds is not None
        }


def snapshot(folder: Path, now_s: float) -> Snapshot:
    """Read a run folder.

    Args:
        folder: of a run.
        now_s: time of day on the machine that trains [s].

    Raises:
        RunFolderError: it is not a run folder.
        DataError: a row of it is damaged.
    """
    return Snapshot(folder, read_run(folder), read_status(folder), now_s)


def headline(run: Snapshot) -> str:
    """State of the run in one line."""
    name, steps = run.data.config["name"], run.data.steps
    at = f"after step {steps[-1]['step']:,}" if steps else "before the first step"
    if run.data.is_finished and not run.is_alive:
        return f"{name} is finished: {at}"
    if run.status is None:
        return f"{name} is not running: {at}; or1 train {run.folder} resumes it"
    place = f"process {run.status.pid} on {run.status.host}"
    silent_s = run.now_s - run.status.written_s
    if not run.is_alive:
        ago, resumed = format_seconds(silent_s), f"or1 train {run.folder} resumes it"
        return f"{name} gave no sign of life for {ago}: {place}, {at}; if that has ended, {resumed}"
    stage = steps[-1] if steps else {STAGE_INDEX: 0, STAGE_STEP: 0}
    stages = f"stage {stage[STAGE_INDEX] + 1} of {len(run.data.config['stages'])}"
    return f"{name} is running: step {run.status.step:,}, {stages}, {place}"


def process_rows(run: Snapshot) -> list[tuple[str, str, str, str]]:
    """(who, work, since, speed) of the trainer, the sampling and each process; empty if it does not run."""
    status = run.status
    if status is None:
        return []
    age_s = run.now_s - status.phase_s
    rows = [("trainer", status.phase, format_seconds(max(0.0, age_s)), "")]
    if status.samples is not None:
        rows.append(_sampling_row(status.samples, run.now_s))
    return rows + [_process_row(each) for each in status.processes]


def _sampling_row(samples: Samples, now_s: float) -> tuple[str, str, str, str]:
    end_s = now_s if samples.ended_s is None else samples.ended_s
    seconds = max(0.0, end_s - samples.begun_s)
    speed = f"{samples.num_tokens / seconds:,.0f} tokens/s" if samples.num_tokens and seconds else ""
    work = f"{samples.name} {samples.done:,} of {samples.total:,}"
    if samples.ended_s is None:
        return ("sampling", f"{work}, {samples.total - samples.done:,} left", format_seconds(seconds), speed)
    return ("sampling", f"{work} in {format_seconds(seconds)}", format_seconds(now_s - end_s), speed)


def _process_row(process: ProcessStatus) -> tuple[str, str, str, str]:
    work = [process.phase, process.work]
    if process.num_running is not None:
        work.append(f"{process.num_running:,} running")
    if process.num_restarts:
        work.append(f"{process.num_restarts:,} restarts")
    speed = "" if process.tokens_per_s is None else f"{process.tokens_per_s:,.0f} tokens/s"
    return (process.name, ", ".join(filter(None, work)), format_seconds(process.since_s), speed)


def last_step_lines(run: Snapshot) -> list[str]:
    """The last complete step: seconds, speed, idle shares, staleness, verifier restarts."""
    last = run.last
    if STEP_S not in last:
        return []
    parts = [f"step {last['step']:,}: {last[STEP_S]:,.1f} s"]
    if RESPONSE_TOKENS_PER_S in last:
        parts.append(f"{last[RESPONSE_TOKENS_PER_S]:,.0f} tokens/s")
    if REWARD_MEAN in last:
        parts.append(f"reward {last[REWARD_MEAN]:.3f}")
    parts.append(f"ended {format_seconds(max(0.0, run.now_s - last[UNIX_S]))} ago")
    lines = [", ".join(parts)]
    if idle := run.idle:
        lines.append("idle: " + ", ".join(f"{who} {share:.0%}" for who, share in idle.items()))
    if STALENESS_MAX in last and STALENESS_MEAN in last:
        lines.append(f"staleness: {last[STALENESS_MEAN]:.2f} updates, at most {last[STALENESS_MAX]}")
    counts = {key.split("/")[1].replace("_", " "): last[key] for key in _RESTARTS if key in last}
    if counts:
        lines.append("verifiers: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    return lines


def prometheus_text(run: Snapshot) -> str:
    """The same in the text format of Prometheus, for the textfile collector of its node exporter.

    Every number of the last rows is a gauge: `rollout/reward_mean` is `or1_rollout_reward_mean`.
    """
    name = run.data.config["name"]
    numbers: dict[str, float] = {"or1_up": float(run.is_alive)}
    for row in (run.data.scores[-1] if run.data.scores else {}, run.last):
        numbers |= {f"or1_{_NOT_A_NAME.sub('_', key)}": value for key, value in _numbers(row)}
    lines = [line for key, value in numbers.items() for line in _gauge(key, [({"run": name}, value)])]
    lines += _gauge("or1_idle_fraction", [({"run": name, "part": p}, v) for p, v in run.idle.items()])
    status = run.status
    if status is not None:
        phase = {"run": name, "process": "trainer", "phase": status.phase}
        ages = [(phase, run.now_s - status.phase_s)]
        ages += [({"run": name, "process": p.name, "phase": p.phase}, p.since_s) for p in status.processes]
        lines += _gauge("or1_phase_age_seconds", ages)
        restarts = [({"run": name, "process": p.name}, float(p.num_restarts)) for p in status.processes]
        lines += _gauge("or1_process_restarts", restarts)
        if status.samples is not None and status.phase != BETWEEN:
            left = float(status.samples.total - status.samples.done)
            lines += _gauge("or1_samples_left", [({"run": name, "samples": status.samples.name}, left)])
    return "".join(f"{line}\n" for line in lines)


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in row.items():
        if isinstance(value, int | float):
            yield key, float(value)


def _gauge(key: str, values: Sequence[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    if values:
        yield f"# TYPE {key} gauge"
    for labels, value in values:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{key}{{{shown}}} {_number(value)}"


def _number(value: float) -> str:
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(str(value), repr(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
