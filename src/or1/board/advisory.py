"""An advisory: one thing that looks wrong in a run, its evidence, and the setting to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from or1.config import RunConfig
from or1.recipes.schema import with_defaults
from or1.storage.settings import flatten
from or1.tracking.metrics import STAGE_INDEX
from or1.tracking.run_data import RunData

WINDOW = 20
"""Last steps from which an advisory takes its evidence [steps]."""
MIN_STEPS = 10
"""Fewest steps from which a mean or a trend is taken [steps]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One thing that looks wrong in a run."""

    name: str
    """Identifier, such as `entropy_collapse`."""
    title: str
    """Plain words, no full stop: "entropy collapses"."""
    evidence: str
    """Numbers and the steps that they are from; no full stop."""
    setting: str
    """Dotted key of the setting to change, such as `entropy.delta`."""
    value: str
    """Value to try, in the form of `--set`."""
    reason: str
    """Effect of the change, no full stop."""
    metric: str
    """Key of the metric whose curve shows it."""
    first_step: int
    last_step: int
    """Steps that the evidence is from, both included."""

    @property
    def assignment(self) -> str:
        """The change as `--set` takes it: `entropy.delta=0.01`."""
        return f"{self.setting}={self.value}"

    def __str__(self) -> str:
        return f"{self.title}: {self.evidence}; try --set {self.assignment}: {self.reason}"


def advisory_on(
    rows: Sequence[Mapping[str, Any]],
    *,
    name: str,
    title: str,
    evidence: str,
    change: tuple[str, str, str],
    metric: str,
) -> Advisory:
    """An advisory on the steps of some rows.

    Args:
        rows: in order.
        name, title, evidence, metric: of the advisory.
        change: setting, value and reason.
    """
    setting, value, reason = change
    return Advisory(
        name=name,
        title=title,
        evidence=evidence,
        setting=setting,
        value=value,
        reason=reason,
        metric=metric,
        first_step=rows[0]["step"],
        last_step=rows[-1]["step"],
    )


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """The rows that an advisory is made from."""

    run: RunData
    settings: Mapping[str, Any]
    """Of the run by dotted key; defaults where an older run lacks one."""
    rollouts: Sequence[Mapping[str, Any]] = ()
    """Rows of the last rollout files."""

    @classmethod
    def of(cls, run: RunData, rollouts: Sequence[Mapping[str, Any]] = ()) -> RunEvidence:
        return cls(run, flatten(with_defaults(run.config, RunConfig)), rollouts)

    @property
    def stage(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the steps of the current stage."""
        steps = self.run.steps
        return [row for row in steps if row[STAGE_INDEX] == steps[-1][STAGE_INDEX]]

    @property
    def stage_key(self) -> str:
        """Prefix of the settings of the current stage: `stages.0`."""
        return f"stages.{self.run.steps[-1][STAGE_INDEX]}"

    @property
    def last(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the last steps of the current stage, at most `WINDOW`."""
        return self.stage[-WINDOW:]

    @property
    def last_timings(self) -> Sequence[Mapping[str, Any]]:
        """Rows of timings.jsonl of the same steps."""
        first = self.last[0]["step"]
        return [row for row in self.run.timings if row["step"] >= first]


def values_of(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """Values of a metric over the rows that have it."""
    return [float(row[key]) for row in rows if key in row]


def mean_of(rows: Sequence[Mapping[str, Any]], key: str, *, at_least: int = MIN_STEPS) -> float | None:
    """Mean of a metric; None where fewer than `at_least` rows have it."""
    values = values_of(rows, key)
    return fmean(values) if len(values) >= at_least else None


def percent(fraction: float) -> str:
    """
    >>> percent(0.0625)
    '6.2 %'
    """
    return f"{100 * fraction:.1f} %"


def steps_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """
    >>> steps_text([{"step": 3}, {"step": 4}])
    'steps 3 to 4'
    """
    return f"steps {rows[0]['step']} to {rows[-1]['step']}"
