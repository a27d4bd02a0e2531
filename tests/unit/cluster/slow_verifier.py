"""A verifier that needs a worker and takes a moment."""

from __future__ import annotations

import time

from or1_verify.base import Verifier
from or1_verify.types import Problem, Verdict


class SlowVerifier(Verifier):
    """Every third number is correct."""

    def compute(self, problem: Problem, answer: str) -> Verdict:
        time.sleep(0.05)
        return Verdict.right(answer) if int(answer) % 3 == 0 else Verdict.wrong("wrong_value", answer)
