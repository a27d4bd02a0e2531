"""The shape of a model, from its folder; checked before any weight is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.errors import ModelError

FAMILIES = {"Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3", "LlamaForCausalLM": "llama"}
"""Architecture name in `config.json` -> family."""


_HEAD_DIM = {"qwen2": None, "qwen3": 128, "llama": None}
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
class DecoderConfig:
    """Shape of a decoder; the same fields for every family."""

    architecture: str
    """As in `config.json`."""
    num_layers: int
    hidden_size: int
    intermediate_size: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    vocab_size: int
    norm_eps: float
    rope_theta: float
    rope_scaling: Llama3Scaling | None
    """None = plain rotary positions."""
    has_qkv_bias: bool
    has_output_bias: bool
    has_mlp_bias: bool
    has_qk_norm: bool
    is_head_tied: bool
    """The head is the embedding matrix."""
    max_positions: int
    """Context the model was made for [tokens]."""
    eos_ids: tuple[int, ...]
    """Tokens that end a response, from `config.json` and `generation_config.json`."""

    @property
    def qkv_size(self) -> int:
        """Rows of the fused query, key and value projection."""
        return (self.num_heads + 2 * self.num_kv_heads) * self.head_size


def read_config(folder: Path) -> DecoderConfig:
    """Read `config.json` of a Hugging Face folder.

    Raises:
        ModelError: no folder, no or broken file, an architecture or a variant that the decoder does not
        compute.
    """
    raw = read_json(folder, "config.json")
    try:
        return _from_dict(raw, _generation_eos(folder))
    except KeyError as missing:
        raise ModelError(f"{folder / 'config.json'} has no {missing}") from missing


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in `folder / name`; ModelError in one line when it is not there or not readable."""
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}")
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{folder} is not a model folder: it has no {name}")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return raw


def _generation_eos(folder: Path) -> tuple[int, ...]:
    if not (folder / "generation_config.json").is_file():
        return ()
    raw = read_json(folder, "generation_config.json")
    return _ids(raw["eos_token_id"]) if "eos_token_id" in raw else ()


def _ids(value: int | list[int] | None) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _from_dict(raw: dict[str, Any], generation_eos: tuple[int, ...]) -> DecoderConfig:
    names = raw["architectures"] or ["none"]
    family = _family(names[0])
    _refuse_variants(raw, names[0])
    theta, scaling = _rope(raw, names[0])
    heads = raw["num_attention_heads"]
    attention_bias = _setting(raw, "attention_bias", False)
    return DecoderConfig(
        architecture=names[0],
        num_layers=raw["num_hidden_layers"],
        hidden_size=raw["hidden_size"],
        intermediate_size=raw["intermediate_size"],
        num_heads=heads,
        num_kv_heads=_setting(raw, "num_key_value_heads", heads),
        head_size=_setting(raw, "head_dim", _HEAD_DIM[family] or raw["hidden_size"] // heads),
        vocab_size=raw["vocab_size"],
        norm_eps=raw["rms_norm_eps"],
        rope_theta=theta,
        rope_scaling=scaling,
        has_qkv_bias=family == "qwen2" or attention_bias,
        has_output_bias=family != "qwen2" and attention_bias,
        has_mlp_bias=family == "llama" and _setting(raw, "mlp_bias", False),
        has_qk_norm=family == "qwen3",
        is_head_tied=_setting(raw, "tie_word_embeddings", False),
        max_positions=_setting(raw, "max_position_embeddings", 32_768),
        eos_ids=tuple(dict.fromkeys(_ids(_setting(raw, "eos_token_id", None)) + generation_eos)),
    )


def _setting(raw: dict[str, Any], key: str, default: Any) -> Any:
    """Value of an optional key; null counts as missing."""
    return raw[key] if key in raw and raw[key] is not None else default


def _family(architecture: str) -> str:
    if architecture not in FAMILIES:
        raise ModelError(f"architecture {architecture} is not supported; these are: {', '.join(FAMILIES)}")
    return FAMILIES[architecture]


def _refuse_variants(raw: dict[str, Any], architecture: str) -> None:
    if _setting(raw, "use_sliding_window", False):
        raise ModelError(
            f"{architecture} with sliding-window attention is not supported; set use_sliding_window false"
        )
    activation = _setting(raw, "hidden_act", "silu")
    if activation != "silu":
        raise ModelError(f"{architecture} with activation {activation} is not supported; only silu is")
    if "quantization_config" in raw:
        raise ModelError(
            f"{architecture} with quantised weights is not supported; save it in bfloat16 or float32"
        )


def _rope(raw: dict[str, Any], architecture: str) -> tuple[float, Llama3Scaling | None]:
    """Rotary base and scaling: from `rope_parameters`, or from the two fields of older folders."""
    newer = _setting(raw, "rope_parameters", {})
    scaling = newer or _setting(raw, "rope_scaling", {})
    theta = _setting(newer, "rope_theta", _setting(raw, "rope_theta", 10_000.0))
    kind = _setting(scaling, "rope_type", _setting(scaling, "type", "default"))
    if kind == "default":
        return float(theta), None
    if kind != "llama3":
        raise ModelError(
            f"{architecture} with {kind} rotary scaling is not supported; default and llama3 are"
        )
    return float(theta), Llama3Scaling(
        factor=scaling["factor"],
        low_freq_factor=scaling["low_freq_factor"],
        high_freq_factor=scaling["high_freq_factor"],
        original_max_positions=scaling["original_max_position_embeddings"],
    )
