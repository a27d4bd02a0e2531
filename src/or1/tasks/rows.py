"""Rows of problem files, on disk or on the hub: JSON lines (also gzipped), JSON lists and parquet."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal, Protocol

from or1.errors import DataError
from or1.storage.manifest import MANIFEST, PROBLEMS, checked_manifest, is_data_set

SUFFIXES = (".jsonl", ".json", ".parquet", ".jsonl.gz")
_HUB_PREFIX = "hf://"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_SPLIT_WORDS = {"train": ("train",), "heldout": ("test", "validation", "valid", "dev")}
_USUAL_FOLDERS = (".", "data", "main", "default")


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands, as error messages name it."""

    place: str
    """`FILE line 7`"""
    content: dict[str, Any]
    source: str = ""
    """Where the file comes from: its data set or its folder."""
    file_stem: str = ""
    """The file's name without its suffix."""


class Hub(Protocol):
    """A source of data sets by name, `owner/name`."""

    def fetch(self, dataset: str, file: str) -> Path:
        """Local copy of one file."""
        ...

    def fetch_matching(self, dataset: str, patterns: Sequence[str]) -> Path:
        """Local folder with the files whose paths match one of the patterns."""
        ...


class HuggingFaceHub:
    """The Hugging Face hub, with its cache; a data set's own loading code is never run."""

    def fetch(self, dataset: str, file: str) -> Path:
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(dataset, file, repo_type="dataset"))
        except (OSError, ValueError) as error:
            raise _unreachable(f"{dataset}/{file}", error) from error

    def fetch_matching(self, dataset: str, patterns: Sequence[str]) -> Path:
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(dataset, repo_type="dataset", allow_patterns=list(patterns)))
        except (OSError, ValueError) as error:
            raise _unreachable(dataset, error) from error


def find_files(
    path: str, split: Literal["train", "heldout"], hub: Hub, setting: str = "data.path"
) -> list[Path]:
    """The local files behind a path: a file, a data set of `or1 curate`, `hf://owner/name/path/to/file`, or a
    data set's name on the hub.

    All files of a data set with a manifest are compared with it, also when the path names one of them. Errors
    name `setting` as what gave the path.

    Raises:
        DataError: nothing there, a format that cannot be read, a data set with several such parts, or one
            with a file that was changed, lost or added.
    """
    local = Path(path).expanduser()
    if local.name == MANIFEST and is_data_set(local.parent):
        local = local.parent
    if local.is_dir():
        if not is_data_set(local):
            raise DataError(
                f"{path} is a folder and no data set of or1 curate: name one file ({', '.join(SUFFIXES)})"
            )
        return [local / file for file in checked_manifest(local).files(PROBLEMS)]
    if local.exists():
        _check_suffix(path)
        for folder in local.absolute().parents[:2]:  # files lie in the data set's folder, or one below it
            if is_data_set(folder):
                checked_manifest(folder)
        return [local]
    if path.startswith(_HUB_PREFIX):
        _check_suffix(path)
        owner, _, rest = path.removeprefix(_HUB_PREFIX).partition("/")
        name, _, file = rest.partition("/")
        if not file:
            raise DataError(f"{path} names no file: write {_HUB_PREFIX}owner/name/path/to/file.jsonl")
        return [hub.fetch(f"{owner}/{name}", file)]
    if _HUB_NAME.fullmatch(path) and not path.endswith(SUFFIXES):
        return _files_of_split(path, split, hub, setting)
    raise DataError(f"problem file {path} does not exist: check {setting} (from {Path.cwd()})")


def read_rows(file: Path, *, half_characters: bool = False) -> Iterator[Row]:
    """The rows of one file, in order.

    Args:
        file: with one of `SUFFIXES`.
        half_characters: let through rows with halves of surrogate pairs, for who asks `require_characters`.

    Raises:
        DataError: unreadable, not what its suffix says, or without rows.
    """
    readers = {".jsonl": _read_json_lines, ".gz": _read_json_lines, ".json": _read_json_list}
    reader = {**readers, ".parquet": _read_parquet}[file.suffix]
    empty = True
    try:
        for row in reader(file):
            empty = False
            if not half_characters and file.suffix != ".parquet":  # which holds characters alone
                require_characters(row)
            yield row
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error}): fix or replace it") from error
    if empty:
        raise DataError(f"{file} holds no problems: it is empty")


