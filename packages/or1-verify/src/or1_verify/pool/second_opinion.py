"""Second opinions: another verifier judges a sample of the answers too, and agreements are counted.

The reward does not depend on them. The key of an answer and the seed decide whether it is in the sample.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace

from or1_verify.base import Verifier
from or1_verify.math.gold import accepted_golds
from or1_verify.math.verifier import MathVerifier, refusal, verdict_on
from or1_verify.types import Outcome, Problem, Verdict

_log = logging.getLogger(__name__)
_DIGESTS = 1 << 32
_COMPARISONS = frozenset({Outcome.RIGHT, Outcome.WRONG})


def second_task(task: str) -> str:
    """The task name of the second verifier of a task, in the workers."""
    return f"{task} (second opinion)"


class SecondOpinions:
    """Has second verifiers judge a sample of the answers, and counts agreements."""

    def __init__(self, verifiers: Mapping[str, Verifier], fraction: float, seed: int) -> None:
        """Take a second verifier for each task, the fraction of different answers to sample, and a seed."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"the fraction of answers is {fraction}: it must be in [0, 1]")
        self._verifiers = verifiers
        self._below = int(fraction * _DIGESTS)
        self._salt = seed.to_bytes(8, "big", signed=True)
        self._lock = threading.Lock()
        self._seen: set[bytes] = set()
        self._events: Counter[str] = Counter()

    def events(self) -> dict[str, int]:
        with self._lock:
            return {f"second_{name}": self._events[name] for name in ("agreed", "disagreed", "failed")}

    def applies_to(self, problem: Problem, verdict: Verdict) -> bool:
        """Does the task have a second verifier, and was the answer compared with the gold?"""
        return problem.task in self._verifiers and verdict.outcome in _COMPARISONS

    def consider(
        self,
        key: bytes,
        problem: Problem,
        answer: str,
        verdict: Verdict,
        submit: Callable[[Problem, str], Future[Verdict]],
    ) -> None:
        """Have the second verifier judge this answer if it is in the sample and was not judged before.

        Args:
            key: digest that is equal for equal answers to one problem.
            problem: one for which `applies_to` is true.
            answer: the answer as read.
            verdict: the verdict of the first verifier.
            submit: sends an answer to a worker.
        """
        if not self._is_sampled(key):
            return
        with self._lock:
            if key in self._seen:
                return
            self._seen.add(key)
        decided = self._verifiers[problem.task].decide(problem, answer)
        if decided is not None:
            self._count(problem, verdict, decided)
            return
        future = submit(replace(problem, task=second_task(problem.task)), answer)
        future.add_done_callback(lambda done: self._count_done(problem, verdict, done))

    def _is_sampled(self, key: bytes) -> bool:
        digest = hashlib.blake2b(key, digest_size=4, salt=self._salt).digest()
        return int.from_bytes(digest, "big") < self._below

    def _count_done(self, problem: Problem, verdict: Verdict, done: Future[Verdict]) -> None:
        with contextlib.suppress(CancelledError, RuntimeError):  # the pool is closing
            self._count(problem, verdict, done.result())

    def _count(self, problem: Problem, verdict: Verdict, second: Verdict) -> None:
        agrees = second.outcome is verdict.outcome
        event = "failed" if second.outcome not in _COMPARISONS else "agreed" if agrees else "disagreed"
        with self._lock:
            self._events[event] += 1
        if event == "disagreed":
            _log.info(
                "verifiers disagree on problem %s (gold %.100r): first %s, second %s, answer %s",
                problem.id,
                problem.gold,
                verdict.outcome,
                second.outcome,
                verdict.detail,
            )


@dataclass(frozen=True, slots=True)
class MathVerifyVerifier(MathVerifier):
    """Judges the final boxed answer by Math-Verify alone; reading and outcomes as in `MathVerifier`."""

    time_limit_s: float = 5.0
    """Processor time for one answer in a pool [s]."""

    def decide(self, problem: Problem, answer: str) -> Verdict | None:
        """Only what `MathVerifier` refuses to compare."""
        return refusal(problem, answer)

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Compare by Math-Verify."""
        from or1_verify.math.math_verify import compare

        golds = tuple(gold.text for gold in accepted_golds(problem.gold))
        return verdict_on(compare(golds, answer), problem.gold, answer)

    def prepare(self) -> None:
        """Load sympy and let its parser build its tables: about a second."""
        from or1_verify.math.math_verify import compare

        compare((r"\frac{1}{2}",), "x")
