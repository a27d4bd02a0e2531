"""A journal of texts asked of a model: JSON lines, one a text, appended as they come, in order once finished.

    {"about": {"model": "...", "looks": [4, 8, 16], ..., "seed": 1}}
    {"problem": "0f3a...", "part": 4, "redraw": 0, "index": 2, "outcome": "wrong", ..., "num_tokens": 71}

Nothing in it is read from a clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from or1.errors import DataError
from or1.storage.folder import differing_keys, flatten, guard_writes
from or1.storage.jsonl import JsonLines, encode, read_rows


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Which text: about which problem, in which part of the work, in which round of asking again."""

    problem: str
    part: int
    redraw: int
    index: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found in it."""

    outcome: str
    reason: str
    num_tokens: int


class Journal:
    """An open journal; a context manager.

    Args:
        path: made when it is not there.
        about: what the texts depend on; a journal about something else is refused.
        outcomes: all that can be found in a text.

    Raises:
        DataError: it is about something else, or no journal.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], outcomes: Set[str]) -> None:
        self._about = about
        self._outcomes = outcomes
        self._entries: dict[str, dict[Place, Entry]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read(path)
        self._lines = JsonLines(path)
        self._lines.cut_rows(self._lines.num_rows())  # what a kill left of a last line
        if not self._lines.size:
            self._lines.append({"about": dict(about)})

    def _read(self, path: Path) -> None:
        rows = _rows(path)
        head = next(rows, None)
        if head is None:
            return
        if "about" not in head or not isinstance(head["about"], dict):
            raise DataError(f"{path} is no journal: choose another file")
        if keys := differing_keys(head["about"], self._about):
            there, here = flatten(head["about"]), flatten(self._about)
            key = keys[0]
            raise DataError(
                f"{path} is about something else: {key} is {there.get(key)} there, {here.get(key)} here: "
                "choose another file, or remove it to ask anew"
            )
        for row in rows:
            try:
                place = Place(row["problem"], row["part"], row["redraw"], row["index"])
                entry = Entry(row["outcome"], row["reason"], row["num_tokens"])
            except KeyError as error:
                raise DataError(f"{path} has a row without {error}: remove the file to ask anew") from error
            if entry.outcome not in self._outcomes:
                raise DataError(f"{path} has an outcome {entry.outcome}: remove the file to ask anew")
            self._entries.setdefault(place.problem, {})[place] = entry

    def drawn(self, problem: str, part: int, redraw: int) -> Set[int]:
        """Indices of the texts that are there."""
        return {p.index for p in self._entries.get(problem, {}) if (p.part, p.redraw) == (part, redraw)}

    def of(self, problem: str) -> Iterator[tuple[Place, Entry]]:
        """All that is known of a problem."""
        yield from self._entries.get(problem, {}).items()

    def add(self, place: Place, entry: Entry) -> None:
        """Write an entry down; it outlives the process from here on."""
        self._entries.setdefault(place.problem, {})[place] = entry
        self._lines.append(_row(place, entry))

    def sync(self) -> None:
        """Outlive the machine too."""
        self._lines.sync()

    def finish(self) -> None:
        """Put the rows in order, in one step: the file is as it was, or in order."""
        path = self._lines.path
        unfinished = path.with_name(path.name + ".part")
        with guard_writes(path), unfinished.open("wb") as file:
            file.write(encode({"about": dict(self._about)}))
            for problem in sorted(self._entries):
                for place, entry in sorted(self._entries[problem].items(), key=lambda item: item[0]):
                    file.write(encode(_row(place, entry)))
            file.flush()
            os.fsync(file.fileno())
        with guard_writes(path):
            unfinished.replace(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from read_rows(path)
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): remove it to ask anew") from error


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
