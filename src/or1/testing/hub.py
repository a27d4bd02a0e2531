"""Hubs without a network: files of a folder, and names that were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FolderHub:
    """A hub in a folder: ROOT/owner/name/..., a pinned revision under ROOT/owner/name@REVISION/..."""

    root: Path

    def list_files(self, dataset: str, revision: str | None) -> Sequence[str]:
        folder = self._folder(dataset, revision)
        return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]

    def fetch(self, dataset: str, file: str, revision: str | None) -> Path:
        return self._folder(dataset, revision) / file

    def _folder(self, dataset: str, revision: str | None) -> Path:
        return self.root / (dataset if revision is None else f"{dataset}@{revision}")


@dataclass(frozen=True)
class ListedHub:
    """A hub that knows the names of its files and not their content.

    Raises:
        FileNotFoundError: a data set or a file that is not listed.
    """

    listed: Mapping[str, Sequence[str]]
    """Data set -> its files."""

    def list_files(self, dataset: str, revision: str | None) -> Sequence[str]:
        if dataset not in self.listed:
            raise FileNotFoundError(dataset)
        return self.listed[dataset]

    def fetch(self, dataset: str, file: str, revision: str | None) -> Path:
        if file not in self.list_files(dataset, revision):
            raise FileNotFoundError(f"{dataset}/{file}")
        return Path(dataset, file)
