"""A lab on two machines: the results of one without Ray, also after the loss of a machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from or1.lab.results import RunResult, read_results
from tests.cluster.clusters import NEEDS_RAY, Command, wait_until
from tests.cluster.two_hosts import TwoHosts, two_hosts

pytestmark = [
    NEEDS_RAY,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
    ),
]
WORKER = "or1.lab.worker"
BASE = """
extends = "lab"
[[stages]]
max_response_tokens = 40
num_steps = 6
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
steps = 6
[[arms]]
name = "a"
[[arms]]
name = "b"
set = { "stages.0.num_minibatches" = 2 }
[[arms]]
name = "c"
set = { "loss.clip_high" = 0.3 }
"""


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    with two_hosts(Path(tempfile.mkdtemp(prefix="or1r"))) as started:
        yield started


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE)
    file = tmp_path / "own.toml"
    file.write_text(EXPERIMENT.replace("BASE", str(tmp_path / "base.toml")))
    return file


def lab(experiment: Path, out: Path, *words: str, hosts: TwoHosts | None = None) -> Command:
    words = ("lab", "run", str(experiment), "--seeds", "2", "--out", str(out), *words)
    if hosts is None:
        return Command(out.with_suffix(".log"), words)
    on_cluster = (*words, "--cluster", hosts.address, "--machines", "2")
    return Command(out.with_suffix(".log"), on_cluster, before=hosts.inside(0), environment=hosts.environment)


def numbers(out: Path) -> dict[str, object]:
    """Without seconds."""
    results: dict[str, RunResult] = read_results(out / "results")
    return {key: (each.scores, each.series) for key, each in results.items()}


def num_steps(out: Path) -> int:
    """Rows of all runs, evaluations included."""
    return sum(path.read_bytes().count(b"\n") for path in out.glob("runs/*/metrics.jsonl"))


def test_a_lab_on_two_machines_that_loses_one(hosts: TwoHosts, experiment: Path, tmp_path: Path) -> None:
    on_cluster, here = tmp_path / "cluster", tmp_path / "here"
    run = lab(experiment, on_cluster, hosts=hosts)
    run.wait_until(lambda: [len(hosts.workers(host, WORKER)) for host in (0, 1)] == [2, 2])
    run.wait_until(lambda: num_steps(on_cluster) >= 8)
    hosts.cut()
    run.finish(800)
    assert "2 machines, 4 CPU, 0 GPU" in run.output
    assert f"({hosts.addresses[1]}), a machine that is lost" in run.output
    assert "this run is tried once more" in run.output
    assert wait_until(lambda: not hosts.workers(0, WORKER) + hosts.workers(1, WORKER), lambda: False, 100)
    lab(experiment, here).finish(800)
    assert len(numbers(here)) == 6
    assert numbers(on_cluster) == numbers(here)


def test_a_folder_that_one_machine_does_not_see_is_refused(hosts: TwoHosts, experiment: Path) -> None:
    """Only /dev/shm is not shared by the two."""
    out = Path(tempfile.mkdtemp(prefix="or1-lab-", dir="/dev/shm"))
    try:
        run = lab(experiment, out / "lab", hosts=hosts)
        run.process.wait(300)
        assert run.process.returncode == 2
        assert "does not see" in run.output
        assert "put it on a file system that all machines share" in run.output
    finally:
        shutil.rmtree(out)
