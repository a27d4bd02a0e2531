"""The shape of a model, from its folder; checked before any weight is read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.errors import ModelError
from or1.memory import Shape

FAMILIES = {
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
}
"""Architecture name in `config.json` -> family."""

_HEAD_DIM = {"qwen2": None, "qwen3": 128, "llama": None, "mistral": None}
"""Head size where `config.json` has no `head_dim`, as transformers has it; None = hidden size / heads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Llama3Scaling:
    """Stretch of the low rotary frequencies. Source: Llama 3.1 model card and its `rope_scaling` field."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_positions: int
    """Context length before the stretch [tokens]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnScaling:
    """Stretch of the low rotary frequencies and larger scores. Source: arXiv 2309.00071, section 3, and the
    `rope_scaling` field of transformers."""

    factor: float
    beta_fast: float
    """Frequencies that turn more often than this in the original context are kept [turns]."""
    beta_slow: float
    """Those that turn less often are divided by `factor` [turns]."""
    original_max_positions: int
    """Context length before the stretch [tokens]."""
    attention_factor: float
    """Multiplies the rotated queries and keys [dimensionless]."""
    truncate: bool
    """Round the range of blended dimensions to whole ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape(Shape):
    """Shape of a causal language model of any architecture: sizes of its tensors, and its limits."""

    architecture: str
    """As in `config.json`."""
    max_positions: int
    """Context the model was made for, or its attention window where that is shorter [tokens]."""
    eos_ids: tuple[int, ...]
    """Tokens that end a response, from `config.json` and `generation_config.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig(ModelShape):
    """All that `Decoder` computes by; the same fields for every family."""

    norm_eps: float
    rope_theta: float
    rope_scaling: Llama3Scaling | YarnScaling | None
    """None = plain rotary positions."""
    has_qkv_bias: bool
    has_output_bias: bool
    has_mlp_bias: bool
    has_qk_norm: bool

    @property
    def qkv_size(self) -> int:
        """Rows of the fused query, key and value projection."""
        return (self.num_heads + 2 * self.num_kv_heads) * self.head_size


SHAPES = (ModelShape, DecoderConfig, Llama3Scaling, YarnScaling)
"""The types of which the shape of a model is made, for messages to other processes."""


def read_config(folder: Path) -> DecoderConfig:
    """Read `config.json` of a Hugging Face folder.

    Raises:
        ModelError: no folder, no or broken file, an architecture or a variant that the decoder does not
        compute.
    """
    raw = read_json(folder, "config.json")
    try:
        return _from_dict(raw, generation_eos(folder))
    except KeyError as missing:
        raise ModelError(f"{folder / 'config.json'} has no {missing}") from missing


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in `folder / name`; ModelError in one line when it is not there or not readable."""
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}")
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{folder} is not a model folder: it has no {name}; give the folder that has it")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return raw


def generation_eos(folder: Path) -> tuple[int, ...]:
    """End tokens named in `generation_config.json`; none without the file."""
    if not (folder / "generation_config.json").is_file():
        return ()
    raw = read_json(folder, "generation_config.json")
    return end_ids(raw["eos_token_id"]) if "eos_token_id" in raw else ()


def end_ids(value: int | list[int] | None) -> tuple[int, ...]:
    """The field `eos_token_id`: a number, several or none."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _from_dict(raw: dict[str, Any], generation_eos: tuple[int, ...]) -> DecoderConfig:
    names = raw["architectures"] or ["none"]
    family = _family(names[0])
    _refuse_variants(raw, names[0])
    theta, scaling = _rope(raw, names[0])
    heads = raw["num_attention_heads"]
    attention_bias = family != "mistral" and setting(raw, "attention_bias", False)
    return DecoderConfig(
        architecture=names[0],
        num_layers=raw["num_hidden_layers"],
        hidden_size=raw["hidden_size"],
        intermediate_size=raw["intermediate_size"],
        num_heads=heads,
        num_kv_heads=setting(raw, "num_key_value_heads", heads),
        head_size=setting(raw, "head_dim", _HEAD_DIM[family] or raw["hidden_size"] // heads),
        vocab_size=raw["vocab_size"],
        norm_eps=raw["rms_norm_eps"],
        rope_theta=theta,
        rope_scaling=scaling,
        has_qkv_bias=family == "qwen2" or attention_bias,
        has_output_bias=family != "qwen2" and attention_bias,
        has_mlp_bias=family == "llama" and setting(raw, "mlp_bias", False),
        has_qk_norm=family == "qwen3",
        is_head_tied=setting(raw, "tie_word_embeddings", False),
        max_positions=max_positions(raw),
        eos_ids=tuple(dict.fromkeys(end_ids(setting(raw, "eos_token_id", None)) + generation_eos)),
    )


def max_positions(raw: Mapping[str, Any]) -> int:
    """Longest sequence whose attention is that of full causal attention [tokens]: the context, or a sliding
    window that is shorter."""
    context = int(setting(raw, "max_position_embeddings", 32_768))
    window = setting(raw, "sliding_window", None)
    # Qwen's configurations carry a window that they use only when another setting asks for it
    is_used = bool(setting(raw, "use_sliding_window", not str(raw["architectures"]).count("Qwen")))
    return min(context, int(window)) if window and is_used else context


def setting(raw: Mapping[str, Any], key: str, default: Any) -> Any:
    """Value of an optional key; null counts as missing."""
    return raw[key] if key in raw and raw[key] is not None else default


def _family(architecture: str) -> str:
    if architecture not in FAMILIES:
        raise ModelError(f"architecture {architecture} is not supported; these are: {', '.join(FAMILIES)}")
    return FAMILIES[architecture]


def _refuse_variants(raw: dict[str, Any], architecture: str) -> None:
    activation = setting(raw, "hidden_act", "silu")
    if activation != "silu":
        raise ModelError(f"{architecture} with activation {activation} is not supported; only silu is")
    if "quantization_config" in raw:
        raise ModelError(
            f"{architecture} with quantised weights is not supported; save it in bfloat16 or float32"
        )


def _rope(raw: dict[str, Any], architecture: str) -> tuple[float, Llama3Scaling | YarnScaling | None]:
    """Rotary base and scaling: from `rope_parameters`, or from the two fields of older folders."""
    newer = setting(raw, "rope_parameters", {})
    scaling = newer or setting(raw, "rope_scaling", {})
    theta = setting(newer, "rope_theta", setting(raw, "rope_theta", 10_000.0))
    kind = setting(scaling, "rope_type", setting(scaling, "type", "default"))
    if setting(scaling, "partial_rotary_factor", 1.0) != 1.0:
        raise ModelError(f"{architecture} with rotary positions on a part of the head is not supported")
    if kind == "default":
        return float(theta), None
    if kind == "yarn":
        return float(theta), _yarn(scaling, raw)
    if kind != "llama3":
        raise ModelError(
            f"{architecture} with {kind} rotary scaling is not supported; default, llama3 and yarn are"
        )
    return float(theta), Llama3Scaling(
        factor=scaling["factor"],
        low_freq_factor=scaling["low_freq_factor"],
        high_freq_factor=scaling["high_freq_factor"],
        original_max_positions=scaling["original_max_position_embeddings"],
    )


def _yarn(scaling: Mapping[str, Any], raw: Mapping[str, Any]) -> YarnScaling:
    factor = float(scaling["factor"])
    context = setting(raw, "max_position_embeddings", 32_768)
    mscale, mscale_all = (setting(scaling, key, None) for key in ("mscale", "mscale_all_dim"))
    if mscale and mscale_all:
        default = _yarn_scale(factor, mscale) / _yarn_scale(factor, mscale_all)
    else:
        default = _yarn_scale(factor, 1.0)
    return YarnScaling(
        factor=factor,
        beta_fast=float(setting(scaling, "beta_fast", 32)),
        beta_slow=float(setting(scaling, "beta_slow", 1)),
        original_max_positions=int(setting(scaling, "original_max_position_embeddings", context)),
        attention_factor=float(setting(scaling, "attention_factor", default)),
        truncate=bool(setting(scaling, "truncate", True)),
    )


def _yarn_scale(factor: float, weight: float) -> float:
    """0.1 ln(factor) + 1, the paper's fit of the temperature. Source: arXiv 2309.00071, equation 22."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0
