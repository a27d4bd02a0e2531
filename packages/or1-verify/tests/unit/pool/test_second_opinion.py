"""Second opinions: which answers, and what is counted."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from builders import ExactVerifier, make_problem, make_verdict
from or1_verify.pool.second_opinion import MathVerifyVerifier, SecondOpinions, second_task
from or1_verify.types import Outcome, Problem, Verdict


def answered(verdict: Verdict) -> Future[Verdict]:
    future: Future[Verdict] = Future()
    future.set_result(verdict)
    return future


class Worker:
    """Stands for the workers: finds everything correct, and remembers the answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, problem: Problem, answer: str) -> Future[Verdict]:
        assert problem.task == second_task("math")
        self.texts.append(answer)
        return answered(make_verdict(None if answer == "fails" else 1.0))


def consider(second: SecondOpinions, problem: Problem, answer: str, verdict: Verdict, worker: Worker) -> None:
    """As a pool does it."""
    if second.applies_to(problem, verdict):
        second.consider(answer.encode(), problem, answer, verdict, worker)


def opinions(fraction: float, seed: int = 0, num: int = 400) -> list[str]:
    second, asked = SecondOpinions({"math": ExactVerifier()}, fraction, seed), Worker()
    for number in range(num):
        consider(second, make_problem("1"), f"text {number}", make_verdict(1.0), asked)
    return asked.texts


def test_the_sample_has_its_share_and_hangs_on_the_seed_alone() -> None:
    sample = opinions(0.25)
    assert 70 <= len(sample) <= 130  # 100 expected, standard deviation 8.7
    assert opinions(0.25) == sample
    assert opinions(0.25, seed=1) != sample
    assert (len(opinions(0.0)), len(opinions(1.0))) == (0, 400)


def test_agreement_is_counted_once_an_answer() -> None:
    second, asked = SecondOpinions({"math": ExactVerifier()}, 1.0, 0), Worker()
    problem = make_problem("1")
    for text, reward in (("a", 1.0), ("a", 1.0), ("b", 0.0), ("fails", 1.0)):
        consider(second, problem, text, make_verdict(reward), asked)
    assert asked.texts == ["a", "b", "fails"]
    assert second.events() == {"second_agreed": 1, "second_disagreed": 1, "second_failed": 1}


def test_only_compared_answers_of_its_tasks_are_asked_about() -> None:
    second, asked = SecondOpinions({"math": ExactVerifier()}, 1.0, 0), Worker()
    no_answer = Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason="no_box")
    consider(second, make_problem("1"), "a", no_answer, asked)
    consider(second, make_problem("1", "code"), "a", make_verdict(1.0), asked)
    assert asked.texts == []


def test_what_the_second_verifier_decides_at_once_reaches_no_worker() -> None:
    second, worker = SecondOpinions({"math": MathVerifyVerifier()}, 1.0, 0), Worker()
    problem = make_problem("5")
    consider(second, problem, "9^{9^{9^9}}", make_verdict(0.0), worker)
    assert worker.texts == []
    assert second.events() == {"second_agreed": 1, "second_disagreed": 0, "second_failed": 0}
    consider(second, problem, "5", make_verdict(1.0), worker)
    assert worker.texts == ["5"], "a comparison that the first verifier made exactly is made again"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("0.5", Outcome.RIGHT), ("0.6", Outcome.WRONG), (r"\frac{2}{4}", Outcome.RIGHT)],
)
def test_the_other_library_judges_boxed_answers(answer: str, outcome: Outcome) -> None:
    problem = make_problem(r"\frac{1}{2}")
    pytest.importorskip("math_verify", reason="needs the extra second-opinion")
    verifier = MathVerifyVerifier()
    assert verifier.verify(problem, f"\\boxed{{{answer}}}").outcome is outcome
    assert verifier.verify(problem, answer).outcome is Outcome.NO_ANSWER
