"""The contamination report: for each problem of a benchmark, the rows in which it was found."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from or1.curate.contamination import STAGE
from or1.curate.sources import Protected
from or1.storage.atomic import replacing
from or1.storage.jsonl import parse_rows

FILE = "contamination.jsonl"
_SHOWN = 200
"""Most characters of a question [characters]."""


def write(ledger: Path, protected: Iterable[Protected], out: Path) -> None:
    """Write one line for each protected problem, in their order, with the rows that left because of it.

    Args:
        ledger: the curation's, which holds the evidence.
        protected: problems of all benchmarks.
        out: folder of the data set.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    with pq.ParquetFile(ledger) as file:
        for batch in file.iter_batches(columns=["source", "place", "stage", "evidence"]):
            for row in batch.filter(pc.equal(batch["stage"], STAGE)).to_pylist():
                evidence = json.loads(row["evidence"])
                row_found = {"source": row["source"], "place": row["place"], "match": evidence["match"]}
                for each in (evidence, *evidence.get("also", ())):
                    found[each["benchmark"], each["place"]].append(row_found)
    with replacing(out / FILE) as part, part.open("w", encoding="utf-8") as lines:
        for problem in protected:
            line = {
                "benchmark": problem.benchmark,
                "place": problem.place,
                "question": problem.question[:_SHOWN],
                "found": found[problem.benchmark, problem.place],
            }
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def by_benchmark(folder: Path) -> dict[str, tuple[int, int, int]]:
    """The report of a data set in short.

    Returns:
        benchmark -> its problems, those of them that were found, and rows that left because of them.
    """
    counts: dict[str, tuple[int, int, int]] = {}
    for line in parse_rows(folder / FILE, lambda row: row):
        problems, found, rows = counts.get(line["benchmark"], (0, 0, 0))
        num_rows = len(line["found"])
        counts[line["benchmark"]] = (problems + 1, found + bool(num_rows), rows + num_rows)
    return counts
