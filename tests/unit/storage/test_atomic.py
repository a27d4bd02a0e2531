"""Atomic replacement: the old content or the new one, and nothing left beside it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from or1.storage.atomic import recover, replacing, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_the_old_content_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_failed_write_leaves_the_old_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fails() -> None:
        with replacing(path) as part:
            part.write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fails()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_replaces_a_folder_with_files(tmp_path: Path) -> None:
    path = tmp_path / "step"
    path.mkdir()
    (path / "only_in_the_old").write_text("1")
    with replacing(path) as part:
        part.mkdir()
        (part / "only_in_the_new").write_text("2")
    assert names(path) == ["only_in_the_new"]
    assert names(tmp_path) == ["step"]


def test_the_part_of_a_killed_process_with_this_id_is_not_taken_over(tmp_path: Path) -> None:
    """In a container the process id can be the same at every start."""
    left = tmp_path / f".step.{os.getpid()}.part"
    left.mkdir()
    (left / "left").write_text("1")
    with replacing(tmp_path / "step") as part:
        part.mkdir()
    assert names(tmp_path / "step") == []


@contextlib.contextmanager
def recorded() -> Iterator[list[str]]:
    """Names of everything flushed and renamed in the block, in order; a part is called `part`."""
    events: list[str] = []

    def name(path: Path) -> str:
        return "part" if path.suffix == ".part" else path.name

    def watch(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called is os.fsync:
            events.append(f"fsync {name(frame.f_locals['path'])}")
        elif event == "c_call" and called is os.replace:
            events.append(f"rename {name(frame.f_locals['self'])} {frame.f_locals['target'].name}")

    sys.setprofile(watch)
    try:
        yield events
    finally:
        sys.setprofile(None)


def write_text(part: Path) -> None:
    part.write_text("new")


def write_folder(part: Path) -> None:
    (part / "inside").mkdir(parents=True)
    (part / "inside" / "file").write_text("new")


@pytest.mark.parametrize(
    ("write", "parts"),
    [(write_text, ["fsync part"]), (write_folder, ["fsync inside", "fsync file", "fsync part"])],
)
def test_content_is_durable_before_the_rename_and_the_rename_after_it(
    tmp_path: Path, write: Callable[[Path], None], parts: list[str]
) -> None:
    with recorded() as events, replacing(tmp_path / "a") as part:
        write(part)
    assert events == [*parts, "rename part a", f"fsync {tmp_path.name}"]


def test_a_caller_can_flush_later(tmp_path: Path) -> None:
    with recorded() as events, replacing(tmp_path / "a", durable=False) as part:
        part.write_text("new")
    assert events == ["rename part a"]


def test_recovery_deletes_parts_and_restores_what_was_renamed(tmp_path: Path) -> None:
    for name in (".a.12.part", ".b.12.old", ".c.12.old", "c", "notes.part", ".d.part"):
        (tmp_path / name).mkdir()
    (tmp_path / ".b.12.old" / "content").write_text("1")
    (tmp_path / ".e.json.7.part").write_text("half")
    recover(tmp_path)
    # `b` was killed between its two renames; `c` after the second; the last two names are the user's
    assert names(tmp_path) == [".d.part", "b", "c", "notes.part"]
    assert names(tmp_path / "b") == ["content"]


def test_write_json_leaves_the_old_file_when_the_new_one_fails(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": 1, "b": float("nan")})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
