"""Architectures that have no decoder of their own: transformers' forward pass is the oracle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers as tf
from torch import Tensor

from or1.errors import ModelError
from or1.model_config import ModelConfig
from or1.nn.kernels import FAST
from or1.nn.load import save_model
from or1.nn.packed_plan import PackedPlan
from or1.nn.transformers_decoder import TransformersDecoder
from or1.nn.transformers_load import load_transformers, read_shape, unloaded_transformers

COMMON = {
    "vocab_size": 101,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 7,
}
MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
GRANITE = {
    "logits_scaling": 8.0,
    "attention_multiplier": 0.2,
    "embedding_multiplier": 3.0,
    "residual_multiplier": 0.5,
}
CONFIGS: dict[str, tf.PretrainedConfig] = {
    "gemma": tf.GemmaConfig(**COMMON, head_dim=16),
    "gemma3": tf.Gemma3TextConfig(**COMMON, head_dim=16, sliding_window=96),
    "phi": tf.PhiConfig(**COMMON),
    "phi3": tf.Phi3Config(**COMMON),
    "qwen3_moe": tf.Qwen3MoeConfig(**COMMON, **MOE, head_dim=16),
    "olmo": tf.OlmoConfig(**COMMON),
    "olmo2": tf.Olmo2Config(**COMMON),
    "granite": tf.GraniteConfig(**COMMON, **GRANITE),
    "cohere": tf.CohereConfig(**COMMON),
    "mixtral": tf.MixtralConfig(**COMMON, num_local_experts=4),
    "gpt_neox": tf.GPTNeoXConfig(**{k: v for k, v in COMMON.items() if k != "num_key_value_heads"}),
    "gpt2": tf.GPT2Config(
        vocab_size=101, n_embd=64, n_layer=2, n_head=4, n_positions=128, eos_token_id=7, bos_token_id=1
    ),
}


def save_random(config: tf.PretrainedConfig, folder: Path) -> tf.PreTrainedModel:
    """A random model with biases and norms away from their start values."""
    torch.manual_seed(3)
    model = tf.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    return model


@pytest.fixture(params=CONFIGS)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[tf.PreTrainedModel, TransformersDecoder]:
    oracle = save_random(CONFIGS[request.param], tmp_path)
    return oracle, load_transformers(tmp_path, read_shape(tmp_path), dtype=torch.float32)


def test_packed_gradients_are_those_of_single_sequences(
    pair: tuple[tf.PreTrainedModel, TransformersDecoder],
) -> None:
    oracle, decoder = pair
    torch.manual_seed(0)
    sequences = [torch.randint(101, (n,)) for n in (17, 4, 9)]
    probe = torch.randn(30, 101)
    own = torch.cat([oracle(s[None], use_cache=False).logits[0] for s in sequences])
    (own * probe).sum().backward()
    ours = decoder.packed(torch.cat(sequences), [17, 4, 9]) @ decoder.head_weight.t()
    (ours * probe).sum().backward()
    assert (own - ours).abs().max() < 1e-4
    for (name, a), b in zip(oracle.named_parameters(), decoder.causal_lm.parameters(), strict=True):
        if a.grad is None:
            assert b.grad is None or not b.grad.any(), name
        else:
            assert b.grad is not None, name
            assert (a.grad - b.grad).norm() <= 1e-4 * (1e-3 + a.grad.norm()), name


def test_a_model_that_computes_more_is_refused(tmp_path: Path) -> None:
    for number, (config, message) in enumerate(
        [
            (tf.Gemma2Config(**COMMON, head_dim=16), "capped logits"),
            (tf.GptOssConfig(**COMMON, head_dim=16, num_local_experts=4), "attention sinks"),
            (tf.StableLmConfig(**COMMON), "does not pass arguments on"),
        ]
    ):
        folder = tmp_path / str(number)
        save_random(config, folder)
        with pytest.raises(ModelError, match=message):
            load_transformers(folder, read_shape(folder), dtype=torch.float32)


def test_a_saved_model_is_read_by_transformers_with_the_same_logits(
    pair: tuple[tf.PreTrainedModel, TransformersDecoder], tmp_path: Path
) -> None:
    """Experts are fused in memory and apart in the file."""
    oracle, decoder = pair
    changed = {name: p.detach() * 1.5 for name, p in decoder.named_parameters()}
    save_model(
        changed, tmp_path, tmp_path / "out", model=ModelConfig(path=".", implementation="transformers")
    )
    again = tf.AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    with torch.no_grad():
        for parameter in oracle.parameters():
            parameter.mul_(1.5)
        tokens = torch.randint(101, (1, 20))
        assert torch.equal(again(tokens).logits, oracle(tokens).logits)


def test_an_engine_without_weights_takes_published_ones(
    pair: tuple[tf.PreTrainedModel, TransformersDecoder], tmp_path: Path
) -> None:
    _, decoder = pair
    empty = unloaded_transformers(
        tmp_path, decoder.config, dtype=torch.float32, device=torch.device("cpu"), kernels=FAST
    )
    assert all(p.untyped_storage().nbytes() == 4 for p in empty.parameters())
    published = dict(decoder.named_parameters())
    for name, parameter in empty.named_parameters():
        parameter.data = published[name].data
    tokens = torch.randint(101, (12,))
    with torch.no_grad():
        assert torch.equal(empty.packed(tokens, [7, 5]), decoder.packed(tokens, [7, 5]))
        assert torch.equal(empty.head_weight, decoder.head_weight)


def test_recomputed_layers_give_the_same_gradients(
    pair: tuple[tf.PreTrainedModel, TransformersDecoder],
) -> None:
    _, decoder = pair
    tokens = torch.randint(101, (12,))
    num_calls = 0

    def counted(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
        nonlocal num_calls
        num_calls += 1
        return FAST.attend_packed(qk_THD, v_TGD, plan, num_heads)

    decoder.kernels = replace(FAST, attend_packed=counted)
    gradients, calls = [], []
    for recompute in (False, True):
        decoder.recompute, num_calls = recompute, 0
        decoder.zero_grad()
        decoder.packed(tokens, [7, 5]).square().sum().backward()
        gradients.append([None if p.grad is None else p.grad.clone() for p in decoder.parameters()])
        calls.append(num_calls)
    assert calls == [2, 4]
    for a, b in zip(*gradients, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)
