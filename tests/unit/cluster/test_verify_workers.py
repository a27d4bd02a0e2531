"""Verifier workers of several machines: the verdicts of a local pool, also when a machine is lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from or1.cluster.verify_messages import REPLIES, StartVerifiers
from or1.cluster.verify_workers import ClusterWorkers
from or1.errors import RunStopped
from or1.processes.child import ChildProcess
from or1.testing import make_problem
from or1.types import Answer, Outcome
from or1_verify.pool import ProcessVerifierPool
from or1_verify.pool.worker_main import Setup
from tests.unit.cluster.slow_verifier import SlowVerifier


@pytest.fixture
def made() -> list[ClusterWorkers]:
    return []


@pytest.fixture
def pool(tmp_path: Path, made: list[ClusterWorkers]) -> Iterator[ProcessVerifierPool]:
    def workers(setup: Setup, num_workers: int) -> ClusterWorkers:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        processes = [
            ChildProcess(
                f"verifier workers of host{n}",
                "or1.cluster.verify_worker",
                {},
                scratch / f"{n}.log",
                error=RunStopped,
                replies=REPLIES,
            )
            for n in (1, 2)
        ]
        made.append(ClusterWorkers(processes, setup, num_workers, scratch))
        return made[-1]

    task = make_problem(0).task
    with ProcessVerifierPool({task: SlowVerifier()}, num_workers=1, workers=workers) as opened:
        yield opened


def answers(count: int) -> list[Answer]:
    return [Answer(problem=make_problem(n), index=n, text=str(n)) for n in range(count)]


def verdicts(pool: ProcessVerifierPool, count: int, *, kill: int | None = None) -> dict[int, Outcome]:
    found = {}
    for answer, verdict in pool.judge(answers(count)):
        assert answer.index not in found
        found[answer.index] = verdict.outcome
        if kill is not None and len(found) == 1:
            os.kill(kill, signal.SIGKILL)
    return found


def expected(count: int) -> dict[int, Outcome]:
    return {n: Outcome.RIGHT if n % 3 == 0 else Outcome.WRONG for n in range(count)}


def test_each_answer_has_its_own_verdict(pool: ProcessVerifierPool, made: list[ClusterWorkers]) -> None:
    assert verdicts(pool, 12) == expected(12)
    assert pool.events["workers_started"] == 2  # one of each machine
    assert pool.events["moved"] == 0


def test_answers_of_a_lost_machine_are_judged_elsewhere_once(
    pool: ProcessVerifierPool, made: list[ClusterWorkers]
) -> None:
    assert verdicts(pool, 12, kill=made[0].pids()[0]) == expected(12)
    assert pool.events["moved"] > 0
    assert len(made[0].pids()) == 1


def test_this_machine_judges_when_no_other_is_left(
    pool: ProcessVerifierPool, made: list[ClusterWorkers]
) -> None:
    for pid in made[0].pids():
        os.kill(pid, signal.SIGKILL)
    assert verdicts(pool, 6) == expected(6)


def test_a_driver_that_is_killed_leaves_no_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    log, setup = scratch / "1.log", Setup({}, 1 << 30, 5.0)
    process = ChildProcess(
        "verifier workers", "or1.cluster.verify_worker", {}, log, error=RunStopped, replies=REPLIES
    )
    process.send(StartVerifiers(setup, 1, str(scratch)))
    with socket.socket(fileno=os.dup(process.channel.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)  # as the kernel does at the end of the driver
    while scratch.exists():
        time.sleep(0.01)
    process.close()