def require_characters(row: Row) -> None:
    """Raises DataError: half of a surrogate pair, which JSON can say, is no character: no file holds it."""
    try:
        json.dumps(row.content, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{row.place}: half a character ({error.object[error.start]!a}): fix it") from error
    except RecursionError as error:
        raise DataError(f"{row.place}: nested too deeply to be read: fix or remove it") from error


def _check_suffix(path: str) -> None:
    if not path.endswith(SUFFIXES):
        raise DataError(f"{path} is no format that can be read: convert it to one of {', '.join(SUFFIXES)}")


def _files_of_split(dataset: str, split: Literal["train", "heldout"], hub: Hub, setting: str) -> list[Path]:
    for word in _SPLIT_WORDS[split]:
        patterns = [
            f"{where}{word}{rest}*{suffix}"
            for suffix in SUFFIXES
            for where in ("", "*/")
            for rest in ("", "/")
        ]
        folder = hub.fetch_matching(dataset, patterns)
        found = sorted(
            file.relative_to(folder)
            for file in folder.rglob("*")
            if file.name.endswith(SUFFIXES) and (file.name.startswith(word) or file.parent.name == word)
        )
        parts = sorted({file.parent for file in found})
        usual = [part for part in parts if str(part) in _USUAL_FOLDERS]
        chosen = usual[:1] or (parts if len(parts) == 1 else [])
        if chosen:
            return [folder / file for file in found if file.parent == chosen[0]]
        if found:
            choice = ", ".join(f"{_HUB_PREFIX}{dataset}/{file.as_posix()}" for file in found[:4])
            raise DataError(f"{dataset} has several {split} parts: set {setting} to one of {choice}")
    raise DataError(
        f"{dataset} has no {split} file that can be read: set {setting} to {_HUB_PREFIX}{dataset}/FILE"
    )


def _read_json_lines(file: Path) -> Iterator[Row]:
    try:
        with _open_bytes(file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    place = f"{file} line {number}"
                    yield _row(file, "line", number, _parsed(place, _text(place, line)))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be unpacked ({error}): fetch it again") from error


def _open_bytes(file: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def _text(place: str, content: bytes) -> str:
    """Text from bytes, without the mark that some editors put in front."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 text ({error.reason}): convert it") from error


def _read_json_list(file: Path) -> Iterator[Row]:
    content = _parsed(str(file), _text(str(file), file.read_bytes()))
    if not isinstance(content, list):
        raise DataError(f"{file} holds no list of problems: write one problem a line into a .jsonl file")
    for number, each in enumerate(content, start=1):
        yield _row(file, "entry", number, each)


def _read_parquet(file: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            number = 0
            for batch in table.iter_batches():
                for each in batch.to_pylist():
                    number += 1
                    yield _row(file, "row", number, each)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{file} is not a parquet file: {str(error).splitlines()[0]}") from error
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{file} is damaged: {str(error).splitlines()[0]}: fetch it again") from error


def _parsed(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON ({error}): fix or remove it") from error
    except RecursionError as error:
        raise DataError(f"{place}: nested too deeply to be read: fix or remove it") from error
    except ValueError as error:  # a number of more digits than Python converts
        raise DataError(f"{place}: cannot be read ({error}): write the number as text") from error


def _row(file: Path, kind: str, number: int, content: Any) -> Row:
    place = f"{file} {kind} {number}"
    if not isinstance(content, dict):
        raise DataError(f"{place}: a {type(content).__name__} where an object with named fields is needed")
    return Row(place, content, file.absolute().parent.name, file.stem)


def _unreachable(what: str, error: Exception) -> DataError:
    lines = str(error).splitlines()
    cause = f"{type(error).__name__}: {lines[0] if lines else ''}"
    return DataError(
        f"{what} cannot be loaded from the hub ({cause[:200]}): check the name, or give a local file instead"
    )
