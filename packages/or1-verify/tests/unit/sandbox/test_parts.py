"""Small parts of the sandbox, by hand."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.sandbox import Level, Limits, scratch
from or1_verify.sandbox.streams import Frames, Output, sealed
from or1_verify.sandbox.types import MAX_FRAME_BYTES
from or1_verify.sandbox.users import first_of


def test_weak_levels_are_not_fit_for_training() -> None:
    assert [level.fit_for_training for level in sorted(Level)] == [False, False, True, True, True]


@pytest.mark.parametrize(
    "wrong", [{"cpu_s": 0.0}, {"wall_s": -1.0}, {"memory_bytes": 0}, {"output_bytes": 0}]
)
def test_limits_are_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Limits(**wrong)  # type: ignore[arg-type]


@given(frames=st.lists(st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_frames_come_out_whole_however_they_were_cut(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    reader, found = Frames(), []
    for place in range(len(stream)):
        size = cuts[place % len(cuts)]
        reader.add(stream[:size])
        stream = stream[size:]
        while reader.complete:
            found.append(reader.take())
    assert found == frames


def test_a_frame_is_too_long_by_its_header_alone() -> None:
    for size, expected in ((MAX_FRAME_BYTES, False), (MAX_FRAME_BYTES + 1, True)):
        reader = Frames()
        reader.add(size.to_bytes(4, "big"))
        assert (reader.too_long, reader.complete) == (expected, False)


def test_output_keeps_its_beginning_or_its_end() -> None:
    start, end = Output(6, 6, keep_end=False), Output(6, 3, keep_end=True)
    for piece in (b"abcd", b"ef", b"gh"):
        start.add(piece)
        end.add(piece)
    assert (start.content, end.content) == (b"abcdef", b"fgh")
    assert start.too_long
    exact = Output(2, 2, keep_end=False)
    exact.add(b"ab")
    assert not exact.too_long


def test_what_a_program_is_given_cannot_be_changed() -> None:
    descriptor = sealed(b"given")
    assert os.read(descriptor, 10) == b"given"
    for act in (lambda: os.pwrite(descriptor, b"x", 0), lambda: os.ftruncate(descriptor, 0)):
        with pytest.raises(PermissionError):
            act()
    os.close(descriptor)


def test_users_of_two_fork_servers_never_meet() -> None:
    for highest in (2**32 - 2, 65_535):
        firsts = [first_of(pid, highest) for pid in range(2, 400)]
        known = [first for first in firsts if first is not None]
        assert len(known) == len(firsts)
        assert all(b - a == 64 for a, b in itertools.pairwise(known))
        assert all(first > 0 and first + 63 <= highest for first in known)
    assert first_of(2, 0) is None, "root over itself alone"


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
