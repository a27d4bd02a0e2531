"""One input row on its way through the funnel, and its columns on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from or1.types import Gold, Message, Problem

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
ORIGIN = [
    ("row", pa.int64()),
    ("source", pa.string()),
    ("place", pa.string()),
    ("source_id", pa.string()),
]
"""Columns that say where a row comes from."""
SCHEMA = pa.schema(
    [
        *ORIGIN,
        ("license", pa.string()),
        ("raw_hash", pa.string()),
        ("task", pa.string()),
        ("question", pa.string()),
        ("title", pa.string()),
        ("prompt", pa.list_(TURN)),
        ("gold", pa.string()),
        ("solutions", pa.list_(pa.string())),
        ("difficulty", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of a source, read and normalised."""

    row: int
    """Number of the row over all sources, from 0."""
    source: str
    place: str
    """`FILE line 7`"""
    source_id: str = ""
    license: str = "unknown"
    raw_hash: str = ""
    """Hash of the row as it was read."""
    task: str
    question: str
    """The statement alone, without instructions: what texts are compared by."""
    title: str = ""
    prompt: tuple[Message, ...] = ()
    gold: Gold = ""
    solutions: tuple[str, ...] = ()
    """Worked solutions or programs, best first."""
    difficulty: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """model name -> (correct, sampled)"""

    @property
    def problem(self) -> Problem:
        return Problem.make(self.task, self.prompt, self.gold, self.source, self.difficulty)


def as_table(records: Iterable[Record]) -> pa.Table:
    return pa.Table.from_pylist([_as_row(record) for record in records], schema=SCHEMA)


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Record]:
    return [_from_row(row) for row in rows]


def _as_row(record: Record) -> dict[str, Any]:
    return {
        "row": record.row,
        "source": record.source,
        "place": record.place,
        "source_id": record.source_id,
        "license": record.license,
        "raw_hash": record.raw_hash,
        "task": record.task,
        "question": record.question,
        "title": record.title,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in record.prompt],
        "gold": to_json(record.gold),
        "solutions": list(record.solutions),
        "difficulty": to_json({model: list(counts) for model, counts in record.difficulty.items()}),
    }


def _from_row(row: Mapping[str, Any]) -> Record:
    return Record(
        **{key: row[key] for key in ("row", "source", "place", "source_id", "license", "raw_hash", "task")},
        question=row["question"],
        title=row["title"],
        prompt=messages(row["prompt"]),
        gold=json.loads(row["gold"]),
        solutions=tuple(row["solutions"]),
        difficulty={model: (right, num) for model, (right, num) in json.loads(row["difficulty"]).items()},
    )


def messages(turns: Sequence[Mapping[str, str]]) -> tuple[Message, ...]:
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Decision of a stage about one row: it leaves for a reason, or stays with a note."""

    row: int
    reason: str = ""
    """Short and countable; empty when the row stays."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """JSON that lets a person judge the decision."""

    @property
    def drops(self) -> bool:
        return bool(self.reason)


DECISIONS = pa.schema([("row", pa.int64()), ("reason", pa.string()), ("evidence", pa.string())])


def decisions_table(decisions: Iterable[Decision]) -> pa.Table:
    rows = [{"row": d.row, "reason": d.reason, "evidence": to_json(d.evidence)} for d in decisions]
    return pa.Table.from_pylist(rows, schema=DECISIONS)


def decisions_from(table: pa.Table) -> list[Decision]:
    return [
        Decision(row=row["row"], reason=row["reason"], evidence=json.loads(row["evidence"]))
        for row in table.to_pylist()
    ]
