"""The base class of verifiers: read the answer, decide cheaply, compute in a worker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from or1_verify.types import Problem, Verdict


class Verifier(ABC):
    """Judges responses to the problems of one task.

    A subclass defines `compute`, and `read` where the answer is only a part of the response. Instances are
    pure: the same problem and text give the same verdict in every process. No method but `prepare` raises
    because of what a response contains; a response that cannot be judged gets a verdict.

    A pool sends its workers the import path of the class and the attributes of the instance. So the class
    stands at the top of a module, and the attributes are data: numbers, texts, lists, tuples, dictionaries of
    such, and further verifiers. The workers set them without a call of `__init__`.

    `verify` runs all steps in one process. A pool runs `read` and `decide` in the parent process, and
    `compute` in a worker process, once for each different (task, gold, answer).
    """

    in_process: ClassVar[bool] = False
    """True: `compute` is cheap text work that cannot hang, so a pool calls it in the parent process."""
    limits_itself: ClassVar[bool] = False
    """True: `compute` enforces its own limits, and mostly waits for other processes. A worker that computes
    or waits for longer than `limit_s`, or exceeds its memory, is then our failure (NOT_JUDGED), not the
    response's."""
    uses_prompt: ClassVar[bool] = False
    """True: the verdict depends on more of the problem than its task and gold, so a pool caches verdicts for
    each problem by itself."""
    gold_is_answer: ClassVar[bool] = False
    """True: each sound gold tells an ideal answer, so a gold without one cannot be judged."""
    time_limit_s: float | None = None
    """Processor time for one answer in a worker [s]; None = the limit of the pool."""

    def read(self, text: str) -> str | Verdict:
        """The answer in a response, or the verdict on a response without one.

        The answer is sent to the worker and is part of the cache key: keep it short. The default is the
        whole response.
        """
        return text

    def decide(self, problem: Problem, answer: str) -> Verdict | None:
        """The verdict if about a millisecond of work is enough to find it, else None: `compute` finds it."""
        return None

    @abstractmethod
    def compute(self, problem: Problem, answer: str) -> Verdict:
        """The verdict on an answer that `decide` left open. It may take long, hang or exhaust memory."""

    def ideal_answer(self, problem: Problem) -> str | None:
        """An answer that must be correct if the gold is sound; None where the gold does not tell one."""
        return None

    def prepare(self) -> None:  # noqa: B027 - most verifiers have nothing to load
        """Load what `compute` needs. A worker calls it once, before the time limit of any answer starts."""

    def limit_s(self, problem: Problem) -> float | None:
        """Largest processor time of `compute` on this problem [s]; None = the limit of the pool."""
        return self.time_limit_s

    def judge(self, problem: Problem, answer: str) -> Verdict:
        """Verdict on an answer that was read: `decide`, else `compute`."""
        decided = self.decide(problem, answer)
        return self.compute(problem, answer) if decided is None else decided

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Verdict on a response, in this process and without limits other than the verifier's own."""
        answer = self.read(text)
        return answer if isinstance(answer, Verdict) else self.judge(problem, answer)
