"""A lab that is killed twice ends with the results of one that was left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.arch.source import ROOT
from tests.small_lab import num_rows, numbers, write_experiment


def start(experiment: Path, out: Path, jobs: int) -> subprocess.Popen[bytes]:
    words = ["lab", "run", str(experiment), "--seeds", "1", "--jobs", str(jobs), "--out", str(out)]
    return subprocess.Popen([sys.executable, "-m", "or1", *words], cwd=ROOT)


@pytest.mark.slow
def test_killed_twice_the_results_are_the_same(tmp_path: Path) -> None:
    experiment = write_experiment(tmp_path, num_steps=8, num_arms=2)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for rows in (7, 13):  # of 2 x (8 steps + 4 evaluations)
        lab = start(experiment, killed, 2)
        while num_rows(killed) < rows:
            assert lab.poll() is None
            time.sleep(0.01)
        lab.send_signal(signal.SIGKILL)
        lab.wait()
        assert len(numbers(killed)) < 2
    assert start(experiment, killed, 2).wait() == 0
    assert start(experiment, whole, 1).wait() == 0  # one process makes one run after the other
    assert len(numbers(whole)) == 2
    assert numbers(killed) == numbers(whole)
