"""A verifier with limits of its own that does not keep them: the pool's failure, never the response's."""

from __future__ import annotations

import time

import pytest

from bad_verifiers import HANGS
from fault.test_verifier_pool import PATIENT_S, verdict_on
from or1_verify.base import Verifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Outcome, Problem, Verdict


class SelfLimited(Verifier):
    """Sleeps or fills memory where the answer says so."""

    limits_itself = True

    def __init__(self, limit_s: float) -> None:
        self.own_s = limit_s

    def limit_s(self, problem: Problem) -> float:
        return self.own_s if problem.prompt[0].content == HANGS else PATIENT_S

    def compute(self, problem: Problem, answer: str) -> Verdict:
        if answer.startswith("sleep"):
            time.sleep(float(answer.split()[1]))
        if answer.startswith("memory"):
            bytearray(1 << 40)
        return Verdict(outcome=Outcome.RIGHT, reward=1.0)


@pytest.mark.parametrize(("text", "reason"), [("sleep: 600", "wait_limit"), ("memory:", "memory_limit")])
def test_over_its_own_limit_is_our_failure(text: str, reason: str) -> None:
    with ProcessVerifierPool({"bad": SelfLimited(0.5)}, 1, time_limit_s=3600.0) as pool:
        verdict = verdict_on(pool, text)
        assert (verdict.outcome, verdict.reason) == (Outcome.NOT_JUDGED, reason)
        assert pool.events["retries"] == 1
        assert verdict_on(pool, "fine").outcome is Outcome.RIGHT


def test_its_own_limit_may_be_longer_than_the_pools() -> None:
    with ProcessVerifierPool({"bad": SelfLimited(PATIENT_S)}, 1, time_limit_s=0.2) as pool:
        assert verdict_on(pool, "sleep: 1").outcome is Outcome.RIGHT
        assert pool.events["retries"] == 0
