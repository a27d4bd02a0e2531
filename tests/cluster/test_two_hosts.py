"""Training on two machines, each with a rank and an engine, and the loss of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cluster.clusters import ON_TWO_HOSTS, TrainingRun
from tests.cluster.test_local_cluster import RESTART
from tests.cluster.two_hosts import TwoHosts

pytestmark = ON_TWO_HOSTS
WORDS = ("--ranks", "2", "--set", "rollout.num_engines=2")


def run_on(
    hosts: TwoHosts, out: Path, num_steps: int, placement: str = "colocated", changes: Sequence[str] = ()
) -> TrainingRun:
    words = [
        *WORDS,
        "--set",
        f"system.cluster.placement={placement}",
        "--cluster",
        hosts.address,
        "--set",
        "system.cluster.num_machines=2",
        *changes,
    ]
    return TrainingRun(out, words, num_steps=num_steps, before=hosts.inside(0), environment=hosts.environment)


def test_twenty_steps(hosts: TwoHosts, tmp_path: Path) -> None:
    run = run_on(hosts, tmp_path / "run", 20)
    run.finish(800)
    assert [row["step"] for row in run.rows()] == list(range(1, 21))
    assert "2 machines, 4 CPU, 0 GPU" in run.output
    assert RESTART not in run.output


def test_no_folder_is_left_on_a_machine(hosts: TwoHosts, tmp_path: Path) -> None:
    """Also that of the ranks, into which weights come on the machine of the engines."""
    run = run_on(hosts, tmp_path / "run", 2, "apart")
    run.wait_until(lambda: len(run.rows()) >= 1)
    kinds = {name.rpartition("-")[0] for name in hosts.folders_of_second()}
    assert kinds == {"or1-ranks", "or1-engines", "or1-verifiers"}
    run.finish()
    assert hosts.folders_of_second() == []


@pytest.mark.parametrize("fault", ["cut off", "stopped"])
def test_the_run_continues_without_a_machine(hosts: TwoHosts, tmp_path: Path, fault: str) -> None:
    run = run_on(hosts, tmp_path / "run", 5)
    run.wait_until(lambda: len(run.rows()) >= 2)
    if fault == "stopped":
        hosts.stop(1)
    else:
        hosts.cut()
    run.finish(800)
    assert [row["step"] for row in run.rows()] == list(range(1, 6))
    assert "1 machine, 2 CPU" in run.output
    assert run.output.count(RESTART) == 1
    before, _, _ = run.output.partition(RESTART)
    assert f"({hosts.addresses[1]}), a machine that is lost" in before


def test_sampling_ahead_keeps_one_file_of_weights_on_a_machine_and_resumes(
    hosts: TwoHosts, tmp_path: Path
) -> None:
    """Kept weights have other names than published ones; a resumed run begins with those of a checkpoint."""
    ahead = ("rollout.max_staleness=1", "loss.importance_cap=2.0")
    changes = [word for each in ahead for word in ("--set", each)]
    run = run_on(hosts, tmp_path / "run", 6, changes=changes)
    run.wait_until(lambda: len(run.rows()) >= 4)
    assert 1 <= len(hosts.weights_of_second()) <= 2, "that of the last load, and the next while it arrives"
    run.process.terminate()
    run.process.wait(300)
    again = run_on(hosts, tmp_path / "run", 6, changes=changes)
    again.finish(800)
    assert [row["step"] for row in again.rows()] == list(range(1, 7))
    assert RESTART not in again.output
