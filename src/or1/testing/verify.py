"""Fakes of verification: an exact verifier, one that fails on chosen texts, a task, a pool."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from or1.testing.builders import InjectedFaultError, make_verdict
from or1.types import Answer, Finish, Outcome, Problem, Verdict
from or1_verify.base import Verifier


class ExactVerifier(Verifier):
    """Correct when the stripped text equals the gold; an empty text is no answer."""

    def read(self, text: str) -> str | Verdict:
        return text.strip() or Verdict.no_answer("no_answer")

    def compute(self, problem: Problem, answer: str) -> Verdict:
        return make_verdict(float(answer == problem.gold))

    def ideal_answer(self, problem: Problem) -> str | None:
        return str(problem.gold)


class FlakyVerifier(Verifier):
    """Fails on given texts: raises (which a verifier must not do) or returns NOT_JUDGED."""

    def __init__(self, inner: Verifier, *, fails_on: Container[str], raises: bool = True) -> None:
        self._inner = inner
        self._fails_on = fails_on
        self._raises = raises

    def compute(self, problem: Problem, answer: str) -> Verdict:
        if answer not in self._fails_on:
            return self._inner.verify(problem, answer)
        if self._raises:
            raise InjectedFaultError(f"the verifier failed on {answer!r}")
        return make_verdict(None)


class InlineVerifierPool:
    """VerifierPool in this process: judges as answers arrive and yields them in blocks, last first.

    Args:
        verifiers: task name -> verifier.
        block: verdicts collected before they are returned; 1 keeps the order.
    """

    def __init__(self, verifiers: Mapping[str, Verifier], *, block: int = 1) -> None:
        self._verifiers = verifiers
        self._block = block
        self.closed = False

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        held: list[tuple[Answer, Verdict]] = []
        for answer in answers:
            held.append((answer, self._verdict(answer)))
            if len(held) == self._block:
                yield from reversed(held)
                held = []
        yield from reversed(held)

    def _verdict(self, answer: Answer) -> Verdict:
        if answer.finish is Finish.ABORTED:
            return Verdict.not_judged("aborted")
        if answer.finish is Finish.LENGTH:
            return Verdict(outcome=Outcome.TRUNCATED, reward=0.0, reason="truncated")
        try:
            return self._verifiers[answer.problem.task].verify(answer.problem, answer.text)
        except InjectedFaultError as fault:
            return Verdict.not_judged("verifier_error", str(fault))

    def close(self) -> None:
        self.closed = True
