"""kill -9 in the middle of a measurement costs only what was under way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.arch.source import ROOT


def _run(path: Path, num_texts: int) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.fault.killed_difficulty", str(path), str(num_texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout


def test_killed_and_resumed_it_is_the_same_file(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    _, said = _run(whole, 0)
    num_rows = len(whole.read_bytes().splitlines())
    sizes = []
    for num_texts in (50, 90, 70):  # first look, first look again, later looks
        status, _ = _run(killed, num_texts)
        assert status == -signal.SIGKILL
        sizes.append(len(killed.read_bytes().splitlines()))
    assert 40 < sizes[0] < sizes[1] < sizes[2] < num_rows, "a kill cost what had been written"
    assert _run(killed, 0) == (0, said)
    assert killed.read_bytes() == whole.read_bytes()
