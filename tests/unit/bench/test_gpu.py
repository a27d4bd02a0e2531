"""The GPU benchmark: its limits by worked numbers, and its work on a small shape on a CPU."""

from __future__ import annotations

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import SHAPE, Sizes, decode, decode_bytes, num_parameters, random_group, update
from or1.nn.decoder import Decoder
from tests.small import small_config

TINY = Sizes(rows=3, prompt=4, response=6, updates=(12,), rollouts=2)


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "bandwidth", lambda device: 1e9)
    monkeypatch.setattr(gpu, "matmul_peak", lambda device: 1e9)


def test_parameters_are_counted_as_the_decoder_has_them() -> None:
    config = small_config(num_layers=3)
    assert num_parameters(config) == sum(p.numel() for p in Decoder(config).parameters())
    assert num_parameters(SHAPE) == 1_543_714_304, "Qwen2.5-1.5B, from its model card: 1.54 B"


def test_a_step_reads_weights_once_and_live_positions_of_each_row() -> None:
    """6 steps at 4 to 9 positions: 39 positions of 3 rows, 2 (keys, values) x 1 layer x 8 x 2 bytes each."""
    config = small_config()
    assert decode_bytes(config, TINY) == 6 * 2 * num_parameters(config) + 3 * 39 * 32


def test_decode_and_update_do_the_whole_work() -> None:
    config, cpu = small_config(), torch.device("cpu")
    done = decode(config, TINY, cpu)
    assert done["tokens_per_s"] * done["seconds"] == pytest.approx(18)
    trained = update(config, TINY, 12, cpu)
    assert trained["tokens_per_s"] * trained["seconds"] == pytest.approx(24)
    group, advantages = random_group(config, TINY, 12)
    assert [len(r.prompt_tokens) + len(r.response_tokens) for r in group.rollouts] == [12, 12]
    assert advantages.tolist() == [-1.0, 1.0]
