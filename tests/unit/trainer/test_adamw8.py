"""AdamW with moments in 8 bits: close to 32 bits, a quarter of the memory, resumed bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from or1.config import OptimizerConfig
from or1.trainer import adamw8
from or1.trainer.adamw8 import BLOCK_SIZE, empty_state, moment, put_moment, state_bytes
from or1.trainer.optimizer import MOMENTS_FILE, MasterOptimizer

CONFIG = OptimizerConfig(learning_rate=3e-3, weight_decay=0.01, max_grad_norm=10.0)


def make_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 96), nn.Tanh(), nn.Linear(96, 5))


def losses(optimizer: MasterOptimizer, network: nn.Module, steps: range) -> list[float]:
    """Cross-entropy on batches of a fixed task; batch t is the same for everyone."""
    found = []
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        inputs = torch.randn(64, 24, generator=generator)
        targets = inputs[:, :5].argmax(1)
        optimizer.clear()
        loss = nn.functional.cross_entropy(network(inputs), targets)
        loss.backward()
        optimizer.apply(optimizer.grad_norm())
        found.append(loss.item())
    return found


def make_optimizer(network: nn.Module, bits: int) -> MasterOptimizer:
    return MasterOptimizer(dict(network.named_parameters()), CONFIG, bits=bits)


def test_the_loss_follows_32_bits_within_2_percent_for_30_steps() -> None:
    curves = []
    for bits in (32, 8):
        network = make_network()
        curves.append(losses(make_optimizer(network, bits), network, range(30)))
    full, small = (torch.tensor(curve) for curve in curves)
    assert full[-5:].mean() < 0.8 * full[:5].mean()
    assert ((small - full).abs() / full).max() < 0.02


def test_moments_take_a_quarter_of_the_memory() -> None:
    found = {}
    for bits in (32, 8):
        parameter = nn.Parameter(torch.ones(300, 1000))
        optimizer = MasterOptimizer({"w": parameter}, CONFIG, bits=bits)
        to_come = optimizer.bytes_to_come
        parameter.grad = torch.ones_like(parameter)
        optimizer.apply(1.0)
        state = optimizer._adamw.state[parameter]
        found[bits] = sum(value.nbytes for name, value in state.items() if name != "step")
        assert found[bits] == to_come
        assert optimizer.bytes_to_come == 0
    assert found[8] == state_bytes(torch.empty(300_000)) == 2 * (300_000 + 4 * 1172)
    assert found[8] / found[32] == pytest.approx(0.254, abs=0.001)


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq"])
def test_codes_keep_small_values_and_are_right_on_average(name: str) -> None:
    """One large value beside small ones: a linear code would make 1e-4 of it 0."""
    state = empty_state(torch.empty(2 * BLOCK_SIZE))
    values = torch.full((2 * BLOCK_SIZE,), 1e-4)
    values[0], values[BLOCK_SIZE:] = 1.0, 0.5
    if name == "exp_avg":
        values[1::2] *= -1
    total = torch.zeros_like(values)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        put_moment(state, name, 0, values, generator)
        got = moment(state, name, 0, values.numel())
        assert torch.equal(got.sign(), values.sign())
        total += got
    mean = total.abs() / 400
    for part in (slice(0, 1), slice(1, BLOCK_SIZE), slice(BLOCK_SIZE, None)):
        assert mean[part].mean().item() == pytest.approx(values[part].abs().mean().item(), rel=0.01)


def test_a_second_moment_decays_though_one_update_is_less_than_half_a_code() -> None:
    """0.999 ^ 700 is 0.496; rounded to the nearest, all but the scale's own value would stay at 1 / 2."""
    state = empty_state(torch.empty(BLOCK_SIZE))
    values = torch.full((BLOCK_SIZE,), 0.5)
    values[0] = 1.0
    put_moment(state, "exp_avg_sq", 0, values, torch.Generator().manual_seed(0))
    for step in range(700):
        decayed = moment(state, "exp_avg_sq", 0, BLOCK_SIZE) * 0.999
        decayed[0] = 1.0  # one gradient stays large, so the scale stays
        put_moment(state, "exp_avg_sq", 0, decayed, torch.Generator().manual_seed(step))
    assert moment(state, "exp_avg_sq", 0, BLOCK_SIZE)[1:].mean().item() == pytest.approx(0.248, rel=0.05)


def test_chunks_change_only_the_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for chunk in (BLOCK_SIZE, 1 << 22):
        monkeypatch.setattr(adamw8, "CHUNK", chunk)
        parameter = nn.Parameter(torch.ones(1000))
        optimizer = MasterOptimizer({"w": parameter}, CONFIG, bits=8)
        parameter.grad = torch.linspace(-1, 1, 1000)
        optimizer.apply(1.0)
        state = optimizer._adamw.state[parameter]
        found.append((parameter.detach(), state["exp_avg_scale"], state["exp_avg_code"].int()))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert (found[0][2] - found[1][2]).abs().max() <= 1


def test_a_saved_run_continues_bit_for_bit(tmp_path: Path) -> None:
    network = make_network()
    optimizer = make_optimizer(network, 8)
    losses(optimizer, network, range(6))
    optimizer.save(tmp_path)
    with safe_open(tmp_path / MOMENTS_FILE, "pt") as file:
        types = {str(file.get_tensor(name).dtype) for name in file.keys()}  # noqa: SIM118
    assert types == {"torch.int8", "torch.uint8", "torch.float32"}
    other = make_network()
    resumed = make_optimizer(other, 8)
    resumed.load(tmp_path)
    assert losses(resumed, other, range(6, 12)) == losses(optimizer, network, range(6, 12))
    for own, expected in zip(other.parameters(), network.parameters(), strict=True):
        assert torch.equal(own, expected)


@pytest.mark.parametrize(("saved", "loaded"), [(32, 8), (8, 32)])
def test_a_run_goes_on_with_other_bits(tmp_path: Path, saved: int, loaded: int) -> None:
    network = make_network()
    optimizer = make_optimizer(network, saved)
    losses(optimizer, network, range(10))
    optimizer.save(tmp_path)
    other = make_network()
    resumed = make_optimizer(other, loaded)
    resumed.load(tmp_path)
    assert resumed.bytes_to_come == 0
    expected, own = (
        torch.tensor(losses(*pair, range(10, 20))) for pair in ((optimizer, network), (resumed, other))
    )
    assert ((own - expected).abs() / expected).max() < 0.02
