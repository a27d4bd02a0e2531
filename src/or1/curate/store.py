"""The work folder of a curation: one file per stage and batch, each written whole or not at all.

A killed run leaves nothing but whole files behind; the next one skips what is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from or1.curate.records import Decision, Record, decisions_from, from_rows
from or1.errors import RunFolderError
from or1.storage.folder import differing_keys, flatten

READ = "read"
"""Stage whose files hold the records; those of every other stage hold decisions, or an index."""
_STATE, _LOCK = "state.json", "lock"
_READ_DONE = f"{READ}/done.json"
"""Rows of each batch, once all sources have been read."""
_SHOWN = 60
"""Most characters of a setting in a message [characters]."""


class Store:
    """Records and decisions by stage and batch number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, fingerprint: Mapping[str, Any]) -> Iterator[Self]:
        """Take the folder, alone.

        Args:
            folder: made if it is not there.
            fingerprint: what the results depend on; a folder begun with another is refused.

        Raises:
            RunFolderError: in use, or of another curation.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunFolderError(
                    f"{folder} is in use by another curation: wait for it, or end it"
                ) from error
            store = cls(folder)
            begun = store.load(_STATE)
            changes = changes_of(begun or {}, json.loads(json.dumps(fingerprint)))
            if changes and store.load(_READ_DONE) is not None:
                raise RunFolderError(
                    f"{folder} holds the work of another curation ({changes[0]}): "
                    "give another --out, or remove the folder"
                )
            if changes:  # reading alone was begun, and a recipe or source was mended since
                store.clear()
                store.save(_STATE, dict(fingerprint))
            yield store

    def clear(self) -> None:
        """Delete all but the lock."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()

    def remove(self) -> None:
        """Delete the folder: its work is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self, name: str) -> Any:
        """A JSON file of the folder; None if it is not there."""
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def save(self, name: str, content: Any) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_text(
                json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1), encoding="utf-8"
            )

    @property
    def num_parts(self) -> int:
        """Batches of records; known once all sources have been read."""
        return len(self.part_rows)

    @property
    def part_rows(self) -> list[int]:
        """Rows of each batch."""
        return [int(size) for size in self.load(_READ_DONE)["part_rows"]]

    def rows(self, part: int) -> list[int]:
        """Numbers of the rows of a batch."""
        return [int(row) for row in pq.read_table(self.path(READ, part), columns=["row"])["row"].to_pylist()]

    def path(self, stage: str, part: int, suffix: str = "parquet") -> Path:
        return self.folder / stage / f"{part:06d}.{suffix}"

    def has(self, stage: str, part: int, suffix: str = "parquet") -> bool:
        return self.path(stage, part, suffix).is_file()

    def write(self, stage: str, part: int, table: pa.Table) -> None:
        """One batch of one stage as parquet."""
        path = self.path(stage, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            pq.write_table(table, unfinished, compression="zstd")

    def write_mapped(self, stage: str, part: int, table: pa.Table) -> None:
        """One batch as an Arrow file, which `read_mapped` leaves on disk."""
        path = self.path(stage, part, "arrow")
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replacing(path) as unfinished,
            pa.OSFile(str(unfinished), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)

    def read(self, stage: str, part: int) -> pa.Table:
        return pq.read_table(self.path(stage, part))

    def read_mapped(self, stage: str, part: int) -> pa.Table:
        return pa.ipc.open_file(pa.memory_map(str(self.path(stage, part, "arrow")))).read_all()

    def decisions(self, stage: str, part: int) -> list[Decision]:
        """What a stage said about a batch; nothing where it said nothing."""
        return decisions_from(self.read(stage, part)) if self.has(stage, part) else []

    def dropped(self, part: int, stages: tuple[str, ...]) -> set[int]:
        """Rows of a batch that one of the stages dropped."""
        return {d.row for stage in stages for d in self.decisions(stage, part) if d.drops}

    def alive(self, part: int, stages: tuple[str, ...]) -> list[Record]:
        """Records of a batch that none of the stages dropped."""
        dropped = self.dropped(part, stages)
        return from_rows(row for row in self.read(READ, part).to_pylist() if row["row"] not in dropped)


def changes_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`KEY is OLD there, NEW here` for each key that differs, in the order of the keys."""
    there, here = flatten(old), flatten(new)
    return [
        f"{key} is {_shown(there, key)} there, {_shown(here, key)} here" for key in differing_keys(old, new)
    ]


def _shown(values: Mapping[str, Any], key: str) -> str:
    return str(values[key])[:_SHOWN] if key in values else "not set"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside `path`, which takes its place, flushed to disk, when all went well."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
