"""A second opinion: on a sampled share of answers another verifier judges too, and the agreement is counted.

The reward never depends on it. Which answers are sampled follows from their key and the seed alone.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace

from or1_verify.answer import final_answer
from or1_verify.math.gold import accepted_golds
from or1_verify.math.verifier import MathVerifier, verdict_on
from or1_verify.pool.key import Key, key_of
from or1_verify.types import Outcome, Problem, Verdict

_log = logging.getLogger(__name__)
_SHARES = 1 << 32
_COMPARISONS = frozenset({Outcome.RIGHT, Outcome.WRONG})


def second_task(task: str) -> str:
    """Name under which a pool's workers know the second verifier of a task."""
    return f"{task} (second opinion)"


class SecondOpinions:
    """Asks for second opinions beside the verdicts, and counts what they say."""

    def __init__(self, tasks: frozenset[str], fraction: float, seed: int) -> None:
        if not 0 <= fraction <= 1:
            raise ValueError(f"a share of {fraction} of the answers")
        self._tasks = tasks
        self._below = int(fraction * _SHARES)
        self._salt = seed.to_bytes(8, "big", signed=True)
        self._lock = threading.Lock()
        self._seen: set[Key] = set()
        self._events: Counter[str] = Counter()

    def events(self) -> dict[str, int]:
        with self._lock:
            return {f"second_{name}": self._events[name] for name in ("agreed", "disagreed", "failed")}

    def consider(
        self, problem: Problem, text: str, verdict: Verdict, ask: Callable[[Problem, str], Future[Verdict]]
    ) -> None:
        """Ask for a second opinion if this answer is of the sample and was not asked about before."""
        if problem.task not in self._tasks or verdict.outcome not in _COMPARISONS:
            return
        key = key_of(problem, text)
        if not self._is_sampled(key):
            return
        with self._lock:
            if key in self._seen:
                return
            self._seen.add(key)
        future = ask(replace(problem, task=second_task(problem.task)), text)
        future.add_done_callback(lambda done: self._count(problem, verdict, done))

    def _is_sampled(self, key: Key) -> bool:
        digest = hashlib.blake2b(key, digest_size=4, salt=self._salt).digest()
        return int.from_bytes(digest, "big") < self._below

    def _count(self, problem: Problem, verdict: Verdict, done: Future[Verdict]) -> None:
        try:
            second = done.result()
        except (CancelledError, RuntimeError):
            return  # the pool is closing
        if second.outcome not in _COMPARISONS:
            self._add("failed")
        elif second.outcome is verdict.outcome:
            self._add("agreed")
        else:
            self._add("disagreed")
            _log.info(
                "verifiers disagree on problem %s (gold %.100r): %s, the second %s, on %s",
                problem.id,
                problem.gold,
                verdict.outcome,
                second.outcome,
                verdict.detail,
            )

    def _add(self, name: str) -> None:
        with self._lock:
            self._events[name] += 1


@dataclass(frozen=True, slots=True)
class MathVerifyVerifier:
    """Judges the final boxed answer by Math-Verify alone; extraction and outcomes as in `MathVerifier`."""

    time_limit_s: float = 5.0
    """Wall time for one answer in a pool [s]."""

    def verify(self, problem: Problem, text: str) -> Verdict:
        from or1_verify.math.algebra import compare

        quick = self.quick(problem, text)
        if quick is not None:
            return quick
        answer = final_answer(text)
        assert answer is not None, "quick decides responses without an answer"
        golds = tuple(gold.text for gold in accepted_golds(problem.gold))
        return verdict_on(compare(golds, answer), problem.gold, answer)

    def essence(self, text: str) -> str:
        return MathVerifier().essence(text)

    def quick(self, problem: Problem, text: str) -> Verdict | None:
        """The verdict without an answer, a gold, or on too large an answer: only comparing is in question."""
        quick = MathVerifier().quick(problem, text)
        is_comparison = quick is not None and quick.reason in {"right", "wrong_value", "parse_error"}
        return None if is_comparison else quick

    def ideal_response(self, problem: Problem) -> str:
        return MathVerifier().ideal_response(problem)

    def prepare(self) -> None:
        """Load sympy and let its parser build its tables: about a second."""
        from or1_verify.math.algebra import compare

        compare((r"\frac{1}{2}",), "x")
