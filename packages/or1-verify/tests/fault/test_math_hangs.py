"""No answer hangs the verifier or reaches a limit of the pool, and the workers stay small."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builders import make_answer, make_problem, verdict_of
from hang_corpus import GOLDS, PATHOLOGICAL, random_answer
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Answer, Outcome

PATIENT_S = 60.0
"""A hang would reach this limit, and the pool would count a retry [s]."""
WORKER_BYTES = 1 << 30


def boxed(gold: str, answer: str, index: int = 0) -> Answer:
    return make_answer(make_problem(gold), f"So \\boxed{{{answer}}}.", index)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessVerifierPool]:
    with ProcessVerifierPool({"math": MathVerifier(time_limit_s=PATIENT_S)}, 2, PATIENT_S) as pool:
        both = [boxed(r"\sqrt{2}", r"\sqrt{3}"), boxed(r"\sqrt{2}", r"\sqrt{5}")]
        list(pool.judge(both))  # both workers have started
        yield pool


def outcomes_of(pool: ProcessVerifierPool, cases: list[tuple[str, str]]) -> list[Outcome]:
    outcomes = []
    for gold, answer in cases:
        ((_, verdict),) = pool.judge([boxed(gold, answer)])
        assert pool.events["retries"] == 0, f"{answer!r} against {gold!r}"
        outcomes.append(verdict.outcome)
    return outcomes


def peak_bytes(pool: ProcessVerifierPool) -> int:
    """Largest resident set that any worker of the pool has had."""
    peaks = [0]
    for pid in pool.worker_pids():
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        peaks.append(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")))
    return max(peaks) * 1024


def test_answers_that_have_hung_verifiers_are_judged(pool: ProcessVerifierPool) -> None:
    cases = [(GOLDS[i % len(GOLDS)], answer) for i, answer in enumerate(PATHOLOGICAL)]
    cases += [(gold, answer) for gold in (r"\sqrt{2}", r"\sin x+e") for answer in PATHOLOGICAL]
    assert set(outcomes_of(pool, cases)) <= {Outcome.WRONG, Outcome.NO_ANSWER}
    assert outcomes_of(pool, [(r"\sqrt{8}", r"2\sqrt{2}")]) == [Outcome.RIGHT]
    assert 0 < peak_bytes(pool) < WORKER_BYTES


def check_random(pool: ProcessVerifierPool, num: int) -> None:
    cases = [(GOLDS[seed % len(GOLDS)], random_answer(seed)) for seed in range(num)]
    outcomes = outcomes_of(pool, cases)
    assert outcomes.count(Outcome.NOT_JUDGED) == 0
    assert outcomes.count(Outcome.RIGHT) < 0.01 * num
    assert outcomes_of(pool, [(r"\sqrt{8}", r"2\sqrt{2}")]) == [Outcome.RIGHT]
    assert 0 < peak_bytes(pool) < WORKER_BYTES


def test_random_answers_are_judged(pool: ProcessVerifierPool) -> None:
    check_random(pool, 1_000)


@pytest.mark.slow
def test_ten_thousand_random_answers_are_judged(pool: ProcessVerifierPool) -> None:
    check_random(pool, 10_000)


def test_the_same_verdicts_from_one_thread_and_from_many(pool: ProcessVerifierPool) -> None:
    cases = [(gold, random_answer(7_000 + i)) for i, gold in enumerate(GOLDS * 4)]
    cases += [(gold, gold) for gold in GOLDS] + [(r"\sqrt{8}", r"2\sqrt{2}"), (r"\sqrt{8}", r"\sqrt{9}")]
    answers = [boxed(gold, answer, index) for index, (gold, answer) in enumerate(cases)]
    alone = {a.index: MathVerifier().verify(a.problem, a.text).outcome for a in answers}

    def one(answer: Answer) -> tuple[int, Outcome]:
        return answer.index, verdict_of(pool, answer.problem, answer.text).outcome

    with ThreadPoolExecutor(32) as threads:
        threaded = dict(threads.map(one, answers))
    assert {answer.index: verdict.outcome for answer, verdict in pool.judge(answers)} == alone
    assert threaded == alone
    assert list(alone.values()).count(Outcome.RIGHT) >= len(GOLDS)
