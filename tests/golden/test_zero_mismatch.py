"""Deterministic mode: what the engine recorded while decoding is, bit for bit, what the trainer computes.

Continuous batching with refill mixes rollouts of every length in batches of every size; none of it may show.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from or1.nn.decoder import Decoder
from or1.nn.head import head_logprobs
from or1.nn.kernels import EXACT
from or1.rollout.local_engine import LocalEngine
from or1.types import Rollout, Sampling, WeightHandle
from tests.small import LetterTokenizer, draw_all, engine_decoder, make_problems

TEMPERATURE = 0.8
SAMPLING = Sampling(group_size=8, max_response_tokens=40, temperature=TEMPERATURE, seed=3)


def decode_with(max_running: int, decoder: Decoder) -> list[Rollout]:
    engine = LocalEngine(decoder, LetterTokenizer(), max_running=max_running, max_prompt_tokens=64)
    engine.load(WeightHandle(version=1, ref=dict(decoder.named_parameters())))
    return draw_all(engine, make_problems(25), SAMPLING)


def trainer_logprobs(decoder: Decoder, rollouts: list[Rollout]) -> list[np.ndarray]:
    """The training side: one packed pass over whole sequences, with gradient recorded."""
    sequences = [np.concatenate([r.prompt_tokens, r.response_tokens]) for r in rollouts]
    lengths = [len(sequence) for sequence in sequences]
    rows, start = [], 0
    for rollout, length in zip(rollouts, lengths, strict=True):
        rows.append(np.arange(start + len(rollout.prompt_tokens) - 1, start + length - 1))
        start += length
    tokens_T = torch.from_numpy(np.concatenate(sequences)).long()
    targets_N = torch.from_numpy(np.concatenate([r.response_tokens for r in rollouts])).long()
    hidden_NC = decoder.packed(tokens_T, lengths, rows_N=torch.from_numpy(np.concatenate(rows)))
    logprobs_N, _ = head_logprobs(
        hidden_NC, decoder.head_weight, targets_N, TEMPERATURE, decoder.kernels.head_logits
    )
    return [part.detach().numpy() for part in logprobs_N.split([len(r.response_tokens) for r in rollouts])]


def num_differing_tokens(rollouts: list[Rollout], trained: list[np.ndarray]) -> int:
    pairs = zip(rollouts, trained, strict=True)
    return sum(int((r.behavior_logprobs.view(np.int32) != t.view(np.int32)).sum()) for r, t in pairs)


@pytest.fixture(autouse=True)
def _restore_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def reference() -> tuple[Decoder, list[Rollout]]:
    decoder = engine_decoder(kernels=EXACT)
    return decoder, decode_with(64, decoder)


def test_the_rollouts_are_ragged(reference: tuple[Decoder, list[Rollout]]) -> None:
    lengths = {len(rollout.response_tokens) for rollout in reference[1]}
    assert len(reference[1]) == 200
    assert len(lengths) > 20
    assert {rollout.finish.value for rollout in reference[1]} == {"stop", "length"}


@pytest.mark.parametrize("num_threads", [1, 2])
@pytest.mark.parametrize("max_running", [1, 3, 7, 64])
def test_decoding_equals_training_bitwise(
    reference: tuple[Decoder, list[Rollout]], max_running: int, num_threads: int
) -> None:
    torch.set_num_threads(num_threads)
    decoder, expected = reference
    rollouts = decode_with(max_running, decoder)
    for rollout, other in zip(rollouts, expected, strict=True):
        np.testing.assert_array_equal(rollout.response_tokens, other.response_tokens)
        np.testing.assert_array_equal(rollout.behavior_entropy, other.behavior_entropy)
    assert num_differing_tokens(rollouts, trainer_logprobs(decoder, rollouts)) == 0


def test_training_is_the_same_bits_in_any_packing(reference: tuple[Decoder, list[Rollout]]) -> None:
    decoder, rollouts = reference
    whole = trainer_logprobs(decoder, rollouts)
    for size in (1, 9, 50):
        part = trainer_logprobs(decoder, rollouts[40 : 40 + size])
        for got, expected in zip(part, whole[40 : 40 + size], strict=True):
            np.testing.assert_array_equal(got, expected)


def test_the_smallest_change_of_one_weight_is_seen(reference: tuple[Decoder, list[Rollout]]) -> None:
    _, rollouts = reference
    changed = engine_decoder(kernels=EXACT)
    weight = changed.model.layers[0].mlp.down_proj.weight
    with torch.no_grad():
        weight[3] = torch.nextafter(weight[3], torch.tensor(torch.inf))
    assert num_differing_tokens(rollouts, trainer_logprobs(changed, rollouts)) > 0


def test_default_mode_differs_by_rounding_only() -> None:
    decoder = engine_decoder()
    rollouts = decode_with(7, decoder)
    trained = trainer_logprobs(decoder, rollouts)
    largest = max(
        float(np.abs(r.behavior_logprobs - t).max()) for r, t in zip(rollouts, trained, strict=True)
    )
    assert largest < 2e-5
