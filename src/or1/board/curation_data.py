"""The data of the page of a curation: its funnel, and samples of the rows that each reason took."""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from or1.board.values import clipped, columns_of, fact_rows, gold_text, order_of
from or1.curate import card, ledger, report
from or1.curate.inspect import NUM_BINS, Dataset, difficulties, samples
from or1_verify import __version__

MOST_OF_A_REASON = 200
"""Most rows of one reason, and most of the rows kept [rows]."""
LONGEST = 4_000
"""Most characters of a question or a piece of evidence [characters]."""
KEPT = "kept"
_COLUMNS = ("stage", "reason", "source", "place", "text", "gold", "evidence")


def curation_data(found: Dataset) -> dict[str, Any]:
    """Everything in the page but the rows."""
    manifest, counts = found.manifest, found.counts
    return {
        "kind": "curation",
        "version": __version__,
        "title": manifest.name,
        "num_read": counts.num_read,
        "num_kept": counts.num_kept,
        "stages": _funnel(found),
        "notes": sorted(counts.notes.items()),
        "sources": _sources(found),
        "benchmarks": [[name, *numbers] for name, numbers in report.by_benchmark(found.folder).items()],
        "difficulties": [
            {"model": model, "shares": [shares[at] for at in range(NUM_BINS)]}
            for model, shares in sorted(difficulties(found).items())
        ],
        "facts": [
            ["Settings", fact_rows(manifest.config)],
            [
                "Inputs",
                [[each.path, f"{each.num_bytes:,} bytes, sha256 {each.sha256}"] for each in manifest.inputs],
            ],
            ["Versions", fact_rows(manifest.versions)],
        ],
    }


def _funnel(found: Dataset) -> list[dict[str, Any]]:
    """The stages that took a row, in order: rows left after each, and what each reason took."""
    left, stages = found.counts.num_read, []
    for stage, reasons in found.counts.dropped.items():
        left -= sum(reasons.values())
        if reasons:
            largest = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
            rows = [
                {"reason": reason, "rows": rows, "about": card.REASONS.get(reason, "")}
                for reason, rows in largest
            ]
            stages.append({"stage": stage, "left": left, "reasons": rows})
    return stages


def _sources(found: Dataset) -> list[list[Any]]:
    """Name, licence, rows read, rows kept, repeats."""
    counts = found.counts
    return [
        [
            source["name"],
            source["license"],
            counts.read.get(source["name"], 0),
            counts.kept.get(source["name"], 0),
            source["repeats"],
        ]
        for source in found.manifest.config["sources"]
    ]


@dataclass
class _Sample:
    """The rows with the smallest hashes of those added."""

    most: int
    heap: list[tuple[int, int, Mapping[str, Any]]] = field(default_factory=list)

    def add(self, row: Mapping[str, Any]) -> None:
        rank = -int.from_bytes(order_of(row["source"], row["row"])[:8])
        push = heapq.heappush if len(self.heap) < self.most else heapq.heappushpop
        push(self.heap, (rank, row["row"], row))

    def rows(self) -> list[Mapping[str, Any]]:
        return [row for _, _, row in sorted(self.heap, key=lambda each: each[1])]


def curation_rows(found: Dataset, *, most: int = MOST_OF_A_REASON) -> dict[str, Any]:
    """Rows of a curation, column by column: some of each stage and reason, and some that were kept.

    Args:
        most: rows of one reason, chosen by a hash.
    """
    chosen: dict[tuple[str, str], _Sample] = {}
    with pq.ParquetFile(found.folder / ledger.FILE) as file:
        for batch in file.iter_batches():
            for row in batch.filter(pc.invert(batch["kept"])).to_pylist():
                chosen.setdefault((row["stage"], row["reason"]), _Sample(most)).add(row)
    rows = [_removed(row) for sample in chosen.values() for row in sample.rows()]
    rows += [
        {
            "stage": KEPT,
            "reason": KEPT,
            "source": each.source,
            "place": each.problem_id,
            "text": clipped(each.question, LONGEST),
            "gold": clipped(gold_text(each.gold), LONGEST),
            "evidence": [],
        }
        for each in samples(found, most, seed=0)
    ]
    return {"columns": columns_of(_COLUMNS, rows)}


def _removed(row: Mapping[str, Any]) -> dict[str, Any]:
    evidence = [[key, clipped(str(value), LONGEST)] for key, value in json.loads(row["evidence"]).items()]
    return {**row, "gold": None, "evidence": evidence}
