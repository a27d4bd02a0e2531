"""The local engine on a CUDA device: graphs, refill and the numbers it records."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from or1.rollout.local_engine import LocalEngine
from or1.rollout.running_batch import RunningBatch
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


def test_graphs_and_memory_are_kept_between_calls() -> None:
    engine = make_engine(8, torch.bfloat16)
    for _ in range(2):
        draw_all(engine, make_problems(), SAMPLING)
        counts = engine.num_captures, engine.num_allocations
    draw_all(engine, make_problems(), SAMPLING)
    assert (engine.num_captures, engine.num_allocations) == counts
    assert engine.num_allocations == 1


def test_memory_is_given_back_for_the_update_and_taken_again() -> None:
    engine = make_engine(8, torch.bfloat16)
    before = torch.cuda.memory_allocated()
    first = draw_all(engine, make_problems(), SAMPLING)
    assert torch.cuda.memory_allocated() > before
    engine.free_memory()
    assert torch.cuda.memory_allocated() <= before + (1 << 20)
    for rollout, other in zip(draw_all(engine, make_problems(), SAMPLING), first, strict=True):
        np.testing.assert_array_equal(rollout.response_tokens, other.response_tokens)


def test_no_step_waits_for_the_device() -> None:
    """Between two requests that finish, the host only launches work."""
    engine = make_engine(8, torch.bfloat16)
    draw_all(engine, make_problems(), SAMPLING)
    step = RunningBatch.decode

    def decode(batch: RunningBatch) -> bool:
        torch.cuda.set_sync_debug_mode("error")
        try:
            return step(batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunningBatch, "decode", decode)
        draw_all(engine, make_problems(), SAMPLING)
