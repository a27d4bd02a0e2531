"""No answer holds up the verifier: each has its verdict in time, and the pool lives in little memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hang_corpus import GOLDS, PATHOLOGICAL, random_answer
from or1.types import Finish, Message, Outcome, Problem, Response, Rollout
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool

LIMIT_S = 1.5
WORKER_BYTES = 1 << 30


def response(gold: str, answer: str, index: int = 0) -> Response:
    problem = Problem.make("math", (Message("user", "?"),), gold)
    rollout = Rollout.bare(problem.id, index, Finish.STOP)
    return Response(problem=problem, rollout=rollout, text=f"So \\boxed{{{answer}}}.")


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessVerifierPool]:
    with ProcessVerifierPool({"math": MathVerifier()}, num_workers=2) as pool:
        list(
            pool.judge([response(r"\sqrt{2}", r"\sqrt{3}"), response(r"\sqrt{2}", r"\sqrt{5}")])
        )  # both started
        yield pool


def judged_in_time(pool: ProcessVerifierPool, cases: list[tuple[str, str]]) -> list[Outcome]:
    outcomes = []
    for gold, answer in cases:
        started = time.monotonic()
        (rollout,) = pool.judge([response(gold, answer)])
        took = time.monotonic() - started
        assert took < LIMIT_S, f"{took:.1f} s for {answer!r} against {gold!r}"
        assert rollout.verdict is not None
        outcomes.append(rollout.verdict.outcome)
    return outcomes


def peak_bytes(pool: ProcessVerifierPool) -> int:
    """Largest resident set that any worker of the pool has had."""
    peaks = [0]
    for pid in pool.worker_pids():
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        peaks.append(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")))
    return max(peaks) * 1024


def test_what_has_hung_verifiers_is_judged_in_time(pool: ProcessVerifierPool) -> None:
    cases = [(GOLDS[i % len(GOLDS)], answer) for i, answer in enumerate(PATHOLOGICAL)]
    cases += [(gold, answer) for gold in (r"\sqrt{2}", r"\sin x+e") for answer in PATHOLOGICAL]
    assert set(judged_in_time(pool, cases)) <= {Outcome.WRONG, Outcome.NO_ANSWER}
    assert judged_in_time(pool, [(r"\sqrt{8}", r"2\sqrt{2}")]) == [Outcome.RIGHT]
    assert 0 < peak_bytes(pool) < WORKER_BYTES


def check_random(pool: ProcessVerifierPool, num: int) -> None:
    cases = [(GOLDS[seed % len(GOLDS)], random_answer(seed)) for seed in range(num)]
    outcomes = judged_in_time(pool, cases)
    assert outcomes.count(Outcome.NOT_JUDGED) == 0
    assert outcomes.count(Outcome.RIGHT) < 0.01 * num
    assert judged_in_time(pool, [(r"\sqrt{8}", r"2\sqrt{2}")]) == [Outcome.RIGHT]
    assert 0 < peak_bytes(pool) < WORKER_BYTES


def test_random_answers_are_judged_in_time(pool: ProcessVerifierPool) -> None:
    check_random(pool, 1_000)


@pytest.mark.slow
def test_ten_thousand_random_answers_are_judged_in_time(pool: ProcessVerifierPool) -> None:
    check_random(pool, 10_000)


def test_the_same_verdicts_from_main_thread_many_threads_and_asyncio(pool: ProcessVerifierPool) -> None:
    cases = [(gold, random_answer(7_000 + i)) for i, gold in enumerate(GOLDS * 4)]
    cases += [(gold, gold) for gold in GOLDS] + [(r"\sqrt{8}", r"2\sqrt{2}"), (r"\sqrt{8}", r"\sqrt{9}")]
    responses = [response(gold, answer, index) for index, (gold, answer) in enumerate(cases)]
    alone = {r.rollout.index: MathVerifier().verify(r.problem, r.text).outcome for r in responses}

    def outcome(rollout: Rollout) -> tuple[int, Outcome]:
        assert rollout.verdict is not None
        return rollout.index, rollout.verdict.outcome

    def one(each: Response) -> tuple[int, Outcome]:
        (rollout,) = pool.judge([each])
        return outcome(rollout)

    async def all_at_once() -> dict[int, Outcome]:
        return dict([outcome(rollout) async for rollout in pool.judge_async(responses)])

    with ThreadPoolExecutor(32) as threads:
        threaded = dict(threads.map(one, responses))
    assert dict(map(outcome, pool.judge(responses))) == alone
    assert threaded == alone
    assert asyncio.run(all_at_once()) == alone
    assert list(alone.values()).count(Outcome.RIGHT) >= len(GOLDS)
