"""Results and findings for tests of the lab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from or1.lab.experiment import StatisticConfig
from or1.lab.findings import FindingConfig
from or1.lab.results import RunResult, ScorePoint


def result(
    key: str = "k",
    *,
    seed: int = 1,
    quick: bool = False,
    scores: Sequence[tuple[int, float]] = ((0, 0.25), (4, 0.5)),
    **series: Sequence[float | None],
) -> RunResult:
    num_steps = max((len(values) for values in series.values()), default=4)
    return RunResult(
        key=key,
        seed=seed,
        quick=quick,
        commit="c",
        num_steps=num_steps,
        seconds=1.0,
        scores=tuple(ScorePoint(step=step, mean=mean, low=mean, high=mean) for step, mean in scores),
        series={name: tuple(values) for name, values in series.items()},
    )


def finding(
    name: str = "f",
    direction: Literal["above", "below", "same"] = "above",
    margin: float = 0.0,
    **others: Any,
) -> FindingConfig:
    fields = {
        "experiment": "e",
        "arms": ("a", "b"),
        "statement": "s",
        "statistic": StatisticConfig(series="entropy"),
        "paper": "p",
        "source": "s",
    }
    return FindingConfig(**{**fields, **others}, name=name, direction=direction, margin=margin)
