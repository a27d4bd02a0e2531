"""What the shipped model does on held-out problems, and how that is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from or1.models import model_folder
from or1.models.measure import Measured, measure, total_digits
from or1.models.shape import make_tokenizer
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.rollout.local_engine import LocalEngine
from or1.tasks.arithmetic import ArithmeticTask
from or1.types import Finish, Rollout

FOLDER = model_folder("builtin:tiny")
TOKENIZER = load_tokenizer(FOLDER)


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine(load_decoder(FOLDER, dtype=torch.float32), TOKENIZER)


@pytest.fixture(scope="module")
def sampled(engine: LocalEngine) -> Measured:
    return measure(engine, TOKENIZER, ArithmeticTask(split="heldout", num_problems=64).problems(), 8, 1.0)


def test_a_third_to_a_half_is_right_and_problems_differ(sampled: Measured) -> None:
    """512 samples of 64 problems: a standard error of about 5 points is allowed for beyond 30 to 45 %."""
    assert 0.27 < sampled.right < 0.48
    assert sampled.always_right > 0.03
    assert sampled.never_right > 0.1
    assert sampled.right_by_source["arithmetic-1"] > 0.9
    assert sampled.right_by_source["arithmetic-8"] < 0.25


def test_the_first_budget_cuts_two_in_five_and_the_last_almost_none(sampled: Measured) -> None:
    assert 0.32 < sampled.truncated_first < 0.48
    assert sampled.truncated_last < 0.08


def test_there_is_entropy_to_hold_beside_the_slips(sampled: Measured) -> None:
    assert sampled.entropy > 0.3
    assert sampled.entropy_of_wording > 0.25
    assert sampled.entropy_of_totals > sampled.entropy_of_wording


def test_greedily_it_is_right_nearly_always(engine: LocalEngine) -> None:
    """So the noise lies in the sampling, where reinforcement can take it away."""
    problems = ArithmeticTask(split="heldout", num_problems=96).problems()
    assert measure(engine, TOKENIZER, problems, 1, 0.0).right >= 0.8


def test_digits_of_stated_totals_are_told_from_copied_ones() -> None:
    text = "<think>\n23A+8=31, 31 B*3 is 9,so 9.9C-7 : 2</think>\\boxed{2}"
    tokens = make_tokenizer().encode(text).ids
    rollout = Rollout(
        problem_id="p",
        index=0,
        prompt_tokens=np.zeros(1, np.int32),
        response_tokens=np.array(tokens, np.int32),
        behavior_logprobs=np.zeros(len(tokens), np.float32),
        behavior_entropy=None,
        finish=Finish.STOP,
        policy_version=0,
    )
    marked = total_digits(TOKENIZER, rollout)
    shown = TOKENIZER.decode(rollout.response_tokens[marked])
    assert shown == "319"
    assert marked.sum() == 3
