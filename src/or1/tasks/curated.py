"""Data sets that `or1 curate` made: problems as they were kept, with their golds, difficulty and weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from or1.errors import DataError
from or1.protocols import Verifier
from or1.tasks.chat import chat_of
from or1.tasks.math import MathTask
from or1.tasks.rows import Row, read_rows
from or1.types import Outcome, Problem

MANIFEST = "manifest.json"
_COLUMNS = ("task", "prompt", "gold_json")


def is_curated(path: str | None) -> bool:
    """Is this the folder of a curated data set?"""
    return path is not None and (Path(path).expanduser() / MANIFEST).is_file()


@dataclass(frozen=True)
class CuratedTask:
    """The problems of one kind of a curated data set."""

    path: str
    """Folder with `manifest.json` and `data`."""
    name: str
    """The kind: math or code."""
    verifier: Verifier
    num_problems: int | None = None
    """The first so many [problems]; None = all."""
    instruction: str = ""
    """Appended to each question after a newline."""
    weights: dict[str, float] = field(default_factory=dict)
    """Problem id -> copies in each epoch's order, known once the problems have been read."""

    def problems(self) -> Sequence[Problem]:
        """The problems of this kind, in the order of the files.

        Raises:
            DataError: no data, columns of another layout, or no problem of this kind.
        """
        found = []
        for problem, weight in islice(self._weighed(), self.num_problems):
            self.weights[problem.id] = weight
            found.append(problem)
        if not found:
            raise DataError(
                f"{self.path} holds no {self.name} problems: remove it from data, or change data.task"
            )
        return found

    def validate(self, problem: Problem) -> bool:
        """Does the gold score 1 against itself? Programs were run when the data set was made."""
        if self.name != "math":
            return True
        ideal = MathTask("").verifier.ideal_response(problem)
        return self.verifier.verify(problem, ideal).outcome is Outcome.RIGHT

    def _weighed(self) -> Iterator[tuple[Problem, float]]:
        files = sorted((Path(self.path).expanduser() / "data").glob("*.parquet"))
        if not files:
            raise DataError(
                f"{self.path}/data holds no parquet files: make the data set again with or1 curate"
            )
        for file in files:
            for row in read_rows(file):
                if _checked(row)["task"] == self.name:
                    yield self._problem(row), float(row.content["weight"])

    def _problem(self, row: Row) -> Problem:
        prompt = chat_of(row, row.content["prompt"], self.instruction)
        counts = json.loads(row.content["difficulty_json"])
        problem = Problem.make(self.name, prompt, json.loads(row.content["gold_json"]), row.content["source"])
        return replace(problem, difficulty={model: (right, num) for model, (right, num) in counts.items()})


def _checked(row: Row) -> dict[str, Any]:
    missing = [name for name in _COLUMNS if name not in row.content]
    if missing:
        raise DataError(
            f'{row.place}: no column {missing[0]}: a folder is read with write.layout = "or1"; '
            "of the reference's layout name the file itself as data.path"
        )
    return row.content
