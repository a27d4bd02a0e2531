"""Training on a Ray cluster of this machine: the numbers of the same processes without Ray, also after a
loss."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cluster.clusters import NEEDS_RAY, TrainingRun

pytestmark = [NEEDS_RAY, pytest.mark.timeout(900)]
TWO = ("--ranks", "2", "--set", "rollout.num_engines=2")
NUMBERS = ("train/loss", "train/grad_norm", "train/entropy_nats", "rollout/reward_mean")
RESTART = "all ranks start again from the last checkpoint"
RANK, ENGINE = "or1.trainer.rank_worker", "or1.rollout.engine_worker"


def test_the_metrics_are_those_without_ray(tmp_path: Path) -> None:
    ray = TrainingRun(tmp_path / "ray", [*TWO, "--cluster", "ray"])
    ray.finish()
    here = TrainingRun(tmp_path / "here", TWO)
    here.finish()
    assert len(ray.rows()) == len(here.rows()) == 2
    for one, two in zip(ray.rows(), here.rows(), strict=True):
        assert one.keys() == two.keys()
        assert [one[key] for key in NUMBERS] == pytest.approx([two[key] for key in NUMBERS], rel=1e-5)
    assert "1 machine, " in ray.output
    assert not ray.workers(RANK)
    assert not ray.workers(ENGINE)


@pytest.mark.parametrize("worker", [RANK, ENGINE])
def test_a_lost_process_costs_no_step(tmp_path: Path, worker: str) -> None:
    run = TrainingRun(tmp_path / "run", [*TWO, "--cluster", "ray"], num_steps=4)
    run.wait_until(lambda: len(run.rows()) >= 2)
    os.kill(run.workers(worker)[1], signal.SIGKILL)
    run.finish()
    assert [row["step"] for row in run.rows()] == [1, 2, 3, 4]
    whole = TrainingRun(tmp_path / "whole", TWO, num_steps=4)
    whole.finish()
    for one, two in zip(run.rows(), whole.rows(), strict=True):
        assert [one[key] for key in NUMBERS] == pytest.approx([two[key] for key in NUMBERS], rel=1e-4)
    if worker == RANK:
        assert "training rank 1 (process" in run.output
        assert RESTART in run.output
    else:
        assert "rollout engine 2 (process" in run.output
        assert RESTART not in run.output


def test_nothing_that_happens_to_run_is_joined(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path / "run", ["--cluster", "auto"])
    run.process.wait(300)
    assert run.process.returncode == 2
    assert "give the HOST:PORT of a Ray cluster" in run.output
