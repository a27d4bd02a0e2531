"""A verifier may hang, crash, fill memory or print: one response pays, the pool lives."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bad_verifiers import (
    HANGS,
    BadVerifier,
    CannotPrepare,
    CannotRead,
    Contrary,
    Decides,
    FailsOnce,
    Impatient,
    Reports,
    TellsItsGold,
)
from builders import make_answer, make_problem
from or1_verify.errors import RunStopped
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool, worker_main, worker_process
from or1_verify.process_clock import WaitClock
from or1_verify.types import Answer, Outcome, Verdict

ROOT = Path(__file__).parents[1]  # where bad_verifiers lies
PATIENT_S = 300.0
"""Ends a hang of the pool itself; no verdict depends on it [s]."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_main, "_LEAST_WAIT_S", 0.5)


def answer(text: str, gold: str = "gold", index: int = 0) -> Answer:
    hangs = text.split(":")[0] in ("spin", "c_loop", "sleep")
    return make_answer(make_problem(gold, "bad", HANGS if hangs else "?"), text, index)


def verdict_on(pool: ProcessVerifierPool, text: str, gold: str = "gold") -> Verdict:
    ((_, verdict),) = pool.judge([answer(text, gold)])
    return verdict


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessVerifierPool]:
    with ProcessVerifierPool({"bad": BadVerifier()}, num_workers=2, time_limit_s=PATIENT_S) as pool:
        yield pool


@pytest.mark.parametrize(
    ("how", "outcome", "reason"),
    [
        ("spin", Outcome.WRONG, "time_limit"),
        ("c_loop", Outcome.WRONG, "time_limit"),
        ("sleep", Outcome.NOT_JUDGED, "wait_limit"),
        ("memory", Outcome.WRONG, "memory_limit"),
        ("segfault", Outcome.NOT_JUDGED, "worker_lost"),
        ("exit", Outcome.NOT_JUDGED, "worker_lost"),
        ("sys_exit", Outcome.NOT_JUDGED, "worker_lost"),
        ("raise", Outcome.NOT_JUDGED, "verifier_error"),
    ],
)
def test_twice_broken_is_a_verdict_with_its_reason_and_the_pool_lives(
    pool: ProcessVerifierPool, how: str, outcome: Outcome, reason: str
) -> None:
    retries = pool.events["retries"]
    verdict = verdict_on(pool, f"{how}: gold")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.reward == (None if outcome is Outcome.NOT_JUDGED else 0.0)
    assert pool.events["retries"] == retries + 1
    assert verdict_on(pool, f"after {how}: gold").outcome is Outcome.RIGHT


def test_an_answer_that_broke_workers_twice_breaks_no_more() -> None:
    with ProcessVerifierPool({"bad": BadVerifier()}, 1, PATIENT_S) as pool:
        first = verdict_on(pool, "exit: poison")
        started = pool.events["workers_started"]
        again = verdict_on(pool, "exit: poison")
        assert (first.outcome, first.reason) == (again.outcome, again.reason)
        assert again.outcome is Outcome.NOT_JUDGED
        assert (pool.events["workers_started"], pool.events["quarantined"]) == (started, 1)
        assert verdict_on(pool, "fine: gold").outcome is Outcome.RIGHT


def test_a_verifier_keeps_a_lower_limit_of_its_own() -> None:
    """The limit of the pool would end the answer after an hour."""
    with ProcessVerifierPool({"bad": Impatient()}, 1, time_limit_s=3600.0) as pool:
        assert verdict_on(pool, "spin: gold").reason == "time_limit"


