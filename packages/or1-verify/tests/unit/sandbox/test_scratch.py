"""Scratch directories: private, limited, and empty for the next program."""

from __future__ import annotations

import os
from pathlib import Path

from or1_verify.sandbox import scratch
from or1_verify.sandbox.scratch import DiskScratch, TmpfsScratch


def test_a_slot_gets_its_directory_again_and_empty(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    dirs = DiskScratch(str(home))
    first, second = (Path(dirs.prepare(slot, None, 1 << 20)) for slot in (0, 1))
    assert first != second
    assert first.stat().st_mode & 0o777 == 0o700
    (first / "file").write_text("x")
    (second / "file").write_text("x")
    dirs.clear(0)
    assert list(first.iterdir()) == []
    assert list(second.iterdir()) == [second / "file"], "another slot is not touched"
    assert dirs.prepare(0, None, 1 << 20) == str(first)
    dirs.remove()
    assert not home.exists()


def test_a_tmpfs_is_mounted_below_the_path_of_its_landlock_rule() -> None:
    dirs = TmpfsScratch()
    assert Path(dirs._path(3)).parent == Path(dirs.anchor(3))
    assert dirs.anchor(3) != dirs.anchor(4)


def test_a_scratch_dir_is_emptied_however_deep(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    scratch_dir = tmp_path / "scratch_dir"
    scratch_dir.mkdir()
    (scratch_dir / "link").symlink_to(outside)
    (scratch_dir / "closed").mkdir(0)
    (scratch_dir / "file").write_text("x")
    here = Path.cwd()
    try:
        os.chdir(scratch_dir)
        for _ in range(1500):
            Path("deeper").mkdir()
            os.chdir("deeper")
            Path("file").touch()
    finally:
        os.chdir(here)
    scratch.empty(str(scratch_dir))
    assert list(scratch_dir.iterdir()) == []
    assert (outside / "kept").read_text() == "kept"


def test_no_name_in_a_scratch_dir_is_in_the_way_of_emptying_it(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f".or1-{number}").write_text("a file where a folder would be moved to")
        (tmp_path / f"folder-{number}" / "inner").mkdir(parents=True)
    scratch.empty(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_dir_is_overfull_by_number_or_by_size(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(scratch.MAX_ENTRIES - 1):
        (folder / str(number)).touch()
    assert not scratch.overfull(str(tmp_path), 1 << 20), "the folder counts too"
    (folder / "one more").touch()
    assert scratch.overfull(str(tmp_path), 1 << 20)
    big = tmp_path / "big"
    big.mkdir()
    (big / "file").write_bytes(bytes(4096 * 5))
    assert scratch.overfull(str(big), 4096)
    assert not scratch.overfull(str(big), 4096 * 2)
