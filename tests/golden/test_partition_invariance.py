"""The same gradient for any split into microbatches, any packing, any order and any padding.

The truth is the whole minibatch in one padded float64 batch, model and loss written out plainly. Policy,
entropy and KL terms, token and sequence means.

Shape legend: S sequences, L longest sequence, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor
from transformers import Qwen2Config, Qwen2ForCausalLM

from or1.algo.loss import token_loss
from or1.config import LossConfig
from or1.nn.decoder import Decoder
from or1.nn.head import head_logprobs
from or1.nn.weights import huggingface_state, load_decoder
from or1.testing import make_problem, make_verdict
from or1.trainer.local_backend import forward
from or1.trainer.packing import TrainedRollout, pack
from or1.types import Finish, Rollout

Numbers = Mapping[str, tuple[Tensor, Tensor]]
"""Name of a rollout -> its old and reference log-probs."""
TEMPERATURE = 0.8
VOCABULARY = 23
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "rope_theta": 100.0,
}
HEAD_SIZE = 16
PAD = 5
"""An ordinary token of the responses too: a mask made from ids would lose it."""
TERMS = {
    "policy": (LossConfig(clip_high=0.28), 0.0),
    "policy, sequence mean, importance weights": (LossConfig(average="sequence", importance_cap=1.5), 0.0),
    "entropy": (LossConfig(), 0.7),
    "kl k2": (LossConfig(kl_coefficient=0.5, kl_estimator="k2"), 0.0),
    "kl k3, sequence mean, entropy": (LossConfig(kl_coefficient=0.5, average="sequence"), 0.3),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        num_key_value_heads=1,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": SHAPE["rope_theta"]},
        **{name: value for name, value in SHAPE.items() if name != "rope_theta"},
    )
    model = Qwen2ForCausalLM(config)
    for parameter in model.parameters():
        # Fresh biases are 0 and norms 1: a gradient or a term that ignored them would go unseen.
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.15)
    out = tmp_path_factory.mktemp("model")
    model.save_pretrained(out)
    return out


def make_rollouts(sizes: Sequence[tuple[int, int]], seed: int = 0) -> list[TrainedRollout]:
    """Rollouts of (prompt, response) tokens with advantages of both signs; equally long prompts are equal."""
    rng = np.random.default_rng(seed)
    problem = make_problem()
    made = []
    for index, (num_prompt, num_response) in enumerate(sizes):
        rollout = Rollout(
            problem_id=problem.id,
            index=index,
            prompt_tokens=7 * np.arange(1, num_prompt + 1, dtype=np.int32) % VOCABULARY,
            response_tokens=rng.integers(VOCABULARY, size=num_response, dtype=np.int32),
            behavior_logprobs=rng.normal(-3.0, 0.3, num_response).astype(np.float32),
            behavior_entropy=None,
            finish=Finish.STOP,
            policy_version=0,
            verdict=make_verdict(1.0),
        )
        made.append(TrainedRollout(rollout=rollout, advantage=float(rng.normal())))
    return made


def padded(rollouts: Sequence[TrainedRollout], extra: int) -> tuple[Tensor, Tensor]:
    """Tokens [S, L] and mask [S, L] with padding behind, `extra` tokens more than needed."""
    sequences = [[*r.rollout.prompt_tokens.tolist(), *r.rollout.response_tokens.tolist()] for r in rollouts]
    longest = max(map(len, sequences)) + extra
    tokens_SL = torch.tensor([s + [PAD] * (longest - len(s)) for s in sequences])
    mask_SL = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sequences])
    return tokens_SL, mask_SL


def padded_logits(weights: Mapping[str, Tensor], tokens_SL: Tensor, mask_SL: Tensor) -> Tensor:
    """Qwen2 written plainly, every step in the type of the weights (transformers keeps norms in float32)."""
    num_sequences, length = tokens_SL.shape
    x = weights["model.embed_tokens.weight"][tokens_SL]
    frequencies = SHAPE["rope_theta"] ** -(torch.arange(0, HEAD_SIZE, 2, dtype=x.dtype) / HEAD_SIZE)
    angles = torch.outer(torch.arange(length, dtype=x.dtype), frequencies)
    cos, sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
    visible = torch.ones(length, length, dtype=torch.bool).tril() & mask_SL[:, None, None, :].bool()

    def norm(x: Tensor, name: str) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weights[name]

    def heads(x: Tensor, name: str) -> Tensor:
        out = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return out.view(num_sequences, length, -1, HEAD_SIZE).transpose(1, 2)

    def rotate(x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    for layer in range(SHAPE["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        normed = norm(x, at + "input_layernorm.weight")
        q, k, v = (heads(normed, f"{at}self_attn.{part}_proj") for part in "qkv")
        scores = rotate(q) @ rotate(k).transpose(2, 3) / HEAD_SIZE**0.5
        mixed = scores.masked_fill(~visible, -torch.inf).softmax(-1) @ v
        x = x + mixed.transpose(1, 2).reshape(x.shape) @ weights[at + "self_attn.o_proj.weight"].T
        normed = norm(x, at + "post_attention_layernorm.weight")
        gate, up = (normed @ weights[f"{at}mlp.{part}_proj.weight"].T for part in ("gate", "up"))
        x = x + (gate * gate.sigmoid() * up) @ weights[at + "mlp.down_proj.weight"].T
    return norm(x, "model.norm.weight") @ weights["model.embed_tokens.weight"].T


def side_numbers(folder: Path, rollouts: Sequence[TrainedRollout]) -> Numbers:
    """Old and reference log-probs: the policy's own, moved far enough to clip some tokens."""
    weights = {name: w.double() for name, w in load_file(folder / "model.safetensors").items()}
    log_probs_SLV = torch.log_softmax(padded_logits(weights, *padded(rollouts, 0)) / TEMPERATURE, -1)
    rng = np.random.default_rng(5)
    numbers = {}
    for s, item in enumerate(rollouts):
        logprobs = response_logprobs(log_probs_SLV[s], item.rollout)
        old, reference = (logprobs + torch.from_numpy(rng.normal(0, 0.3, logprobs.numel())) for _ in range(2))
        numbers[item.name] = (old, reference)
    return numbers


