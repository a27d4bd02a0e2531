"""A lab on two machines: the results of one without Ray, also after the loss of a machine."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.cluster.clusters import ON_TWO_HOSTS, Command, wait_until
from tests.cluster.two_hosts import TwoHosts
from tests.small_lab import num_rows, numbers, write_experiment

pytestmark = ON_TWO_HOSTS
WORKER = "or1.lab.worker"


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    return write_experiment(tmp_path, num_steps=6, num_arms=3)


def lab(experiment: Path, out: Path, *words: str, hosts: TwoHosts | None = None) -> Command:
    words = ("lab", "run", str(experiment), "--seeds", "2", "--out", str(out), *words)
    if hosts is None:
        return Command(out.with_suffix(".log"), words)
    on_cluster = (*words, "--cluster", hosts.address, "--machines", "2")
    return Command(out.with_suffix(".log"), on_cluster, before=hosts.inside(0), environment=hosts.environment)


def test_a_lab_on_two_machines_that_loses_one(hosts: TwoHosts, experiment: Path, tmp_path: Path) -> None:
    on_cluster, here = tmp_path / "cluster", tmp_path / "here"
    run = lab(experiment, on_cluster, hosts=hosts)
    run.wait_until(lambda: [len(hosts.workers(host, WORKER)) for host in (0, 1)] == [2, 2])
    run.wait_until(lambda: num_rows(on_cluster) >= 8)
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
