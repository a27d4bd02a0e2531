"""Base of the tasks whose problems are rows of a file or a data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from or1.config import DataColumnsConfig
from or1.tasks.difficulty import recorded_difficulty
from or1.tasks.hub import Hub, HuggingFaceHub
from or1.tasks.rows import Row, find_files, read_rows
from or1.types import Problem


@dataclass(frozen=True)
class FileTask(ABC):
    """Problems of one file or data set, one for each row."""

    path: str
    """File, `hf://owner/name/path/to/file`, or the name of a data set on the hub."""
    split: Literal["train", "heldout"] = "train"
    """Which files of a data set on the hub; a path to a file ignores it."""
    num_problems: int | None = None
    """This many from the start [problems]; None = all."""
    instruction: str = ""
    """Appended to each question after a newline."""
    columns: DataColumnsConfig = field(default=DataColumnsConfig())
    """Columns by other names."""
    hub: Hub = field(default_factory=HuggingFaceHub)

    def problems(self) -> Sequence[Problem]:
        """The problems, in the order of the rows.

        Raises:
            DataError: no such file, a format that cannot be read, a row without question or gold.
        """
        files = find_files(self.path, self.split, self.hub)
        rows = (row for file in files for row in read_rows(file))
        return [
            replace(self._problem(row), difficulty=recorded_difficulty(row.content.get("extra_info")))
            for row in islice(rows, self.num_problems)
        ]

    @abstractmethod
    def _problem(self, row: Row) -> Problem: ...
