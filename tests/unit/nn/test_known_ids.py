"""Rows of the embedding behind the tokenizer's ids: no probability, no samples, no gradient."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from or1.assemble.model import PROBE, read_model, warn_of_unknown_ids
from or1.config import ModelConfig, SystemConfig
from or1.models import model_folder
from or1.nn.head import KnownIds, head_logits, head_logprobs
from or1.nn.kernels import EXACT, FAST, Kernels, for_ids
from or1.types import Sampling
from tests.small import ENGINE_VOCABULARY, EOS, draw_all, engine_decoder, make_engine, make_problems

NUM_IDS = 91
SAMPLING = Sampling(group_size=8, max_response_tokens=30, temperature=0.8, seed=2)
TINY = Path(model_folder("builtin:tiny"))
EMBEDDING = "model.embed_tokens.weight"


@pytest.mark.parametrize("keep_bytes", [0, 1 << 20], ids=["recomputed", "kept"])
def test_values_and_gradients_are_those_of_a_head_without_the_rows(keep_bytes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 5, dtype=torch.float64, generator=generator).requires_grad_()
    weight = torch.randn(11, 5, dtype=torch.float64, generator=generator).requires_grad_()
    targets = torch.tensor([0, 7, 3, 7, 1, 2, 6])
    found = []
    for head, logits_of in ((weight, KnownIds(head_logits, 8)), (weight[:8], head_logits)):
        logprobs, entropy = head_logprobs(
            hidden, head, targets, 0.7, logits_of, chunk_tokens=3, keep_bytes=keep_bytes
        )
        value = (2 * logprobs + entropy.square()).sum()
        found.append((logprobs, entropy, *torch.autograd.grad(value, (hidden, weight))))
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-13)
    assert found[0][3][8:].eq(0).all()


def test_an_id_without_a_token_has_no_probability_where_another_engine_sampled_it() -> None:
    """Not an index error, which on a GPU would end the process; the update is then skipped as not finite."""
    hidden, weight = torch.ones(2, 3, requires_grad=True), torch.eye(5, 3)
    logprobs, _ = head_logprobs(hidden, weight, torch.tensor([1, 4]), 1.0, KnownIds(head_logits, 4))
    assert logprobs[0].isfinite()
    assert logprobs[1].item() == -np.inf
    logprobs[0].backward()
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()


@pytest.mark.parametrize("kernels", [FAST, EXACT], ids=["fast", "exact"])
def test_ids_without_a_token_are_never_sampled_and_the_numbers_are_of_the_others(kernels: Kernels) -> None:
    known = for_ids(kernels, NUM_IDS, ENGINE_VOCABULARY)
    rollouts = draw_all(make_engine(kernels=known), make_problems(), SAMPLING)
    unmasked = draw_all(make_engine(kernels=kernels), make_problems(), SAMPLING)
    assert max(r.response_tokens.max() for r in unmasked) >= NUM_IDS
    assert max(r.response_tokens.max() for r in rollouts) < NUM_IDS
    assert EOS[-1] < NUM_IDS
    decoder = engine_decoder(known)
    for rollout in rollouts:
        tokens = torch.from_numpy(np.concatenate([rollout.prompt_tokens, rollout.response_tokens])).long()
        with torch.no_grad():
            hidden = decoder.packed(tokens, [len(tokens)])
            start = len(rollout.prompt_tokens) - 1
            logits = (hidden @ decoder.head_weight[:NUM_IDS].t())[start:-1] / SAMPLING.temperature
            trained, _ = head_logprobs(
                hidden[start:-1],
                decoder.head_weight,
                tokens[start + 1 :],
                SAMPLING.temperature,
                known.head_logits,
            )
        chosen = logits.log_softmax(-1).gather(1, tokens[start + 1 :, None])[:, 0]
        np.testing.assert_allclose(rollout.behavior_logprobs, chosen.numpy(), atol=2e-5)
        assert rollout.behavior_entropy is not None
        assert np.isfinite(rollout.behavior_entropy).all()
        if kernels is EXACT:
            np.testing.assert_array_equal(rollout.behavior_logprobs, trained.numpy())


def padded_tiny(folder: Path, num_rows: int, *, copied_row: int = 0) -> Path:
    """The built-in model with copies of one row behind its embedding."""
    shutil.copytree(TINY, folder)
    config = json.loads((folder / "config.json").read_text())
    config["vocab_size"] += num_rows
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    weight = tensors[EMBEDDING]
    tensors[EMBEDDING] = torch.cat([weight, weight[copied_row].expand(num_rows, -1)])
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_a_model_knows_the_ids_of_its_tokenizer(tmp_path: Path) -> None:
    plain = read_model(ModelConfig(path="builtin:tiny"), SystemConfig())
    assert plain.kernels is FAST, "without such rows nothing changes"
    folder = padded_tiny(tmp_path / "padded", 8)
    padded = read_model(ModelConfig(path=str(folder)), SystemConfig())
    assert padded.kernels == replace(FAST, head_logits=KnownIds(head_logits, padded.tokenizer.num_ids))
    assert padded.tokenizer.num_ids == padded.config.vocab_size - 8


def test_probability_of_such_ids_is_reported_once_and_for_large_mass_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny = read_model(ModelConfig(path=str(TINY)), SystemConfig())
    loaded, prompt = tiny.load(), tiny.tokenizer.encode_prompt(PROBE)
    with torch.no_grad():
        logits = loaded.packed(torch.from_numpy(prompt).long(), [len(prompt)])[-1] @ loaded.head_weight.t()
    rows = (("unlikely", int(logits.argmin()), 0), ("likely", int(logits.argmax()), 1))
    for name, copied_row, num_warnings in rows:
        caplog.clear()
        folder = padded_tiny(tmp_path / name, 8, copied_row=copied_row)
        model = read_model(ModelConfig(path=str(folder)), SystemConfig())
        with caplog.at_level(logging.WARNING):
            warn_of_unknown_ids(model, model.load())
        found = [r for r in caplog.messages if "to 8 ids that its tokenizer lacks" in r]
        assert len(found) == num_warnings, caplog.messages
