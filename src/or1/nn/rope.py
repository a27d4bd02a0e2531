"""Rotary positions. Shape letters: see `or1.nn`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from or1.nn.config import DecoderConfig, Llama3Scaling, YarnScaling


def rotary_table(
    config: DecoderConfig, num_positions: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Cosines and signed sines of all positions [L, 2, D], computed in float32 (float64 for a float64 model).

    Row l holds (cos, cos) and (-sin, sin) of l * frequency, so that `rotate` is one product and one addition.
    """
    wide = torch.float64 if dtype is torch.float64 else torch.float32
    even_E = torch.arange(0, config.head_size, 2, dtype=wide, device=device)
    frequencies_E = 1.0 / config.rope_theta ** (even_E / config.head_size)
    if isinstance(config.rope_scaling, Llama3Scaling):
        frequencies_E = _stretch(frequencies_E, config.rope_scaling)
    elif isinstance(config.rope_scaling, YarnScaling):
        frequencies_E = _stretch_yarn(frequencies_E, config)
    angles_LE = torch.arange(num_positions, dtype=wide, device=device)[:, None] * frequencies_E
    cos_LE, sin_LE = angles_LE.cos(), angles_LE.sin()
    if isinstance(config.rope_scaling, YarnScaling):
        cos_LE, sin_LE = (x * config.rope_scaling.attention_factor for x in (cos_LE, sin_LE))
    table = torch.stack([torch.cat([cos_LE, cos_LE], -1), torch.cat([-sin_LE, sin_LE], -1)], 1)
    return table.to(dtype)


def _stretch(frequencies_E: Tensor, scaling: Llama3Scaling) -> Tensor:
    """Divide low frequencies by `factor`, keep high ones, blend between. Source: Llama 3.1 reference code."""
    turns_E = scaling.original_max_positions * frequencies_E / (2 * math.pi)
    span = scaling.high_freq_factor - scaling.low_freq_factor
    blend_E = ((turns_E - scaling.low_freq_factor) / span).clamp(0.0, 1.0)
    return frequencies_E * (blend_E + (1.0 - blend_E) / scaling.factor)


def _stretch_yarn(frequencies_E: Tensor, config: DecoderConfig) -> Tensor:
    """Keep frequencies that turn often in the original context, divide those that turn seldom, blend between.
    Source: arXiv 2309.00071, section 3.2, with the dimensions of transformers."""
    scaling, size = config.rope_scaling, config.head_size
    assert isinstance(scaling, YarnScaling)

    def dimension(turns: float) -> float:
        """The dimension whose frequency makes this many turns in the original context."""
        ratio = scaling.original_max_positions / (turns * 2 * math.pi)
        return size * math.log(ratio) / (2 * math.log(config.rope_theta))

    low, high = dimension(scaling.beta_fast), dimension(scaling.beta_slow)
    if scaling.truncate:
        low, high = float(math.floor(low)), float(math.ceil(high))
    low, high = max(low, 0.0), min(high, size - 1.0)
    index_E = torch.arange(frequencies_E.numel(), dtype=frequencies_E.dtype, device=frequencies_E.device)
    divided_E = ((index_E - low) / (max(high - low, 0.001))).clamp(0.0, 1.0)
    return frequencies_E * (1.0 - divided_E + divided_E / scaling.factor)


def rotate(x_THD: Tensor, rotary_TXD: Tensor) -> Tensor:
    """Turn each pair (d, d + D/2) of every head by its token's angle.

    Args:
        x_THD: queries or keys [T, H, D].
        rotary_TXD: rows of `rotary_table` at the tokens' positions [T, 2, D].
    """
    cos, sin = rotary_TXD[:, :1], rotary_TXD[:, 1:]
    return torch.addcmul(x_THD * cos, x_THD.roll(x_THD.shape[-1] // 2, -1), sin)
