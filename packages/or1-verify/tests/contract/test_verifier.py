"""What every Verifier promises: a verdict for any text, the same each time, here and in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import ExactVerifier
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier
from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.code.program import as_response
from or1_verify.math import MathVerifier
from or1_verify.messages import decode, encode
from or1_verify.types import Message, Outcome, Problem, Verdict

TESTS = {"inputs": ["1 2"], "outputs": ["3"]}
STRANGE = (
    "",
    "\x00",
    "\ud800 ```\n\ud800\n```",
    "</think>",
    "<think>",
    "\\boxed{",
    "```",
    "```\n```",
    "```python\n\x00\n```",
    "```python\n" + "(" * 5000 + "\n```",
    "\\boxed{" + "{" * 2000,
    "x" * 100_000,
)


@dataclass(frozen=True)
class Sample:
    verifier: Verifier
    gold: Any
    right: str
    wrong: str
    no_answer: str

    def judge(self, text: str, verifier: Verifier | None = None) -> Verdict:
        problem = Problem.make("task", (Message("user", "?"),), self.gold)
        return (verifier or self.verifier).verify(problem, text)


PROGRAMS = (as_response("print(sum(map(int, input().split())))"), as_response("print(4)"), "no program")
SAMPLES = {
    "exact": Sample(ExactVerifier(), "yes", "yes", "no", ""),
    "arithmetic": Sample(ArithmeticVerifier(), 42, r"\boxed{42}", r"\boxed{41}", "42"),
    "math": Sample(MathVerifier(), "1/2", r"\boxed{\frac{1}{2}}", r"\boxed{2}", "one half"),
    "code": Sample(CodeVerifier(), TESTS, *PROGRAMS),
    "code, fractions": Sample(CodeVerifier(reward="fraction"), TESTS, *PROGRAMS),
    "SandboxFusion, unreachable": Sample(
        SandboxFusionVerifier(url="http://127.0.0.1:9", pause_s=0.0), TESTS, *PROGRAMS
    ),
}


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param]


def summary(verdict: Verdict) -> tuple[Outcome, float | None, str]:
    return verdict.outcome, verdict.reward, verdict.reason


def reachable(sample: Sample) -> bool:
    return not isinstance(sample.verifier, SandboxFusionVerifier)


def test_right_is_paid_and_wrong_is_not(sample: Sample) -> None:
    if reachable(sample):
        assert summary(sample.judge(sample.right))[:2] == (Outcome.RIGHT, 1.0)
        assert summary(sample.judge(sample.wrong))[:2] == (Outcome.WRONG, 0.0)
    else:
        assert sample.judge(sample.right).outcome is Outcome.NOT_JUDGED
    assert summary(sample.judge(sample.no_answer))[:2] == (Outcome.NO_ANSWER, 0.0)


def test_nothing_is_read_from_unfinished_thinking(sample: Sample) -> None:
    if isinstance(sample.verifier, ExactVerifier):
        pytest.skip("the fake compares the whole text")
    assert sample.judge(f"<think>\n{sample.right}").outcome is Outcome.NO_ANSWER
    finished = sample.judge(f"<think>\n{sample.wrong}\n</think>\n{sample.right}")
    assert finished.outcome is (Outcome.RIGHT if reachable(sample) else Outcome.NOT_JUDGED)


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_strange_texts_are_not_paid_and_not_our_failure(sample: Sample, text: str) -> None:
    verdict = sample.judge(text)
    assert verdict.outcome in (Outcome.WRONG, Outcome.NO_ANSWER) or not reachable(sample)
    assert verdict.reward in (0.0, None)
    assert verdict.seconds >= 0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_text_has_the_same_verdict_twice_and_in_a_worker(data: st.DataObject) -> None:
    sample = SAMPLES[data.draw(st.sampled_from(["arithmetic", "math", "code"]))]
    text = data.draw(st.text() | st.sampled_from([sample.right, sample.wrong, *STRANGE]))
    copy = decode(encode(sample.verifier), (Verifier,))
    assert copy == sample.verifier
    assert summary(sample.judge(text)) == summary(sample.judge(text, copy))


def test_the_steps_agree_with_the_whole(sample: Sample) -> None:
    """The answer that was read, judged in a prepared worker, has the verdict of the response."""
    problem = Problem.make("task", (Message("user", "?"),), sample.gold)
    sample.verifier.prepare()
    for text in (sample.right, sample.wrong, f"<think>{sample.wrong}</think>{sample.right}"):
        answer = sample.verifier.read(text)
        assert isinstance(answer, str)
        assert len(answer) <= len(text)
        assert summary(sample.verifier.judge(problem, answer)) == summary(sample.judge(text))


def test_a_response_without_an_answer_is_decided_by_reading(sample: Sample) -> None:
    read = sample.verifier.read(sample.no_answer)
    assert isinstance(read, Verdict)
    assert summary(read) == summary(sample.judge(sample.no_answer))


def test_a_verifier_that_limits_itself_says_its_limit(sample: Sample) -> None:
    if not sample.verifier.limits_itself:
        pytest.skip("the pool's limit holds")
    problem = Problem.make("task", (Message("user", "?"),), sample.gold)
    limit_s = sample.verifier.limit_s(problem)
    assert limit_s is not None
    assert 6.0 < limit_s < 86_400.0
