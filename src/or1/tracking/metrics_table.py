"""All metrics as one table, from the dataclasses that declare them; docs/metrics.md holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.metric import Metric, metrics_of
from or1.storage.run_folder import METRICS, TIMINGS
from or1.tracking.entropy_metrics import EntropyMetrics
from or1.tracking.metrics import (
    ControlMetrics,
    LengthMetrics,
    OriginMetrics,
    RolloutMetrics,
    SourceMetrics,
)
from or1.tracking.timings import Timings
from or1.types import RunState, Score, UpdateReport

BEGIN, END = "<!-- table begin -->", "<!-- table end -->"

DECLARED_IN: Mapping[str, tuple[type[Any], ...]] = {
    METRICS: (
        RolloutMetrics,
        LengthMetrics,
        SourceMetrics,
        OriginMetrics,
        ControlMetrics,
        EntropyMetrics,
        RunState,
        UpdateReport,
        Score,
    ),
    TIMINGS: (Timings,),
}
"""Log file -> the dataclasses that its rows are made of, in order of their keys."""

_FURTHER_TEMPERATURE = re.compile(r"^eval_t[^/]+/")
"""Scores at a further temperature have the keys of `eval` under another first part."""


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One line of the table."""

    metric: Metric
    field: str
    """Class and field that hold the value."""
    file: str

    def matches(self, key: str) -> bool:
        """Whether `key` is this metric or a member of its family."""
        pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(self.metric.key))
        return re.fullmatch(pattern, _FURTHER_TEMPERATURE.sub("eval/", key)) is not None


def entries(owner: type[Any], file: str) -> list[TableEntry]:
    """The table lines of one dataclass."""
    return [
        TableEntry(metric, f"{owner.__name__}.{name}", file) for name, metric in metrics_of(owner).items()
    ]


TABLE: tuple[TableEntry, ...] = tuple(
    entry for file, owners in DECLARED_IN.items() for owner in owners for entry in entries(owner, file)
)
_BY_KEY = {entry.metric.key: entry.metric for entry in TABLE}


def metric_named(key: str) -> Metric:
    """The metric with this key; KeyError if none is declared."""
    return _BY_KEY[key]


def undocumented(keys: Iterable[str], file: str) -> list[str]:
    """Keys that no entry covers (`step` is in every row)."""
    known = [e for e in TABLE if e.file == file]
    return sorted(k for k in keys if k != "step" and not any(e.matches(k) for e in known))


def never_seen(keys: Iterable[str], file: str) -> list[str]:
    """Entries that none of the keys belongs to."""
    seen = list(keys)
    return sorted(e.metric.key for e in TABLE if e.file == file and not any(e.matches(k) for k in seen))


def markdown_table(table: Iterable[TableEntry] = TABLE) -> str:
    """The table of docs/metrics.md."""
    lines = ["| key | unit | meaning | field | file |", "| --- | --- | --- | --- | --- |"]
    for entry in table:
        m = entry.metric
        lines.append(f"| `{m.key}` | {m.unit} | {m.meaning} | `{entry.field}` | `{entry.file}` |")
    return "\n".join(lines)


def rewrite_docs(page: Path) -> None:
    """Replace the table between the marks of docs/metrics.md."""
    text = page.read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    page.write_text(f"{head}{BEGIN}\n{markdown_table()}\n{END}{tail}")
