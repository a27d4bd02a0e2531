"""Rows of problem files, on disk or on the hub: JSON lines and JSON lists (also gzipped), parquet and CSV."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

from or1.errors import DataError, first_line
from or1.storage.manifest import MANIFEST, PROBLEMS, checked_manifest, is_data_set
from or1.tasks.hub import Hub, HubPath

SUFFIXES = (".jsonl", ".json", ".parquet", ".csv", ".jsonl.gz", ".json.gz")


def is_data_file(path: str) -> bool:
    """Does a name end like a file of rows?"""
    return path.endswith(SUFFIXES)


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


def find_files(
    path: str, split: Literal["train", "heldout"], hub: Hub, setting: str = "data.path"
) -> list[Path]:
    """The local files behind a path: a file, a pattern with `*`, a data set of `or1 curate`, or a path on the
    hub (`or1.tasks.hub`).

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
    if (on_hub := HubPath.parse(path, is_data_file)) is not None:
        return on_hub.files(hub, split, SUFFIXES, setting)
    if found := sorted(
        file for file in Path(local.anchor).glob(str(local.relative_to(local.anchor))) if file.is_file()
    ):
        return [file for each in found for file in find_files(str(each), split, hub, setting)]
    raise DataError(f"problem file {path} does not exist: check {setting} (from {Path.cwd()})")


def read_rows(file: Path, *, half_characters: bool = False) -> Iterator[Row]:
    """The rows of one file, in order.

    Args:
        file: with one of `SUFFIXES`.
        half_characters: let through rows with halves of surrogate pairs, for who asks `require_characters`.

    Raises:
        DataError: unreadable, not what its suffix says, or without rows.
    """
    reader = next(read for suffix, read in _READERS.items() if file.name.endswith(suffix))
    empty = True
    try:
        for row in reader(file):
            empty = False
            if not half_characters and file.suffix != ".parquet":  # which holds characters alone
                require_characters(row)
            yield row
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be unpacked ({error}): fetch it again") from error
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
    if not is_data_file(path):
        raise DataError(f"{path} is no format that can be read: convert it to one of {', '.join(SUFFIXES)}")


def _read_json_lines(file: Path) -> Iterator[Row]:
    with _open_bytes(file) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                place = f"{file} line {number}"
                yield _row(file, "line", number, _parsed(place, _text(place, line)))


def _open_bytes(file: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def _text(place: str, content: bytes) -> str:
    """Text from bytes, without the mark that some editors put in front."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 text ({error.reason}): convert it") from error


def _read_json_list(file: Path) -> Iterator[Row]:
    with _open_bytes(file) as all_bytes:
        content = _parsed(str(file), _text(str(file), all_bytes.read()))
    if not isinstance(content, list):
        raise DataError(f"{file} holds no list of problems: write one problem a line into a .jsonl file")
    for number, each in enumerate(content, start=1):
        yield _row(file, "entry", number, each)


def _read_csv(file: Path) -> Iterator[Row]:
    """Rows of texts, by the names in the first line."""
    csv.field_size_limit(1 << 27)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, content in enumerate(
                csv.DictReader(lines, restkey="more", restval="", strict=True), start=2
            ):
                yield _row(file, "row", number, dict(content))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{file} is not a CSV file ({error}): fix or convert it") from error


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
        raise DataError(f"{file} is not a parquet file: {first_line(error)}") from error
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{file} is damaged: {first_line(error)}: fetch it again") from error


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


_READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _read_json_lines,
    ".jsonl.gz": _read_json_lines,
    ".json": _read_json_list,
    ".json.gz": _read_json_list,
    ".parquet": _read_parquet,
    ".csv": _read_csv,
}
