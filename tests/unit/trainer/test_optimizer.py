"""AdamW on master weights: worked numbers, clipping, warm-up, bfloat16 copies, saving."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import xxhash
from torch import nn

from or1.config import OptimizerConfig
from or1.errors import CheckpointError
from or1.trainer.optimizer import MasterOptimizer, digest


def make_parameters(dtype: torch.dtype = torch.float32) -> dict[str, nn.Parameter]:
    return {
        "matrix": nn.Parameter(torch.tensor([[1.0, -2.0]], dtype=dtype)),
        "vector": nn.Parameter(torch.tensor([4.0], dtype=dtype)),
    }


def give(parameters: dict[str, nn.Parameter], matrix: tuple[float, float], vector: float) -> None:
    """A backward pass with these gradients."""
    row = torch.tensor([matrix], dtype=parameters["matrix"].dtype)
    ((parameters["matrix"] * row).sum() + (parameters["vector"] * vector).sum()).backward()


def step(optimizer: MasterOptimizer, parameters: dict[str, nn.Parameter], scale: float = 1.0) -> None:
    optimizer.clear()
    give(parameters, (0.3 * scale, -0.1 * scale), 0.2 * scale)
    optimizer.apply(optimizer.grad_norm())


def test_worked_update() -> None:
    # After one update m/sqrt(v) is the sign of the gradient whatever its size, so each weight moves by the
    # rate, and shrinks by rate * decay = 1 %. Without decay of vectors the vector would be 3.9; decay inside
    # the gradient (plain Adam) would leave the matrix at 0.9 and -1.9.
    parameters = make_parameters()
    optimizer = MasterOptimizer(parameters, OptimizerConfig(learning_rate=0.1, weight_decay=0.1))
    give(parameters, (0.3, -0.1), 0.2)
    optimizer.apply(optimizer.grad_norm())
    assert parameters["matrix"].tolist()[0] == pytest.approx([0.99 - 0.1, -1.98 + 0.1], abs=1e-6)
    assert parameters["vector"].tolist() == pytest.approx([3.96 - 0.1], abs=1e-6)


def test_second_update_follows_the_formula() -> None:
    # g = 1 then g = -2, rate 0.1, betas 0.9 and 0.999: m2 = 0.09 - 0.2 = -0.11, hat -0.11 / 0.19;
    # v2 = 0.000999 + 0.004 = 0.004999, hat 0.004999 / 0.001999; step 0.1 * 0.5789 / 1.5814 = 0.03661.
    # Without bias correction the second step would be 0.1 * 0.11 / 0.0707 = 0.156.
    parameter = nn.Parameter(torch.tensor([1.0]))
    config = OptimizerConfig(learning_rate=0.1, max_grad_norm=100.0, weight_decay=0.0)
    optimizer = MasterOptimizer({"w": parameter}, config)
    for gradient in (1.0, -2.0):
        optimizer.clear()
        (parameter * gradient).sum().backward()
        optimizer.apply(optimizer.grad_norm())
    assert parameter.item() == pytest.approx(
        1.0 - 0.1 + 0.1 * (0.11 / 0.19) / (0.004999 / 0.001999) ** 0.5, abs=1e-6
    )


def test_clipping_scales_the_whole_gradient_to_the_norm() -> None:
    # Norm of (3, 0) and 4 is 5: scaled by 1/5 to (0.6, 0) and 0.8. Clipping each tensor by itself gives 1 and
    # 1; clipping each value gives (1, 0) and 1.
    parameters = make_parameters()
    optimizer = MasterOptimizer(parameters, OptimizerConfig(max_grad_norm=1.0))
    give(parameters, (3.0, 0.0), 4.0)
    applied = optimizer.apply(optimizer.grad_norm())
    assert applied.grad_norm == 5.0
    assert optimizer.gradients["matrix"].tolist()[0] == pytest.approx([0.6, 0.0])
    assert optimizer.gradients["vector"].tolist() == pytest.approx([0.8])


def test_a_small_gradient_is_not_scaled_up() -> None:
    parameters = make_parameters()
    optimizer = MasterOptimizer(parameters, OptimizerConfig(max_grad_norm=10.0))
    give(parameters, (3.0, 0.0), 4.0)
    optimizer.apply(optimizer.grad_norm())
    assert optimizer.gradients["vector"].tolist() == [4.0]


def test_warm_up_counts_applied_updates() -> None:
    # 4 updates of warm-up: 1/4, 2/4, 3/4, 1, 1 of the rate; starting at 0 would waste the first update.
    parameters = make_parameters()
    optimizer = MasterOptimizer(parameters, OptimizerConfig(learning_rate=0.4, warmup_updates=4))
    rates = []
    for _ in range(5):
        optimizer.clear()
        give(parameters, (0.3, -0.1), 0.2)
        rates.append(optimizer.apply(optimizer.grad_norm()).learning_rate)
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])


def test_bfloat16_gradients_gather_in_float32() -> None:
    # 256 + 1 is 256 in bfloat16: 1 after 256 would be lost for every microbatch that follows.
    parameter = nn.Parameter(torch.tensor([1.0], dtype=torch.bfloat16))
    optimizer = MasterOptimizer({"w": parameter}, OptimizerConfig())
    for gradient in (256.0, 1.0, 1.0):
        (parameter * gradient).sum().backward()
    assert optimizer.gradients["w"].item() == 258.0
    assert parameter.grad is None
    optimizer.clear()
    assert optimizer.gradients["w"].item() == 0.0


def test_bfloat16_weights_move_by_less_than_their_rounding() -> None:
    # Steps of 1e-4 from 1.0, where neighbours of bfloat16 are 2^-8 apart below 1: without a master the weight
    # would never leave 1.0. After 40 updates the master is at 0.996, its rounded copy 0.99609375.
    parameter = nn.Parameter(torch.tensor([1.0], dtype=torch.bfloat16))
    optimizer = MasterOptimizer({"w": parameter}, OptimizerConfig(learning_rate=1e-4, weight_decay=0.0))
    for _ in range(40):
        optimizer.clear()
        (parameter * 0.5).sum().backward()
        optimizer.apply(optimizer.grad_norm())
    assert optimizer.masters["w"].item() == pytest.approx(0.996, abs=1e-5)
    assert parameter.item() == 0.99609375


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_loaded_optimizer_continues_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    config = OptimizerConfig(learning_rate=0.013, warmup_updates=5)
    first = make_parameters(dtype)
    optimizer = MasterOptimizer(first, config)
    for scale in (1.0, -0.7, 0.2):
        step(optimizer, first, scale)
    optimizer.save(tmp_path)
    other = make_parameters(dtype)
    resumed = MasterOptimizer(other, config)
    step(resumed, other, 9.0)
    resumed.load(tmp_path)
    assert resumed.num_updates == 3
    for scale in (0.4, -1.3):
        step(optimizer, first, scale)
        step(resumed, other, scale)
    for name, weights in optimizer.masters.items():
        assert torch.equal(weights, resumed.masters[name])
        assert torch.equal(first[name], other[name])


def test_a_fresh_optimizer_can_be_saved_and_loaded(tmp_path: Path) -> None:
    first, other = make_parameters(), make_parameters()
    MasterOptimizer(first, OptimizerConfig()).save(tmp_path)
    resumed = MasterOptimizer(other, OptimizerConfig(learning_rate=0.5))
    step(resumed, other)
    resumed.load(tmp_path)
    assert torch.equal(other["matrix"], first["matrix"])
    assert resumed.num_updates == 0


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    MasterOptimizer({"w": nn.Parameter(torch.ones(3))}, OptimizerConfig()).save(tmp_path)
    with pytest.raises(CheckpointError, match="another model"):
        MasterOptimizer({"w": nn.Parameter(torch.ones(4))}, OptimizerConfig()).load(tmp_path)


def test_digest_sees_every_byte_and_name_but_not_the_order() -> None:
    def hexdigest(**tensors: torch.Tensor) -> str:
        hasher = xxhash.xxh3_128()
        digest(tensors, hasher)
        return hasher.hexdigest()

    one, two = torch.tensor([1.0]), torch.tensor([2.0])
    assert hexdigest(a=one, b=two) == hexdigest(b=two, a=one)
    assert hexdigest(a=one, b=two) != hexdigest(a=two, b=one)
    assert hexdigest(a=torch.tensor([0.0])) != hexdigest(a=torch.tensor([-0.0]))


def test_masters_start_from_weights_in_full_precision() -> None:
    """0.3 is 0.30078125 in bfloat16: masters made from the parameter alone keep this error for ever."""
    parameters = make_parameters(torch.bfloat16)
    optimizer = MasterOptimizer(parameters, OptimizerConfig())
    optimizer.start_from({"matrix": torch.tensor([[0.3, -2.0]]), "vector": torch.tensor([4.0])})
    assert optimizer.masters["matrix"].tolist()[0] == pytest.approx([0.3, -2.0], abs=1e-7)