def test_wall_time_alone_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine that gives the worker no core: four times the limit passes, and it has not waited."""
    checks: list[float] = []

    def queues(clock: WaitClock) -> float:
        checks.append(time.monotonic())
        if checks[-1] - checks[0] > 4 * Impatient.LIMIT_S:
            (tmp_path / "go").touch()
        return 0.0

    monkeypatch.setattr(worker_process, "cpu_total_s", lambda pid: 0.0)
    monkeypatch.setattr(WaitClock, "sample", queues)
    with ProcessVerifierPool({"bad": Impatient()}, 1) as pool:
        assert verdict_on(pool, f"wait:{tmp_path / 'go'} gold").outcome is Outcome.RIGHT
        assert pool.events["retries"] == 0


def test_a_verifier_that_raises_in_the_parent_costs_one_answer() -> None:
    with ProcessVerifierPool({"bad": CannotRead()}, 1) as pool:
        broken = verdict_on(pool, "raise")
        assert (broken.outcome, broken.reason) == (Outcome.NOT_JUDGED, "verifier_error")
        assert broken.detail == "RuntimeError: a bug of the verifier"
        assert verdict_on(pool, "fine: gold").outcome is Outcome.RIGHT


def test_what_is_decided_in_the_parent_starts_no_worker() -> None:
    with ProcessVerifierPool({"bad": Decides()}, 1) as pool:
        assert verdict_on(pool, "7").detail == "decided"
        assert pool.events["workers_started"] == 0
        assert verdict_on(pool, "seven gold").outcome is Outcome.RIGHT
        assert pool.events["workers_started"] == 1


def test_a_second_opinion_changes_no_verdict_and_is_counted() -> None:
    with ProcessVerifierPool(
        {"bad": BadVerifier()}, 1, PATIENT_S, second_opinions={"bad": Contrary()}, second_opinion_fraction=1.0
    ) as pool:
        assert verdict_on(pool, "fine: gold").outcome is Outcome.RIGHT
        assert verdict_on(pool, "fine: other").outcome is Outcome.WRONG
        deadline = time.monotonic() + PATIENT_S
        waiting = threading.Event()
        while (
            pool.events["second_disagreed"] + pool.events["second_agreed"] < 2 and time.monotonic() < deadline
        ):
            waiting.wait(0.02)
        assert (pool.events["second_agreed"], pool.events["second_disagreed"]) == (1, 1)


def test_a_flood_of_output_is_swallowed(pool: ProcessVerifierPool, capfd: pytest.CaptureFixture[str]) -> None:
    assert verdict_on(pool, "print: gold").outcome is Outcome.RIGHT
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["sleep", "exit", "memory", "raise"])
def test_what_fails_once_is_judged_by_the_second_asking(tmp_path: Path, how: str) -> None:
    with ProcessVerifierPool({"bad": FailsOnce(str(tmp_path))}, 1, PATIENT_S) as pool:
        assert verdict_on(pool, f"{how}: x").outcome is Outcome.RIGHT
        assert pool.events["retries"] == 1
        assert pool.events["workers_started"] == 2


def test_a_gold_that_cannot_be_verified_takes_the_blame() -> None:
    with ProcessVerifierPool({"bad": TellsItsGold()}, 1, PATIENT_S) as pool:
        on_bad_gold = verdict_on(pool, "spin: x", gold="spin")
        on_sound_gold = verdict_on(pool, "spin: x", gold="fine")
    assert (on_bad_gold.outcome, on_bad_gold.reason) == (Outcome.NOT_JUDGED, "bad_gold")
    assert (on_sound_gold.outcome, on_sound_gold.reason) == (Outcome.WRONG, "time_limit")


def test_an_answer_that_takes_long_does_not_hold_up_the_other_worker(
    pool: ProcessVerifierPool, tmp_path: Path
) -> None:
    """It ends when all others have been judged; if they waited for it, it would never end."""
    last = tmp_path / "judged"
    good = [answer(f"good {i}: gold") for i in range(40)]
    order = []
    for judged, verdict in pool.judge([answer(f"wait:{last} gold", index=99), *good]):
        assert verdict.outcome is Outcome.RIGHT
        order.append(judged.index)
        if len(order) == len(good):
            last.touch()
    assert len(order) == 41
    assert order[-1] == 99


def test_limits_hold_while_the_source_is_busy() -> None:
    """The engine may compute for long between two responses: hung workers are replaced meanwhile."""
    settled = threading.Event()

    def source(pool: ProcessVerifierPool) -> Iterator[Answer]:
        yield answer("spin: gold")
        deadline = time.monotonic() + PATIENT_S
        while pool.events["workers_started"] < 2 and time.monotonic() < deadline:
            settled.wait(0.02)
        assert pool.events["workers_started"] == 2, "nobody killed the hung worker while the source was busy"
        yield answer("fine: gold", index=1)

    with ProcessVerifierPool({"bad": BadVerifier()}, 1, PATIENT_S) as pool:
        reasons = {answer.index: verdict.reason for answer, verdict in pool.judge(source(pool))}
    assert reasons == {0: "time_limit", 1: "right"}


def test_one_in_a_hundred_bad_costs_only_itself(pool: ProcessVerifierPool) -> None:
    texts = [f"{'exit' if i % 100 == 50 else 'fine'}: {i} gold" for i in range(300)]
    found = {a.index: v.reward for a, v in pool.judge([answer(t, index=i) for i, t in enumerate(texts)])}
    assert sorted(found) == list(range(300))
    assert sorted(index for index, reward in found.items() if reward is None) == [50, 150, 250]
    assert {reward for reward in found.values() if reward is not None} == {1.0}


def test_leaving_early_and_a_failing_source_leave_the_pool_usable(pool: ProcessVerifierPool) -> None:
    judging = pool.judge(answer(f"early {i}: gold", index=i) for i in range(100))
    assert next(judging)[1].reward == 1.0
    judging.close()  # type: ignore[attr-defined]

    def failing() -> Iterator[Answer]:
        yield answer("sleep: never waited for")
        raise OSError("the engine died")

    with pytest.raises(OSError, match="the engine died"):
        list(pool.judge(failing()))
    assert verdict_on(pool, "later: gold").outcome is Outcome.RIGHT


def test_closing_ends_workers_that_hang_at_once() -> None:
    pool = ProcessVerifierPool({"bad": BadVerifier()}, 1, time_limit_s=600.0)
    failed: list[BaseException] = []

    def judge() -> None:
        try:
            list(pool.judge([answer("sleep: gold"), answer("sleep: queued")]))
        except RuntimeError as error:
            failed.append(error)

    thread = threading.Thread(target=judge)
    thread.start()
    deadline = time.monotonic() + PATIENT_S
    while pool.events["workers_started"] < 1 and time.monotonic() < deadline:
        thread.join(0.02)
    pool.close()
    thread.join(PATIENT_S)
    assert not thread.is_alive()
    assert "closed" in str(failed[0])
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        list(pool.judge([answer("fine: gold")]))


def test_workers_that_cannot_start_stop_the_run_with_the_cause() -> None:
    with (
        ProcessVerifierPool({"bad": CannotPrepare()}, 1) as pool,
        pytest.raises(RunStopped, match="no module named algebra"),
    ):
        list(pool.judge([answer("x")]))


def test_workers_are_light_and_hold_no_secrets() -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ, "something in this environment that no worker needs"
    with ProcessVerifierPool({"bad": Reports(), "math": MathVerifier()}, 1) as pool:
        modules = verdict_on(pool, "modules").detail.split()
        environment = verdict_on(pool, "environment").detail.split()
        workers = {verdict_on(pool, f"pid {i}").detail for i in range(3)}
    assert not {"torch", "transformers"} & set(modules)
    assert "PYTEST_CURRENT_TEST" not in environment
    assert "PYTHONHASHSEED" in environment
    assert len(workers) == 1, "a healthy worker is kept"


def test_a_worker_holds_its_own_end_alone_and_passes_it_on_to_no_process() -> None:
    """Only the parent, which holds the other ends, can send requests to workers."""
    with ProcessVerifierPool({"bad": Reports()}, 2) as pool:
        verdicts = pool.judge([answer(f"sockets {n}", index=n) for n in range(4)])
        assert {verdict.detail for _, verdict in verdicts} == {"1 0"}
        assert pool.events["workers_started"] == 2


def test_a_forgotten_pool_leaves_no_process_and_no_warning(tmp_path: Path) -> None:
    """Neither dropping a pool nor leaving the program with one open leaves anything behind."""
    script = tmp_path / "forgets.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from fault.test_verifier_pool import ProcessVerifierPool, Reports, answer\n"
        "pool = ProcessVerifierPool({'bad': Reports()}, 1)\n"
        "((_, verdict),) = pool.judge([answer('pid')])\n"
        "print(verdict.detail)\n"
    )
    command = [sys.executable, "-W", "error", "-X", "dev", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENT_S, check=True)
    assert done.stderr == ""
    assert not Path(f"/proc/{int(done.stdout)}").exists()


def test_a_dropped_pool_ends_its_workers() -> None:
    pool = ProcessVerifierPool({"bad": Reports()}, 1)
    pid = int(verdict_on(pool, "pid").detail)
    assert Path(f"/proc/{pid}").exists()
    del pool
    gc.collect()
    assert not Path(f"/proc/{pid}").exists()


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text(
        f"import os, signal, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from fault.test_verifier_pool import ProcessVerifierPool, Reports, answer\n"
        "pool = ProcessVerifierPool({'bad': Reports()}, 1)\n"
        "((_, verdict),) = pool.judge([answer('pid')])\n"
        "print(verdict.detail, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENT_S, check=False
    )
    worker = Path(f"/proc/{int(done.stdout)}")
    deadline = time.monotonic() + PATIENT_S
    while worker.exists() and "\nState:\tZ" not in (worker / "status").read_text():
        assert time.monotonic() < deadline, "the worker outlives its parent"
        time.sleep(0.02)
