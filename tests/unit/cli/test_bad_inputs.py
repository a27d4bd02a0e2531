"""Every bad input is one line on stderr and exit code 2; nothing is written, changed or left behind."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

from or1.cli.app import dispatch, guarded
from tests.unit.cli.bad_inputs import CASES, make_world

COMMANDS = [(words, part) for cases in CASES.values() for words, part in cases]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files, in the working directory; a command that is refused leaves them as they are."""
    folder = tmp_path_factory.mktemp("world")
    make_world(folder)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file; the lock of a run folder may be taken."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        if path.is_file()
        else (0, 0)
        for path in folder.rglob("*")
        if path.name != "lock" and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(("words", "part"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_one_line_and_nothing_written(
    words: str, part: str, world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # the hub reads the variable when it is imported
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = listing(world)
    code = guarded(lambda: dispatch(shlex.split(words, posix=False)))
    lines = capsys.readouterr().err.splitlines()
    if listing(world) != before:
        changed = dict(set(listing(world).items()) ^ set(before.items()))
        pytest.fail(f"{words}: files changed: {sorted(changed)}")
    assert code == 2, lines
    if len(words.split()) > 1 or words == "train":
        assert len(lines) == 1, lines
        assert part in lines[0]
        assert "Traceback" not in lines[0]


def test_there_are_enough_of_each_command() -> None:
    assert all(CASES.values())
    assert len(COMMANDS) >= 140
