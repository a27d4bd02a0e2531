"""What the shipped model does on held-out problems, and how that is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from or1.models import model_folder
from or1.models.measure import Behaviour, measure, total_digits
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
def sampled(engine: LocalEngine) -> Behaviour:
    return measure(engine, TOKENIZER, ArithmeticTask(split="heldout", num_problems=64).problems(), 8, 1.0)


def test_samples_get_rarer_right_with_difficulty(sampled: Behaviour) -> None:
    """Measured over 96 problems x 16: 0.158 of all, 0.61 of the shortest, 0.02 of the longest chains."""
    assert 0.08 < sampled.right < 0.26
    assert sampled.right_by_source["arithmetic-1"] > 0.45
    assert sampled.right_by_source["arithmetic-8"] < 0.15
    assert 0.15 < sampled.never_right < 0.55


def test_the_first_budget_cuts_a_third_and_the_last_almost_none(sampled: Behaviour) -> None:
    assert 0.27 < sampled.truncated_first < 0.43
    assert sampled.truncated_last < 0.03


def test_there_is_entropy_to_hold_beside_the_totals(sampled: Behaviour) -> None:
    assert sampled.entropy_of_wording > 0.35
    assert sampled.entropy_of_totals > sampled.entropy_of_wording
    assert 0.05 < sampled.totals_share < 0.13


def test_greedily_it_is_right_far_more_often(engine: LocalEngine) -> None:
    """Up to four operations: the noise lies in the sampling, where reinforcement can take it away."""
    problems = ArithmeticTask(split="heldout", num_problems=64, max_difficulty=4).problems()
    assert measure(engine, TOKENIZER, problems, 1, 0.0).right > 0.85


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
