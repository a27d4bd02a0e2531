"""Data sets that `or1 curate` made: problems as they were kept, with their golds, difficulty and weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from or1.errors import DataError
from or1.storage.manifest import MANIFEST, PROBLEMS, checked_manifest, is_data_set, read_manifest
from or1.tasks.chat import chat_of
from or1.tasks.rows import Row, read_rows
from or1.types import Problem


def is_curated(path: str | None) -> bool:
    """Is this a data set of `or1 curate` in or1's own columns? Other layouts are read as any file is."""
    folder = Path(path or "").expanduser()
    folder = folder.parent if folder.name == MANIFEST else folder
    if path is None or not folder.is_dir() or not is_data_set(folder):
        return False
    config = read_manifest(folder).config
    return "write" in config and config["write"]["layout"] == "or1"


@dataclass(frozen=True)
class CuratedTask:
    """The problems of one kind of a curated data set."""

    path: str
    """Folder with `manifest.json` and `data`."""
    name: str
    """The kind: math or code."""
    num_problems: int | None = None
    """This many from the start [problems]; None = all."""
    instruction: str = ""
    """Appended to each question after a newline."""
    weights: dict[str, float] = field(default_factory=dict)
    """Problem id -> copies in each epoch's order, known once the problems have been read."""

    def problems(self) -> Sequence[Problem]:
        """The problems of this kind, in the order of the files.

        Raises:
            DataError: a file was changed, lost or added, or there is no problem of this kind.
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

    def _weighed(self) -> Iterator[tuple[Problem, float]]:
        folder = Path(self.path).expanduser()
        folder = folder.parent if folder.name == MANIFEST else folder
        files = [folder / name for name in checked_manifest(folder).files(PROBLEMS)]
        for file in files:
            for row in read_rows(file):
                if row.content["task"] == self.name:
                    yield self._problem(row), float(row.content["weight"])

    def _problem(self, row: Row) -> Problem:
        prompt = chat_of(row, row.content["prompt"], self.instruction)
        counts = json.loads(row.content["difficulty_json"])
        problem = Problem.make(self.name, prompt, json.loads(row.content["gold_json"]), row.content["source"])
        return replace(problem, difficulty={model: (right, num) for model, (right, num) in counts.items()})
