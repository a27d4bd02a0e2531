"""Data sets on the Hugging Face hub: paths, revisions, and which files of a data set are a split.

A path is `owner/name`, `owner/name:SPLIT`, `hf://owner/name/FILE` or `hf://owner/name/PATTERN`, where PATTERN
is a file path with `*`. After the name, `@REVISION` pins a branch, a tag or a commit, as in
`owner/name@1cdedc5:test`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol

from or1.errors import DataError

PREFIX = "hf://"
_NAME = re.compile(r"(?P<dataset>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<split>\w+))?")
_FILE = re.compile(r"hf://(?P<dataset>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w.-]+))?/(?P<pattern>.+)")
_SPLITS = {"train": ("train",), "heldout": ("test", "validation", "valid", "val", "dev", "eval")}
_OTHER_FILES = frozenset(
    ("dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json", "config.json")
)
"""JSON files that describe a data set and hold no rows."""
_USUAL_FOLDERS = (".", "data", "main", "default", "all")
_COMMIT = re.compile(r"/snapshots/([0-9a-f]{40})/")


class Hub(Protocol):
    """A source of data sets by name, `owner/name`; revision None = the newest."""

    def list_files(self, dataset: str, revision: str | None) -> Sequence[str]:
        """Paths of all files of a data set."""
        ...

    def fetch(self, dataset: str, file: str, revision: str | None) -> Path:
        """Local copy of one file."""
        ...


class HuggingFaceHub:
    """The Hugging Face hub, with its cache; a data set's own loading code is never run."""

    def list_files(self, dataset: str, revision: str | None) -> Sequence[str]:
        from httpx2 import HTTPError
        from huggingface_hub import HfApi, snapshot_download

        try:
            # one request without the retries of list_repo_files: a hub that is away is said at once
            found = HfApi().dataset_info(dataset, revision=revision).siblings or []
            return [file.rfilename for file in found]
        except (OSError, ValueError, HTTPError) as error:
            try:  # without a network: the files of an earlier download
                folder = Path(
                    snapshot_download(dataset, repo_type="dataset", revision=revision, local_files_only=True)
                )
            except (OSError, ValueError, HTTPError):
                raise _unreachable(dataset, error) from error
        return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]

    def fetch(self, dataset: str, file: str, revision: str | None) -> Path:
        from httpx2 import HTTPError
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))
        except (OSError, ValueError, HTTPError) as error:
            raise _unreachable(f"{dataset}/{file}", error) from error


@dataclass
class RecordingHub:
    """A hub that records which commit of each data set was read."""

    hub: Hub
    commits: dict[str, str] = field(default_factory=dict)
    """Data set -> commit, for files out of the hub's cache."""

    def list_files(self, dataset: str, revision: str | None) -> Sequence[str]:
        return self.hub.list_files(dataset, revision)

    def fetch(self, dataset: str, file: str, revision: str | None) -> Path:
        path = self.hub.fetch(dataset, file, revision)
        if found := _COMMIT.search(path.as_posix()):
            self.commits[dataset] = found[1]
        return path


@dataclass(frozen=True, slots=True)
class HubPath:
    """A path on the hub."""

    dataset: str
    revision: str | None
    pattern: str | None
    """File path with `*`; None = by split."""
    split: str | None
    """Name of a split; None = as the reader wants."""

    @staticmethod
    def parse(path: str, is_data_file: Callable[[str], bool]) -> HubPath | None:
        """None: no path on the hub.

        Args:
            path: as in a recipe.
            is_data_file: whether a name ends like a file that can be read; such a name is a local file's.

        Raises:
            DataError: `hf://` without a file.

        >>> HubPath.parse("hf://owner/name@v2/data/code-*.parquet", str.isdigit)
        HubPath(dataset='owner/name', revision='v2', pattern='data/code-*.parquet', split=None)
        """
        if path.startswith(PREFIX):
            if (found := _FILE.fullmatch(path)) is None:
                raise DataError(
                    f"{path} names no file: write {PREFIX}owner/name/path/to/file.jsonl, or owner/name alone"
                )
            return HubPath(found["dataset"], found["revision"], found["pattern"], None)
        found = _NAME.fullmatch(path)
        if found is None or is_data_file(path):
            return None
        return HubPath(found["dataset"], found["revision"], None, found["split"])

    def __str__(self) -> str:
        return self.dataset + (f"@{self.revision}" if self.revision else "")

    def files(self, hub: Hub, split: str, suffixes: Sequence[str], setting: str) -> list[Path]:
        """Local copies of the files behind the path, in the order of their names.

        Args:
            hub: where they come from.
            split: "train" or "heldout", where the path names no split.
            suffixes: of the files that can be read.
            setting: what gave the path, for error messages.

        Raises:
            DataError: no such file, or several parts of a data set to choose from.
        """
        if self.pattern is not None and not _has_wildcard(self.pattern):
            return [hub.fetch(self.dataset, self.pattern, self.revision)]
        listed = sorted(
            file for file in hub.list_files(self.dataset, self.revision) if _holds_rows(file, suffixes)
        )
        if self.pattern is None:
            chosen = choose_files(listed, self.split or split, str(self), setting)
        else:
            chosen = [file for file in listed if fnmatchcase(file, self.pattern)]
        if not chosen:
            wanted = self.pattern or f"{self.split or split} file"
            names = ", ".join(f"{PREFIX}{self}/{part}" for part in list(_parts(listed))[:6])
            remedy = f"set {setting} to one of {names}" if names else "it holds no file that can be read"
            raise DataError(f"{self} has no {wanted}: {remedy}")
        return [hub.fetch(self.dataset, file, self.revision) for file in chosen]


