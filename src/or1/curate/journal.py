"""A journal of sampled texts: JSON lines, one per text, appended as they arrive and sorted at the end.

    {"about": {"model": "...", "looks": [4, 8, 16], ..., "seed": 1}}
    {"problem": "0f3a...", "part": 4, "redraw": 0, "index": 2, "outcome": "wrong", ..., "num_tokens": 71}

Nothing in it is read from a clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from or1.errors import DataError
from or1.storage.jsonl import JsonLines, parse_rows, write_rows
from or1.storage.settings import require_same


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Identifies a text: its problem, the part of the work, the round of repeated sampling, its index."""

    problem: str
    part: int
    redraw: int
    index: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Outcome of a text."""

    outcome: str
    reason: str
    num_tokens: int


class Journal:
    """An open journal; a context manager.

    Args:
        path: made when it is not there.
        about: settings that the texts depend on; a journal with others is refused.
        outcomes: all outcomes that a text can have.

    Raises:
        DataError: it belongs to other settings, is damaged, or is not a journal.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], outcomes: Set[str]) -> None:
        self._about = about
        self._outcomes = outcomes
        self._entries: dict[str, dict[Place, Entry]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read(path)
        self._lines = JsonLines(path)
        if not self._lines.size:
            self._lines.append({"about": dict(about)})

    def _read(self, path: Path) -> None:
        head = next(parse_rows(path, dict), None)
        if head is None:
            return
        if "about" not in head or not isinstance(head["about"], dict):
            raise DataError(f"{path} is not a journal: choose another file")
        require_same(
            head["about"],
            self._about,
            holder=f"{path} is a journal of other settings",
            remedy="choose another file, or remove it to sample all texts again",
            error=DataError,
        )
        for place, entry in filter(None, parse_rows(path, self._parse)):
            self._entries.setdefault(place.problem, {})[place] = entry

    def _parse(self, row: dict[str, Any]) -> tuple[Place, Entry] | None:
        if "about" in row:
            return None
        place = Place(row["problem"], row["part"], row["redraw"], row["index"])
        entry = Entry(row["outcome"], row["reason"], row["num_tokens"])
        if entry.outcome not in self._outcomes:
            raise ValueError(f"unknown outcome {entry.outcome}")
        return place, entry

    def drawn(self, problem: str, part: int, redraw: int) -> Set[int]:
        """Indices of the texts in the journal."""
        return {p.index for p in self._entries.get(problem, {}) if (p.part, p.redraw) == (part, redraw)}

    def of(self, problem: str) -> Iterator[tuple[Place, Entry]]:
        """All texts of a problem."""
        yield from self._entries.get(problem, {}).items()

    def add(self, place: Place, entry: Entry) -> None:
        """Append an entry; from here on a killed process does not lose it."""
        self._entries.setdefault(place.problem, {})[place] = entry
        self._lines.append(_row(place, entry))

    def sync(self) -> None:
        """Make all entries durable: from here on a machine that fails does not lose them."""
        self._lines.sync()

    def finish(self) -> None:
        """Sort the rows, in one step: the file has the old order or the final one."""
        places = ((p, e) for problem in sorted(self._entries) for p, e in sorted(self.of(problem)))
        rows = (_row(place, entry) for place, entry in places)
        write_rows(self._lines.path, itertools.chain([{"about": dict(self._about)}], rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()


def _row(place: Place, entry: Entry) -> dict[str, Any]:
    return {
        "problem": place.problem,
        "part": place.part,
        "redraw": place.redraw,
        "index": place.index,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "num_tokens": entry.num_tokens,
    }