def response_logprobs(log_probs_LV: Tensor, rollout: Rollout) -> Tensor:
    """Of the response tokens of one sequence."""
    response, first = rollout.response_tokens, rollout.prompt_tokens.size
    rows = log_probs_LV[first - 1 : first - 1 + response.size]
    return rows.gather(1, torch.from_numpy(response).long()[:, None]).squeeze(1)


def packed_gradient(
    decoder: Decoder,
    rollouts: Sequence[TrainedRollout],
    numbers: Numbers,
    limit: int,
    config: LossConfig,
    alpha: float,
    share_prompts: bool = False,
) -> dict[str, Tensor]:
    """Gradient by Hugging Face name, gathered over microbatches of at most `limit` tokens."""
    decoder.zero_grad()
    for microbatch in pack(rollouts, limit, config, share_prompts=share_prompts, dtype=decoder.dtype):
        old, reference = zip(*(numbers[name] for name in microbatch.names), strict=True)
        batch = replace(
            microbatch.batch,
            old_logprobs_N=torch.cat(old).to(decoder.dtype),
            reference_logprobs_N=torch.cat(reference).to(decoder.dtype) if config.kl_coefficient else None,
        )
        hidden_NC = forward(decoder, microbatch)
        logprobs_N, entropy_N = head_logprobs(
            hidden_NC, decoder.head_weight, microbatch.targets_N, TEMPERATURE
        )
        token_loss(logprobs_N, entropy_N, batch, config, alpha)[0].backward()
    gradients = {name: p.grad for name, p in decoder.named_parameters() if p.grad is not None}
    return {name: g.double() for name, g in huggingface_state(decoder.config, gradients).items()}


def padded_gradient(
    folder: Path,
    rollouts: Sequence[TrainedRollout],
    numbers: Numbers,
    config: LossConfig,
    alpha: float,
    extra: int,
) -> dict[str, Tensor]:
    """The truth: one padded float64 batch, the loss as the paper writes it."""
    weights = {
        name: w.double().requires_grad_() for name, w in load_file(folder / "model.safetensors").items()
    }
    log_probs_SLV = torch.log_softmax(padded_logits(weights, *padded(rollouts, extra)) / TEMPERATURE, -1)
    num_tokens = sum(r.rollout.response_tokens.size for r in rollouts)
    loss = torch.zeros((), dtype=torch.float64)
    for s, item in enumerate(rollouts):
        response, first = item.rollout.response_tokens, item.rollout.prompt_tokens.size
        rows = log_probs_SLV[s, first - 1 : first - 1 + response.size]
        logprobs = response_logprobs(log_probs_SLV[s], item.rollout)
        old, reference = numbers[item.name]
        ratio = (logprobs - old).exp()
        clipped = ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
        terms = -torch.minimum(ratio * item.advantage, clipped * item.advantage)
        if config.importance_cap is not None:
            behavior = torch.from_numpy(item.rollout.behavior_logprobs).double()
            terms = terms * (old - behavior).exp().clamp(max=config.importance_cap)
        terms = terms + alpha * (rows.exp() * rows).sum(-1)
        if config.kl_estimator == "k2":
            terms = terms + config.kl_coefficient * (logprobs - reference) ** 2 / 2
        else:
            r = reference - logprobs
            terms = terms + config.kl_coefficient * (r.exp() - 1 - r)
        loss = loss + (
            terms.sum() / num_tokens if config.average == "token" else terms.mean() / len(rollouts)
        )
    loss.backward()
    return {name: w.grad for name, w in weights.items() if w.grad is not None}