def choose_files(files: Sequence[str], split: str, dataset: str, setting: str) -> list[str]:
    """The files of one split.

    Where no file names the split "train", it is the files that name no other split; where none is a held-out
    split, it is the data set's only part (AIME 2024 calls its problems "train").

    Args:
        files: paths of the files that can be read.
        split: "train", "heldout" (its test or validation part), or a name that stands in the files' paths.
        dataset: its name, for error messages.
        setting: what gave the name, for error messages.

    Raises:
        DataError: several parts to choose from.

    >>> choose_files(["data/test-0.parquet", "data/train-0.parquet"], "train", "owner/name", "data.path")
    ['data/train-0.parquet']
    """
    found: list[str] = []
    for word in _SPLITS.get(split, (split,)):
        found = found or [file for file in files if word in _words(file)]
    if not found and split == "train":
        others = {word for words in _SPLITS.values() for word in words}
        found = [file for file in files if not others & _words(file)]
    if not found and split == "heldout" and len(_parts(files)) == 1:
        found = list(files)
    parts = _parts(found)
    for folder in _USUAL_FOLDERS:
        usual = {
            part: inside
            for part, inside in parts.items()
            if str(PurePosixPath(part).parent).lower() == folder
        }
        if usual:
            parts = usual
            break
    if len(parts) > 1:
        choice = ", ".join(f"{PREFIX}{dataset}/{part}" for part in list(parts)[:6])
        raise DataError(f"{dataset} has several {split} parts: set {setting} to one of {choice}")
    return [file for inside in parts.values() for file in inside]


def _parts(files: Sequence[str]) -> dict[str, list[str]]:
    """Pattern -> files that differ only in the numbers of their shards or later additions."""
    parts: dict[str, list[str]] = {}
    for file in files:
        path = PurePosixPath(file)
        shard = re.sub(r"-\d{5}-of-\d{5}(?=\.)", "-*", path.name)
        parts.setdefault(str(path.with_name(shard)), []).append(file)
    merged: dict[str, list[str]] = {}
    for part, inside in parts.items():
        # test.jsonl, test2.jsonl, ...: later additions to one split
        whole = re.sub(r"(?<=[a-z])\d{1,2}(?=\.\w+$)", "", part)
        merged.setdefault(whole if whole in parts else part, []).extend(inside)
    return {
        (part if len(inside) == 1 or "*" in part else _starred(part)): inside
        for part, inside in merged.items()
    }


def _starred(part: str) -> str:
    path = PurePosixPath(part)
    return str(path.with_name(f"{path.stem}*{path.suffix}"))


def _words(file: str) -> set[str]:
    """Words of a path in small letters, without numbers at their ends."""
    return {word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", file.lower())}


def _holds_rows(file: str, suffixes: Sequence[str]) -> bool:
    name = PurePosixPath(file).name
    return name.endswith(tuple(suffixes)) and name not in _OTHER_FILES and not name.startswith(".")


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _unreachable(what: str, error: Exception) -> DataError:
    lines = str(error).splitlines()
    cause = f"{type(error).__name__}: {lines[0] if lines else ''}"
    return DataError(
        f"{what} cannot be loaded from the hub ({cause[:200]}): check the name, or give a local file instead"
    )
