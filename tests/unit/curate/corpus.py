"""Small corpora made by code, for tests of curation."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from or1.curate.config import CurateConfig

_WHO = ("farmer", "baker", "teacher", "sailor", "gardener", "painter", "doctor", "miller", "weaver", "pilot")
_WHAT = ("apples", "ropes", "bricks", "lamps", "stones", "books", "coins", "plates", "barrels", "nails")
_WHERE = (
    "market",
    "harbour",
    "castle",
    "village",
    "station",
    "library",
    "valley",
    "island",
    "workshop",
    "barn",
)


def problems(num: int, seed: int = 0) -> list[dict[str, str]]:
    """Different word problems with their answers: no two have the same numbers and the same words."""
    rng = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < num:
        who, what, where = rng.choice(_WHO), rng.choice(_WHAT), rng.choice(_WHERE)
        a, b, c = rng.randint(10, 9_000), rng.randint(2, 90), rng.randint(1, 9)
        told = (
            f"A {who} carries ${a}$ {what} to the {where} and sells ${b}$ of them every day. "
            f"How many are left after ${c}$ days?",
            f"Near the {where} there are ${b}$ rows with ${a}$ {what} in each. A {who} takes ${c}$ away. "
            "How many remain in all?",
            f"Let $f(x) = {a}x^{{2}} - {b}x + {c}$ count the {what} that a {who} stores. Find $f({c})$.",
        )
        text = rng.choice(told)
        found.setdefault(text, str(a * b + c))
    return [{"problem": text, "answer": answer} for text, answer in found.items()]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def config(folder: Path, *sources: Mapping[str, Any], **more: Any) -> CurateConfig:
    """A curation of files of a folder, with few rows in a batch and in one process."""
    table: dict[str, Any] = {"name": "test", "data": {"root": str(folder)}, "sources": list(sources)}
    return CurateConfig.model_validate({**table, "batch_rows": 16, "num_workers": 1, **more})


def plain(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, "task": "math", **more}


class Silent:
    """Remembers the stages and shows nothing."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        self.stages.append(name)
        yield lambda rows: None


def files_under(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def ledger(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "ledger.parquet").to_pylist())


def kept_rows(lines: Sequence[Mapping[str, Any]]) -> list[int]:
    return [line["row"] for line in lines if line["kept"]]
