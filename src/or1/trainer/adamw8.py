"""AdamW whose moments take one byte each: a quarter of the memory of float32 moments.

Blocks of `BLOCK_SIZE` values share a scale, their largest magnitude. A code is a power of value / scale, so
that small values keep their digits: the square root for the first moment, the fourth root for the second,
whose smallest code is 1.5e-5 of the largest gradient. Codes are rounded up or down at random, right on
average: rounded to the nearest, a second moment would never change, for one update moves it by less than half
a code. The random
numbers depend on the update's number alone, so a resumed run continues bit for bit.

Idea of block-wise 8-bit moments: Dettmers et al., 8-bit Optimizers via Block-wise Quantization, 2022.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from or1.memory import QUANTIZATION_BLOCK

BLOCK_SIZE = QUANTIZATION_BLOCK
CHUNK = 1 << 22
"""Values that are in float32 at once, a multiple of `BLOCK_SIZE`."""
ROOTS = {"exp_avg": 2, "exp_avg_sq": 4}
"""Root of which the code of each moment is linear."""
LARGEST_CODE = {"exp_avg": 127, "exp_avg_sq": 255}


class AdamW8(torch.optim.Optimizer):
    """AdamW of float32 parameters with moments in 8 bits; arguments as for `torch.optim.AdamW`."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for number, parameter in enumerate(group["params"]):
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group, number)

    def _update(self, parameter: Tensor, gradient: Tensor, group: Mapping[str, Any], number: int) -> None:
        state = self.state[parameter]
        if not state:
            state.update(empty_state(parameter))
        state["step"] += 1
        step = int(state["step"].item())
        generator = torch.Generator(parameter.device).manual_seed((step << 20) + number)
        beta1, beta2 = group["betas"]
        rate = group["lr"]
        weights, gradients = parameter.view(-1), gradient.reshape(-1)
        for start in range(0, weights.numel(), CHUNK):
            part = slice(start, start + CHUNK)
            weight, grad = weights[part], gradients[part].float()
            mean, square = (moment(state, name, start, weight.numel()) for name in ROOTS)
            mean.lerp_(grad, 1 - beta1)
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
            for name, values in (("exp_avg", mean), ("exp_avg_sq", square)):
                put_moment(state, name, start, values, generator)
            root = square.div_(1 - beta2**step).sqrt_().add_(group["eps"])
            weight.mul_(1 - rate * group["weight_decay"])
            weight.add_(mean.div_(root), alpha=-rate / (1 - beta1**step))


def empty_state(parameter: Tensor) -> dict[str, Tensor]:
    """Moments of 0."""
    size, device = parameter.numel(), parameter.device
    num_blocks = -(-size // BLOCK_SIZE)
    state = {"step": torch.tensor(0.0)}
    for name in ROOTS:
        dtype = torch.int8 if name == "exp_avg" else torch.uint8
        state[f"{name}_code"] = torch.zeros(size, dtype=dtype, device=device)
        state[f"{name}_scale"] = torch.zeros(num_blocks, dtype=torch.float32, device=device)
    return state


def state_bytes(parameter: Tensor) -> int:
    """Memory of the moments of one parameter [bytes]."""
    return 2 * (parameter.numel() + 4 * -(-parameter.numel() // BLOCK_SIZE))


def moment(state: Mapping[str, Tensor], name: str, start: int, count: int) -> Tensor:
    """Values of a moment in float32 [count]; `start` is the first one of a block."""
    blocks = slice(start // BLOCK_SIZE, -(-(start + count) // BLOCK_SIZE))
    code = state[f"{name}_code"][start : start + count].float()
    scales = state[f"{name}_scale"][blocks].repeat_interleave(BLOCK_SIZE)[:count]
    return (code / LARGEST_CODE[name]).abs_().pow_(ROOTS[name]).mul_(code.sign()).mul_(scales)


def put_moment(
    state: Mapping[str, Tensor], name: str, start: int, values: Tensor, generator: torch.Generator
) -> None:
    """Store values of a moment, rounded at random."""
    count = values.numel()
    blocks = slice(start // BLOCK_SIZE, -(-(start + count) // BLOCK_SIZE))
    padded = torch.nn.functional.pad(values, (0, -count % BLOCK_SIZE)).view(-1, BLOCK_SIZE)
    scales = padded.abs().amax(1)
    state[f"{name}_scale"][blocks] = scales
    share = padded.abs() / scales.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    largest, root = LARGEST_CODE[name], ROOTS[name]
    code = share.pow(1 / root).mul_(largest).floor_().clamp_(max=largest - 1)
    below, above = (code / largest).pow_(root), ((code + 1) / largest).pow_(root)
    noise = torch.rand(share.shape, generator=generator, device=share.device)
    code += noise < share.sub_(below).div_(above.sub_(below))
    if name == "exp_avg_sq":
        code.clamp_(min=1)  # a second moment of 0 would divide a first moment by eps
    code = code.mul_(padded.sign()).view(-1)[:count]
    state[f"{name}_code"][start : start + count] = code.to(state[f"{name}_code"].dtype)


def converted(state: Mapping[str, Tensor], parameter: Tensor, *, to_8_bits: bool) -> dict[str, Tensor]:
    """The moments of one parameter in the other form, or as they are if they have the wanted one."""
    is_8_bits = "exp_avg_code" in state
    if is_8_bits == to_8_bits:
        return dict(state)
    if is_8_bits:
        dense = {name: moment(state, name, 0, parameter.numel()).view_as(parameter) for name in ROOTS}
        return {"step": state["step"], **dense}
    small = empty_state(parameter) | {"step": state["step"]}
    generator = torch.Generator(parameter.device).manual_seed(0)
    for name in ROOTS:
        put_moment(small, name, 0, state[name].reshape(-1).to(parameter.device), generator)
    return small
