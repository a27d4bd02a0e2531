"""The local engine on a CUDA device: graphs, refill and the numbers it records."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from or1.rollout.local_engine import LocalEngine
from or1.types import Sampling
from tests.small import LetterTokenizer, draw_all, engine_decoder, make_problems

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

SAMPLING = Sampling(group_size=5, max_response_tokens=40, temperature=0.9, seed=3)


def make_engine(max_running: int, dtype: torch.dtype = torch.float32) -> LocalEngine:
    decoder = engine_decoder(dtype=dtype).to("cuda")
    return LocalEngine(decoder, LetterTokenizer(), max_running=max_running, max_prompt_tokens=64)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.bfloat16, 0.1)])
@pytest.mark.parametrize("max_running", [3, 64])
def test_recorded_numbers_are_those_of_the_packed_pass(
    max_running: int, dtype: torch.dtype, tolerance: float
) -> None:
    """Every step but the first of its shape is a replayed graph; the packed pass has none."""
    engine = make_engine(max_running, dtype)
    for rollout in draw_all(engine, make_problems(), SAMPLING):
        tokens = (
            torch.from_numpy(np.concatenate([rollout.prompt_tokens, rollout.response_tokens])).long().cuda()
        )
        with torch.no_grad():
            hidden = engine.decoder.packed(tokens, [len(tokens)])
            logits = (hidden @ engine.decoder.head_weight.t()).float() / SAMPLING.temperature
        start = len(rollout.prompt_tokens) - 1
        log_probs_LV = torch.log_softmax(logits[start:-1], -1)
        chosen = log_probs_LV.gather(1, tokens[start + 1 :, None])[:, 0].cpu().numpy()
        assert np.abs(rollout.behavior_logprobs - chosen).mean() < tolerance


def test_a_second_call_draws_the_same() -> None:
    engine = make_engine(8)
    first, second = (draw_all(engine, make_problems(), SAMPLING) for _ in range(2))
    for rollout, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(rollout.response_tokens, other.response_tokens)
