"""A lab that is killed twice ends with the results of one that was left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from or1.lab.results import RunResult, read_results
from tests.arch.source import ROOT

BASE = """
extends = "lab"
[[stages]]
max_response_tokens = 40
num_steps = 8
num_problems = 4
group_size = 4
[evaluation]
samples_per_problem = 1
[[evaluation.data]]
task = "arithmetic"
split = "heldout"
num_problems = 4
[checkpoint]
every = 2
"""
EXPERIMENT = """
title = "t"
question = "q"
source = "s"
base = "BASE"
steps = 8
[[arms]]
name = "a"
[[arms]]
name = "b"
set = { "stages.0.num_minibatches" = 2 }
"""


def start(folder: Path, out: str, jobs: int) -> subprocess.Popen[bytes]:
    words = ["lab", "run", str(folder / "own.toml"), "--seeds", "1", "--jobs", str(jobs)]
    words += ["--out", str(folder / out)]
    return subprocess.Popen([sys.executable, "-m", "or1", *words], cwd=ROOT)


def num_rows(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("runs/*/metrics.jsonl"))


def numbers(results: dict[str, RunResult]) -> dict[str, object]:
    """Without seconds, and without the commit, which changes while someone works on the code."""
    return {key: (each.scores, each.series) for key, each in results.items()}


@pytest.mark.slow
def test_killed_twice_the_results_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "own.toml").write_text(EXPERIMENT.replace("BASE", str(tmp_path / "base.toml")))
    for rows in (7, 13):  # of 2 x (8 steps + 4 evaluations)
        lab = start(tmp_path, "killed", 2)
        while num_rows(tmp_path / "killed") < rows:
            assert lab.poll() is None
            time.sleep(0.01)
        lab.send_signal(signal.SIGKILL)
        lab.wait()
        assert len(read_results(tmp_path / "killed" / "results")) < 2
    assert start(tmp_path, "killed", 2).wait() == 0
    assert start(tmp_path, "whole", 1).wait() == 0  # one process makes one run after the other
    killed, whole = (read_results(tmp_path / out / "results") for out in ("killed", "whole"))
    assert len(whole) == 2
    assert numbers(killed) == numbers(whole)
