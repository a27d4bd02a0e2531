"""The work folder of a curation: one file per stage and batch, each written whole or not at all.

After a kill every file in it is whole, so the next run skips the batches that have a file.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from or1.curate.records import Decision, Record, decisions_from, from_rows
from or1.storage.atomic import replacing, write_json
from or1.storage.folder import LOCK, Folder
from or1.storage.settings import differing_keys, require_same

READ = "read"
"""Stage whose files hold the records; those of every other stage hold decisions, or an index."""
_READ_DONE = f"{READ}/done.json"
"""Rows of each batch, once all sources have been read."""


class _WorkFolder(Folder):
    FILE = "state.json"
    KIND = "the work of a curation"


class Store:
    """Records and decisions by stage and batch number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, fingerprint: Mapping[str, Any]) -> Iterator[Self]:
        """Create or reopen the folder and lock it.

        Args:
            folder: made if it is not there.
            fingerprint: settings, inputs and versions that the results depend on.

        Raises:
            RunFolderError: in use, or of a curation with another fingerprint that has read all its sources.
        """
        store = cls(folder)
        wanted = json.loads(json.dumps(fingerprint))

        def describe(found: dict[str, Any] | None) -> Mapping[str, Any]:
            if store.is_read:
                require_same(
                    found or {},
                    wanted,
                    holder=f"{folder} holds the work of another curation",
                    remedy="choose another folder with --out, or remove the folder",
                )
            elif found is None or differing_keys(found, wanted):
                store.clear()  # not all sources were read, and the recipe or a source changed since
            return dict(wanted)

        with _WorkFolder.hold(folder, describe):
            yield store

    def clear(self) -> None:
        """Delete all but the lock."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def remove(self) -> None:
        """Delete the folder: its work is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self, name: str) -> Any:
        """A JSON file of the folder; None if it is not there."""
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def save(self, name: str, content: Any) -> None:
        """Replace a JSON file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)

    @property
    def is_read(self) -> bool:
        """Have all sources been read?"""
        return self.load(_READ_DONE) is not None

    def finish_reading(self, part_rows: Sequence[int]) -> None:
        """Write down the rows of each batch: all sources have been read."""
        self.save(_READ_DONE, {"part_rows": list(part_rows)})

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
        with replacing(path) as part_file:
            pq.write_table(table, part_file, compression="zstd")

    def write_mapped(self, stage: str, part: int, table: pa.Table) -> None:
        """One batch as an Arrow file, which `read_mapped` leaves on disk."""
        path = self.path(stage, part, "arrow")
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replacing(path) as part_file,
            pa.OSFile(str(part_file), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)

    def read(self, stage: str, part: int) -> pa.Table:
        return pq.read_table(self.path(stage, part))

    def read_mapped(self, stage: str, part: int) -> pa.Table:
        return pa.ipc.open_file(pa.memory_map(str(self.path(stage, part, "arrow")))).read_all()

    def decisions(self, stage: str, part: int) -> list[Decision]:
        """Decisions of a stage about a batch; none where it made none."""
        return decisions_from(self.read(stage, part)) if self.has(stage, part) else []

    def dropped(self, part: int, stages: tuple[str, ...]) -> set[int]:
        """Rows of a batch that one of the stages dropped."""
        return {d.row for stage in stages for d in self.decisions(stage, part) if d.drops}

    def alive(self, part: int, stages: tuple[str, ...]) -> list[Record]:
        """Records of a batch that none of the stages dropped."""
        dropped = self.dropped(part, stages)
        return from_rows(row for row in self.read(READ, part).to_pylist() if row["row"] not in dropped)
