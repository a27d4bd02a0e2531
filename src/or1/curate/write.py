"""The data set: kept problems, mixed and shuffled by seed, as parquet that `or1 train` and verl read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from or1.curate.config import CurateConfig
from or1.curate.model_stages import difficulty_of
from or1.curate.records import TURN, Record
from or1.curate.store import Store
from or1.curate.verl_schema import as_reference, reference_schema
from or1.storage.atomic import recover, replacing

DATA = "data"
_BUCKETS = "mixed"

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("task", pa.string()),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("license", pa.string()),
        ("prompt", pa.list_(TURN)),
        ("gold_json", pa.string()),
        ("difficulty_json", pa.string()),
        ("weight", pa.float64()),
    ]
)
"""Columns of a curated data set; `or1.tasks.curated` reads them."""


def write(
    config: CurateConfig,
    store: Store,
    stages: Sequence[str],
    out: Path,
    advance: Callable[[int], None],
) -> list[Path]:
    """Write the kept rows in their mixed order; a file's rows are in memory at a time.

    Args:
        config: weights, seed and layout.
        store: records and decisions.
        stages: stages that decide.
        out: folder of the data set.
        advance: called with the rows done.
    """
    repeats = {source.name: source.repeats for source in config.sources}
    in_files = config.write.layout == "reference"
    places = _places(config, store, stages, repeats if in_files else None)
    num_rows = len(places)
    num_files = max(1, math.ceil(num_rows / config.write.rows_per_file))
    schema = SCHEMA
    if in_files:
        schema = reference_schema(_models(store, stages))
    _scatter(config, store, stages, places, schema, advance)
    folder = out / DATA
    folder.mkdir(parents=True, exist_ok=True)
    recover(folder)
    files = []
    for number in range(num_files):
        path = folder / f"train-{number:05d}-of-{num_files:05d}.parquet"
        _gather(store, number, schema, path)
        files.append(path)
    for stale in sorted(set(folder.glob("*.parquet")) - set(files)):
        stale.unlink()
    return files


def _places(
    config: CurateConfig, store: Store, stages: Sequence[str], repeats: Mapping[str, float] | None
) -> dict[tuple[int, int], int]:
    """(row, copy) -> place in the mix, by a seeded order that depends on nothing else."""
    ranks: list[tuple[bytes, int, int]] = []
    for part in range(store.num_parts):
        for record in store.alive(part, tuple(stages)):
            for copy in range(_copies(config.seed, record, repeats[record.source]) if repeats else 1):
                key = f"{config.seed}/mix/{record.problem.id}/{copy}"
                ranks.append((xxhash.xxh3_128_digest(key.encode()), record.row, copy))
    ranks.sort()
    return {(row, copy): place for place, (_, row, copy) in enumerate(ranks)}


def _copies(seed: int, record: Record, repeats: float) -> int:
    """Whole copies, and one more by chance for a fraction."""
    whole = math.floor(repeats)
    chance = xxhash.xxh3_64_intdigest(f"{seed}/repeat/{record.problem.id}".encode()) / 2**64
    return whole + (chance < repeats - whole)


def _scatter(
    config: CurateConfig,
    store: Store,
    stages: Sequence[str],
    places: Mapping[tuple[int, int], int],
    schema: pa.Schema,
    advance: Callable[[int], None],
) -> None:
    """From batches in the order of the rows to a bucket for each file, with the place of each row."""
    copies: dict[int, list[int]] = {}
    for number, copy in places:
        copies.setdefault(number, []).append(copy)
    weights = {source.name: source.repeats for source in config.sources}
    for part in range(store.num_parts):
        buckets: dict[int, list[dict[str, Any]]] = {}
        measured = difficulty_of(store, part)
        for record in store.alive(part, tuple(stages)):
            known = {**record.difficulty, **measured.get(record.row, {})}
            row = as_row(record, known, weights[record.source], config.write.layout)
            for copy in copies.get(record.row, ()):
                place = places[record.row, copy]
                buckets.setdefault(place // config.write.rows_per_file, []).append({"place": place, **row})
        for number, rows in sorted(buckets.items()):
            store.write(
                f"{_BUCKETS}/{number:05d}", part, pa.Table.from_pylist(rows, schema=_with_place(schema))
            )
        advance(part)


def _gather(store: Store, number: int, schema: pa.Schema, path: Path) -> None:
    found = sorted((store.folder / _BUCKETS / f"{number:05d}").glob("*.parquet"))
    tables = [pq.read_table(each) for each in found]
    table = pa.concat_tables(tables) if tables else _with_place(schema).empty_table()
    table = table.take(pa.array(np.argsort(table["place"].to_numpy(), kind="stable"))).drop_columns(["place"])
    with replacing(path) as part:
        pq.write_table(table.combine_chunks(), part, compression="zstd")


def _with_place(schema: pa.Schema) -> pa.Schema:
    return pa.schema([("place", pa.int64()), *schema])


def as_row(
    record: Record, difficulty: Mapping[str, tuple[int, int]], weight: float, layout: str
) -> dict[str, Any]:
    """A kept problem as a row of the data set."""
    if layout == "reference":
        return as_reference(record, difficulty)
    return {
        "id": record.problem.id,
        "task": record.task,
        "source": record.source,
        "source_id": record.source_id,
        "license": record.license,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in record.prompt],
        "gold_json": json.dumps(record.gold, ensure_ascii=False, sort_keys=True),
        "difficulty_json": json.dumps(
            {model: list(counts) for model, counts in difficulty.items()}, sort_keys=True
        ),
        "weight": weight,
    }


def _models(store: Store, stages: Sequence[str]) -> list[str]:
    """Models of which a difficulty is known, sorted: each is a column."""
    models: set[str] = set()
    for part in range(store.num_parts):
        models.update(model for known in difficulty_of(store, part).values() for model in known)
        models.update(model for record in store.alive(part, tuple(stages)) for model in record.difficulty)
    return sorted(models)
