"""The ledger: one row per input row, with the reason if it was dropped. Its counts add up to the input."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from or1.curate.records import ORIGIN, Decision, from_rows, to_json
from or1.curate.store import READ, Store
from or1.storage.atomic import replacing

FILE = "ledger.parquet"
SCHEMA = pa.schema(
    [
        *ORIGIN,
        ("raw_hash", pa.string()),
        ("kept", pa.bool_()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("evidence", pa.string()),
        ("notes", pa.string()),
        ("problem_id", pa.string()),
        ("text", pa.string()),
    ]
)
_SHOWN = 600
"""Most characters of a dropped row's text [characters]."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of rows read, kept and dropped."""

    read: Mapping[str, int]
    """Source -> rows read."""
    kept: Mapping[str, int]
    """Source -> rows kept."""
    dropped: Mapping[str, Mapping[str, int]]
    """Stage -> reason -> rows, in the order of the stages."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Note -> rows kept with this note."""

    @property
    def num_read(self) -> int:
        return sum(self.read.values())

    @property
    def num_kept(self) -> int:
        return sum(self.kept.values())

    @property
    def num_dropped(self) -> int:
        return sum(sum(reasons.values()) for reasons in self.dropped.values())


def write(store: Store, stages: Sequence[str], out: Path) -> Counts:
    """Write the ledger and count its rows; holds the rows of one batch in memory at a time.

    Raises:
        RuntimeError: the counts do not add up, which is a bug in or1.
    """
    read: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {stage: Counter() for stage in stages}
    with (
        replacing(out / FILE) as part_file,
        pq.ParquetWriter(part_file, SCHEMA, compression="zstd") as writer,
    ):
        for part in range(store.num_parts):
            lines = list(_lines(store, stages, part))
            writer.write_table(pa.Table.from_pylist(lines, schema=SCHEMA))
            for line in lines:
                read[line["source"]] += 1
                kept[line["source"]] += line["kept"]
                if not line["kept"]:
                    dropped[line["stage"]][line["reason"]] += 1
                notes.update(list(json.loads(line["notes"])) if line["kept"] else ())
    counts = Counts(
        dict(read),
        {source: kept[source] for source in read},
        {stage: dict(sorted(reasons.items())) for stage, reasons in dropped.items()},
        dict(sorted(notes.items())),
    )
    if counts.num_kept + counts.num_dropped != counts.num_read:
        raise RuntimeError(
            f"{counts.num_kept} kept and {counts.num_dropped} dropped of {counts.num_read} rows"
        )
    return counts


def _lines(store: Store, stages: Sequence[str], part: int) -> Iterator[dict[str, Any]]:
    first: dict[int, tuple[str, Decision]] = {}
    notes: dict[int, list[tuple[str, Decision]]] = {}
    for stage in stages:
        for decision in store.decisions(stage, part):
            if decision.drops:
                first.setdefault(decision.row, (stage, decision))
            else:
                notes.setdefault(decision.row, []).append((stage, decision))
    for record in from_rows(store.read(READ, part).to_pylist()):
        stage, decision = first[record.row] if record.row in first else ("", Decision(row=record.row))
        said = {str(d.evidence["note"]): dict(d.evidence) for _, d in notes.get(record.row, ())}
        yield {
            "row": record.row,
            "source": record.source,
            "place": record.place,
            "source_id": record.source_id,
            "raw_hash": record.raw_hash,
            "kept": not stage,
            "stage": stage,
            "reason": decision.reason,
            "evidence": to_json(decision.evidence),
            "notes": to_json(said),
            "problem_id": "" if stage else record.problem.id,
            "text": record.question[:_SHOWN] if stage else "",
        }
