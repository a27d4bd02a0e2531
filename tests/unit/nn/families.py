"""Random small models of each family as Hugging Face folders: transformers is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

VOCAB = 101
SHAPE = {
    "vocab_size": VOCAB,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "eos_token_id": 7,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN_ROPE = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
    "beta_fast": 4.0,
}


def qwen2() -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**SHAPE, tie_word_embeddings=True))


def qwen3() -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=32, tie_word_embeddings=False))


def qwen3_with_bias() -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=16, attention_bias=True, tie_word_embeddings=True))


def llama() -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=False))


def llama3() -> PreTrainedModel:
    config = LlamaConfig(
        **SHAPE, rope_parameters=LLAMA3_ROPE, attention_bias=True, mlp_bias=True, tie_word_embeddings=False
    )
    return LlamaForCausalLM(config)


def mistral() -> PreTrainedModel:
    return MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=256, tie_word_embeddings=False))


def qwen3_yarn() -> PreTrainedModel:
    return Qwen3ForCausalLM(
        Qwen3Config(**SHAPE, head_dim=16, rope_parameters=YARN_ROPE, tie_word_embeddings=True)
    )


FAMILIES: dict[str, Callable[[], PreTrainedModel]] = {
    "qwen2": qwen2,
    "qwen3": qwen3,
    "qwen3_with_bias": qwen3_with_bias,
    "llama": llama,
    "llama3": llama3,
    "mistral": mistral,
    "qwen3_yarn": qwen3_yarn,
}


def save_random(name: str, folder: Path, **saving: object) -> PreTrainedModel:
    """Write a random model of one family, every norm and bias away from its start value, and return it."""
    torch.manual_seed(len(name))
    model = FAMILIES[name]().float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder, **saving)
    return model


def oracle_logits(model: PreTrainedModel, sequences: list[torch.Tensor]) -> torch.Tensor:
    """Logits of each sequence alone, one after another [T, V]."""
    with torch.no_grad():
        return torch.cat([model(sequence[None]).logits[0] for sequence in sequences])
