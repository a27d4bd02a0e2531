"""The comparison of an engine with the published weights, and the decoder that scores them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from or1.errors import EngineError
from or1.nn.causal_model import CausalModel
from or1.nn.decoder import Decoder
from or1.nn.kernels import EXACT, FAST
from or1.nn.published import write_published
from or1.nn.weights import unloaded_decoder
from or1.rollout.canary import Canary, DecoderScorer
from or1.rollout.engine_messages import CanaryReading
from or1.types import Sampling, WeightHandle
from tests.fake_engine import canary_logprobs
from tests.fake_pool import ShiftScorer
from tests.small import ENGINE_CONFIG, engine_decoder, make_engine, make_problems


def make_canary(max_nats: float = 1e-3, max_model_tokens: int = 512) -> Canary:
    return Canary(ShiftScorer(), num_ids=128, max_model_tokens=max_model_tokens, max_nats=max_nats)


def reading(canary: Canary, shift: float) -> CanaryReading:
    sampled = np.arange(1, canary.num_sampled + 1, dtype=np.int32)
    both = canary_logprobs(np.concatenate([canary.tokens, sampled]), shift)
    return CanaryReading(both[: len(canary.tokens) - 1], sampled, both[len(canary.tokens) - 1 :])


@pytest.mark.parametrize("max_model_tokens", [4, 33, 512])
def test_the_canary_fits_the_engine_and_passes_under_the_same_weights(max_model_tokens: int) -> None:
    canary = make_canary(max_model_tokens=max_model_tokens)
    assert 1 <= canary.num_sampled < canary.num_sampled + len(canary.tokens) <= max_model_tokens
    weights = WeightHandle(version=1, ref=0.25)
    assert canary.check(weights, {"a": reading(canary, 0.25), "b": reading(canary, 0.25)}) == 0.0
    assert canary.check(weights, {"a": reading(canary, 0.2505)}) == pytest.approx(5e-4, rel=1e-3)


@pytest.mark.parametrize("position", [0, 94, 95, 110])
@pytest.mark.parametrize("wrong", [0.002, -0.002, float("nan"), float("-inf")])
def test_one_wrong_number_anywhere_is_enough(position: int, wrong: float) -> None:
    canary = make_canary()
    read = reading(canary, 0.25)
    where = np.concatenate([read.prompt_logprobs, read.logprobs])
    where[position] += wrong
    spoilt = CanaryReading(where[:95], read.tokens, where[95:])
    with pytest.raises(EngineError, match=f"engine 2 does .*version 7.: token {position + 2} of the"):
        canary.check(
            WeightHandle(version=7, ref=0.25), {"engine 1": reading(canary, 0.25), "engine 2": spoilt}
        )


def test_a_reading_of_another_length_is_refused() -> None:
    canary = make_canary()
    read = reading(canary, 0.0)
    short = CanaryReading(read.prompt_logprobs[1:], read.tokens, read.logprobs)
    with pytest.raises(EngineError, match="scored 110 tokens of a canary of 111"):
        canary.check(WeightHandle(version=1, ref=0.0), {"engine 1": short})


@pytest.mark.parametrize("as_file", [False, True])
def test_the_decoder_scores_what_the_local_engine_records(as_file: bool, tmp_path: Path) -> None:
    decoder = engine_decoder(EXACT)
    state = {name: p.detach() for name, p in decoder.named_parameters()}
    ref: object = state
    if as_file:
        write_published(ENGINE_CONFIG, state, tmp_path / "weights")
        ref = tmp_path / "weights"
    engine = make_engine(kernels=EXACT)
    engine.load(WeightHandle(version=1, ref=ref))
    rollouts = list(engine.rollouts(make_problems(4), Sampling(group_size=2, max_response_tokens=20)))
    shape = {"dtype": torch.float32, "kernels": FAST}
    scorer = DecoderScorer(lambda device: unloaded_decoder(ENGINE_CONFIG, **shape, device=device))
    sequences = [np.concatenate([r.prompt_tokens, r.response_tokens]) for r in rollouts]
    scores = scorer.logprobs(WeightHandle(version=1, ref=ref), sequences)
    for rollout, score in zip(rollouts, scores, strict=True):
        assert len(score) == len(rollout.prompt_tokens) + len(rollout.response_tokens) - 1
        assert score[len(rollout.prompt_tokens) - 1 :] == pytest.approx(rollout.behavior_logprobs, abs=1e-4)


def test_published_weights_are_scored_where_they_lie(tmp_path: Path) -> None:
    """A file of training ranks does not go onto a GPU that they fill; the same tokens cost once."""
    state = {name: p.detach() for name, p in engine_decoder(EXACT).named_parameters()}
    write_published(ENGINE_CONFIG, state, tmp_path / "weights")
    asked: list[tuple[torch.device, int]] = []

    class Counting(Decoder):
        def packed(self, tokens_T: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
            asked.append((tokens_T.device, len(tokens_T)))
            return super().packed(tokens_T, lengths)

    def unloaded(device: torch.device) -> CausalModel:
        made = unloaded_decoder(ENGINE_CONFIG, dtype=torch.float32, device=device, kernels=FAST)
        made.__class__ = Counting
        return made

    scorer = DecoderScorer(unloaded)
    same, other = np.arange(5, dtype=np.int32), np.arange(1, 7, dtype=np.int32)
    for ref in (tmp_path / "weights", state):
        scores = scorer.logprobs(WeightHandle(version=1, ref=ref), [same, other, same.copy()])
        assert [len(score) for score in scores] == [4, 5, 4]
        assert np.array_equal(scores[0], scores[2])
    assert asked == [(torch.device("cpu"), 11)] * 2