def relative_error(got: Mapping[str, Tensor], truth: Mapping[str, Tensor]) -> float:
    """Norm of the difference over norm of the truth, all tensors together."""
    assert got.keys() == truth.keys()
    difference = torch.stack([(got[n] - truth[n]).norm() for n in truth]).norm()
    return (difference / torch.stack([truth[n].norm() for n in truth]).norm()).item()


SIZES = ((3, 9), (7, 1), (3, 17), (5, 4), (1, 12), (5, 4), (3, 1))
BOUND: dict[torch.dtype, float] = {torch.float32: 1e-6, torch.float64: 1e-12}


def test_the_plain_model_is_that_of_transformers(folder: Path) -> None:
    tokens_SL, mask_SL = padded(make_rollouts(SIZES), extra=2)
    model = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        wanted = model(input_ids=tokens_SL, attention_mask=mask_SL).logits[mask_SL.bool()]
        plain = padded_logits(load_file(folder / "model.safetensors"), tokens_SL, mask_SL)[mask_SL.bool()]
    torch.testing.assert_close(plain, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("dtype", BOUND, ids=str)
def test_every_split_order_and_padding_has_the_same_gradient(
    dtype: torch.dtype, term: str, folder: Path
) -> None:
    config, alpha = TERMS[term]
    rollouts = make_rollouts(SIZES)
    numbers = side_numbers(folder, rollouts)
    truth = padded_gradient(folder, rollouts, numbers, config, alpha, extra=0)
    assert relative_error(padded_gradient(folder, rollouts, numbers, config, alpha, extra=7), truth) < 1e-13
    decoder = load_decoder(folder, dtype=dtype)
    whole = packed_gradient(decoder, rollouts, numbers, 1000, config, alpha)
    # float32 rounds on the way through the model, in the same way whatever the split.
    assert relative_error(whole, truth) <= (1e-12 if dtype == torch.float64 else 1e-5)
    for share_prompts in (False, True):
        for limit in (1, 12, 20, 31, 1000):
            split = packed_gradient(decoder, rollouts, numbers, limit, config, alpha, share_prompts)
            assert relative_error(split, whole) <= BOUND[dtype]
        reversed_order = packed_gradient(decoder, rollouts[::-1], numbers, 25, config, alpha, share_prompts)
        assert relative_error(reversed_order, whole) <= BOUND[dtype]


def test_the_bound_catches_a_mean_inside_each_microbatch(folder: Path) -> None:
    # The likely bug: each microbatch divides by its own tokens. It is off by tens of percent, not by
    # rounding.
    config, alpha = TERMS["policy"]
    rollouts = make_rollouts(SIZES)
    numbers = side_numbers(folder, rollouts)
    decoder = load_decoder(folder, dtype=torch.float64)
    truth = packed_gradient(decoder, rollouts, numbers, 1000, config, alpha)
    halves = [
        packed_gradient(decoder, part, numbers, 1000, config, alpha) for part in (rollouts[:3], rollouts[3:])
    ]
    mean_of_means = {name: (halves[0][name] + halves[1][name]) / 2 for name in truth}
    assert relative_error(mean_of_means, truth) > 0.1


@given(
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 14)), min_size=1, max_size=9),
    limit=st.integers(1, 80),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_any_shapes_any_split_any_order(
    sizes: list[tuple[int, int]], limit: int, data: Any, folder: Path
) -> None:
    config, alpha = TERMS["kl k3, sequence mean, entropy"]
    rollouts = make_rollouts(sizes, seed=len(sizes))
    numbers = side_numbers(folder, rollouts)
    decoder = load_decoder(folder, dtype=torch.float64)
    whole = packed_gradient(decoder, rollouts, numbers, 10_000, config, alpha)
    shuffled = data.draw(st.permutations(rollouts))
    share_prompts = data.draw(st.booleans())
    split = packed_gradient(decoder, shuffled, numbers, limit, config, alpha, share_prompts)
    assert relative_error(split, whole) <= 1e-12


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_dropping_groups_without_signal_never_shrinks_the_gradient(average: Any, folder: Path) -> None:
    # Rollouts of advantage 0 add nothing to the sum but sit in the denominator: leaving them out divides the
    # same sum by less. A denominator fixed at the configured batch would give a ratio of exactly 1.
    config = LossConfig(average=average)
    decoder = load_decoder(folder, dtype=torch.float64)
    signal = make_rollouts(SIZES)
    silent = [
        replace(r, advantage=0.0) for r in make_rollouts((*SIZES, (2, 8), (3, 3), (6, 5)))[len(SIZES) :]
    ]
    numbers = side_numbers(folder, [*signal, *silent])
    kept = packed_gradient(decoder, signal, numbers, 30, config, 0.0)
    everything = packed_gradient(decoder, [*signal, *silent], numbers, 30, config, 0.0)
    count = {"token": (48, 48 + 16), "sequence": (7, 7 + 3)}[average]
    grown = {name: g * count[1] / count[0] for name, g in everything.items()}
    assert relative_error(grown, kept) <= 1e-12
