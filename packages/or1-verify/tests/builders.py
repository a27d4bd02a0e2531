"""Small problems, answers and verdicts for the tests."""

from __future__ import annotations

from or1_verify import code, math
from or1_verify.base import Verifier
from or1_verify.code.program import as_response
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Answer, Finish, Gold, Message, Outcome, Problem, Verdict


def make_problem(gold: Gold, task: str = "math", question: str = "?") -> Problem:
    return Problem.make(task, (Message("user", question),), gold)


def make_answer(problem: Problem, text: str, index: int = 0, finish: Finish = Finish.STOP) -> Answer:
    return Answer(problem=problem, index=index, text=text, finish=finish)


def make_verdict(reward: float | None) -> Verdict:
    if reward is None:
        return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="injected")
    return Verdict(outcome=Outcome.RIGHT if reward == 1.0 else Outcome.WRONG, reward=reward)


def verdict_of(pool: ProcessVerifierPool, problem: Problem, text: str) -> Verdict:
    """The verdict of a pool on one response."""
    ((_, verdict),) = pool.judge([make_answer(problem, text)])
    return verdict


def reward(question: str, gold: str, answer: str) -> float | None:
    """The reward of a response with this answer in a box."""
    problem = make_problem(gold, question=question)
    return math.MathVerifier().verify(problem, rf"\boxed{{{answer}}}").reward


def is_right(gold: str, answer: str, question: str = "") -> bool:
    """Whether a response with this answer in a box is correct."""
    return reward(question, gold, answer) == 1.0


class ExactVerifier(Verifier):
    """Correct when the text equals the gold; blanks at its ends do not count, and no text is no answer."""

    def read(self, text: str) -> str | Verdict:
        return text.strip() or Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason="no_answer")

    def compute(self, problem: Problem, answer: str) -> Verdict:
        return make_verdict(float(answer == problem.gold))


def reason_for_code(test: str, program: str) -> str:
    """The reason of the verdict on a program with one test."""
    return code.verify({"tests": [test]}, as_response(program)).reason
