"""One small decoder shape for the tests, to vary by name."""

from __future__ import annotations

from dataclasses import replace

from or1.nn.config import DecoderConfig

_SMALL = DecoderConfig(
    architecture="Qwen2ForCausalLM",
    num_layers=1,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_size=8,
    vocab_size=17,
    norm_eps=1e-6,
    rope_theta=100.0,
    rope_scaling=None,
    has_qkv_bias=True,
    has_output_bias=False,
    has_mlp_bias=False,
    has_qk_norm=False,
    is_head_tied=True,
    max_positions=64,
    eos_ids=(0,),
)


def small_config(**changes: object) -> DecoderConfig:
    """A Qwen2 decoder of one layer and 17 tokens, with these fields changed."""
    return replace(_SMALL, **changes)
