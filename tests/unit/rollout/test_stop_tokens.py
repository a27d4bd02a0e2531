"""Further stop tokens in the local engine: responses end earlier, and no other number changes."""

from __future__ import annotations

import contextlib

import numpy as np
import torch

from or1.config import ChatConfig
from or1.models import model_folder
from or1.nn.kernels import EXACT
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.rollout.local_engine import LocalEngine
from or1.tasks.arithmetic import ArithmeticTask
from or1.types import Finish, Rollout, Sampling

FOLDER = model_folder("builtin:tiny")
PROBLEMS = ArithmeticTask(split="heldout", num_problems=3, max_difficulty=3).problems()
SAMPLING = Sampling(group_size=4, max_response_tokens=48, seed=3)


def sampled(*stop_tokens: str) -> dict[tuple[str, int], Rollout]:
    tokenizer = load_tokenizer(FOLDER, chat=ChatConfig(stop_tokens=stop_tokens))
    decoder = load_decoder(FOLDER, dtype=torch.float32, kernels=EXACT)
    with contextlib.closing(LocalEngine(decoder, tokenizer)) as engine:
        return {(r.problem_id, r.index): r for r in engine.rollouts(PROBLEMS, SAMPLING)}


def test_a_response_ends_at_its_first_stop_token_with_the_same_numbers_up_to_there() -> None:
    whole, stopped = sampled(), sampled("=")
    (stop,) = load_tokenizer(FOLDER, chat=ChatConfig(stop_tokens=("=",))).stop_ids
    num_shorter = 0
    for key, rollout in stopped.items():
        full = whole[key].response_tokens
        found = np.flatnonzero(full == stop)
        length = int(found[0]) + 1 if len(found) else len(full)
        num_shorter += length < len(full)
        np.testing.assert_array_equal(rollout.response_tokens, full[:length])
        np.testing.assert_array_equal(rollout.behavior_logprobs, whole[key].behavior_logprobs[:length])
        assert rollout.finish is (Finish.STOP if len(found) else whole[key].finish)
    assert num_shorter > 0, "the model writes = in its first line"
