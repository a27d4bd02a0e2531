"""Held-out questions that are trained on are refused, however they are written."""

import pytest

from or1.assemble.overlap import refuse_overlap
from or1.config import RunConfig
from or1.errors import DataError
from or1.evals.benchmark import load_benchmark
from or1.recipes import load
from or1.types import Message, Problem

BOXED = "Let's think step by step and output the final answer within \\boxed{}."
MINE = "Give a number."
ASKED = "Find the least $x$ such that $\\frac{x}{3} > 41$."


def run() -> RunConfig:
    return load("tiny", [f'data.0.instruction="{MINE}"'])


def asked(text: str, gold: str = "124") -> Problem:
    return Problem.make("math", (Message("user", text),), gold)


@pytest.mark.parametrize(
    "trained",
    [
        ASKED,
        f"{ASKED} {BOXED}",
        f"{ASKED}\n{MINE}",
        "Problem 3: find the least x such that \\(\\dfrac x3>41\\)",
    ],
)
def test_the_same_question_is_refused(trained: str) -> None:
    train, heldout = [asked("Find 2 + 2."), asked(trained, "1")], [asked("Find 3 + 5."), asked(ASKED)]
    with pytest.raises(DataError, match=r"^1 held-out questions are also trained on, first 'Find the least"):
        refuse_overlap(run(), [], train, heldout)


def test_a_benchmark_is_compared_without_its_suffix() -> None:
    aime = load_benchmark("aime24")
    with pytest.raises(DataError, match="also trained on"):
        refuse_overlap(run(), [aime], [asked(ASKED)], [asked(ASKED + aime.suffix)])


@pytest.mark.parametrize("other", [ASKED.replace("41", "42"), ASKED.replace("least", "greatest"), "!?", ""])
def test_other_questions_pass(other: str) -> None:
    refuse_overlap(run(), [], [asked(ASKED), asked("?")], [asked(other)])
