"""Declared metrics: the rows made of them, and that a new one needs no more than its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated

from or1.metric import Metric, row_of
from or1.storage.run_folder import METRICS
from or1.testing import make_report
from or1.tracking.metrics import train_metrics
from or1.tracking.metrics_table import entries, markdown_table
from or1.tracking.tensorboard import scalars
from or1.types import RunState, UpdateReport


@dataclass(frozen=True)
class Numbers:
    """Fields in another order than their keys have in the alphabet."""

    loss: Annotated[float | None, Metric("z/loss", "reward", "")] = None
    seconds: float = 1.0
    names: Annotated[tuple[str, ...], Metric("y/names", "list", "")] = ()
    counts: Annotated[Mapping[str, int], Metric("x/{reason}_count", "1", "")] = field(default_factory=dict)


def test_a_row_has_one_key_per_value_in_field_order() -> None:
    row = row_of(Numbers(loss=0.0, names=("a", "b"), counts={"worse": 2, "bad": 0}))
    assert list(row.items()) == [
        ("z/loss", 0.0),  # a zero is a measurement
        ("y/names", ["a", "b"]),
        ("x/worse_count", 2),
        ("x/bad_count", 0),
    ]


def test_a_missing_value_gives_no_key() -> None:
    assert row_of(Numbers()) == {}


@dataclass(frozen=True)
class OfOneSource:
    reward: Annotated[float, Metric("reward/{source}", "reward", "")]


def test_a_number_of_a_family_is_put_under_its_member() -> None:
    assert row_of(OfOneSource(0.5), "x{y}") == {"reward/x{y}": 0.5}


@dataclass(frozen=True, kw_only=True)
class LongerReport(UpdateReport):
    """A report with one more metric than the trainer's."""

    logit_max: Annotated[float, Metric("train/logit_max", "1", "largest logit")]


def test_a_new_metric_reaches_row_curve_and_page_by_its_declaration_alone() -> None:
    report = LongerReport(**asdict(make_report()), logit_max=7.0)
    row = train_metrics(report, RunState())
    assert list(row)[-1] == "train/logit_max"
    assert dict(scalars(row))["train/logit_max"] == 7.0
    table = markdown_table(entries(LongerReport, METRICS))
    assert "| `train/logit_max` | 1 | largest logit | `LongerReport.logit_max` | `metrics.jsonl` |" in table
