"""AdamW on float32 master weights, with a compute copy where the model runs in a smaller type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import xxhash
from safetensors.torch import save_file
from torch import Tensor, nn

from or1.config import OptimizerConfig
from or1.errors import CheckpointError
from or1.trainer.adamw8 import AdamW8, converted, state_bytes
from or1.trainer.state_files import (
    MOMENTS_FILE,
    WEIGHTS_FILE,
    read_num_updates,
    read_whole,
    write_counters,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One optimizer update."""

    grad_norm: float
    """Before clipping."""
    learning_rate: float


class MasterOptimizer:
    """Holds the master weights. Gradients are summed in float32 over the microbatches of a minibatch.

    A parameter of float32 or float64 is its own master. One of a smaller type gets a float32 master, is
    rounded from it after each update, and its gradient is moved to the master after each backward pass.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], config: OptimizerConfig, *, bits: int = 32
    ) -> None:
        """
        Args:
            parameters: name -> parameter, each tensor once (tied weights under one name).
            config: AdamW, warm-up and clipping.
            bits: of each moment: 32 or 8 (`or1.trainer.adamw8`).
        """
        self._parameters = dict(parameters)
        self._config = config
        self._masters = {name: self._master_of(p) for name, p in self._parameters.items()}
        self._has_8_bits = bits == 8
        settings: dict[str, Any] = {
            "lr": config.learning_rate,
            "weight_decay": config.weight_decay,
            "betas": (config.beta1, config.beta2),
            "eps": config.eps,
        }
        self._adamw = (
            AdamW8(self._masters.values(), **settings)
            if self._has_8_bits
            else torch.optim.AdamW(self._masters.values(), fused=True, **settings)
        )
        self.num_updates = 0
        """Updates applied since the start of the run."""

    def _master_of(self, parameter: nn.Parameter) -> nn.Parameter:
        if parameter.dtype in (torch.float32, torch.float64):
            return parameter
        master = nn.Parameter(parameter.detach().float())
        master.grad = torch.zeros_like(master)

        def hand_over(done: Tensor) -> None:
            assert master.grad is not None
            assert done.grad is not None
            master.grad += done.grad
            done.grad = None

        parameter.register_post_accumulate_grad_hook(hand_over)
        return master

    @property
    def bytes_to_come(self) -> int:
        """Memory of the moments, as long as there are none [bytes]."""
        missing = [m for m in self._masters.values() if not self._adamw.state.get(m)]
        return sum(state_bytes(m) if self._has_8_bits else 2 * m.nbytes for m in missing)

    @property
    def masters(self) -> Mapping[str, Tensor]:
        """name -> weights in full precision, without gradient."""
        return {name: m.detach() for name, m in self._masters.items()}

    @property
    def gradients(self) -> Mapping[str, Tensor]:
        """name -> gradient summed since `clear`, for parameters that have one."""
        return {name: m.grad for name, m in self._masters.items() if m.grad is not None}

    def clear(self) -> None:
        """Reset the gradient."""
        for name, master in self._masters.items():
            if master is self._parameters[name]:
                master.grad = None
            elif master.grad is not None:
                master.grad.zero_()

    def grad_norm(self) -> float:
        """L2 norm of the whole gradient."""
        return torch.nn.utils.get_total_norm(self.gradients.values()).item()

    def apply(self, grad_norm: float) -> Applied:
        """Clip to max_grad_norm and take one AdamW update.

        Args:
            grad_norm: of the gradient, finite.
        """
        if grad_norm > self._config.max_grad_norm:
            torch._foreach_mul_(list(self.gradients.values()), self._config.max_grad_norm / grad_norm)
        rate = self._config.learning_rate
        if self.num_updates < self._config.warmup_updates:
            rate *= (self.num_updates + 1) / self._config.warmup_updates
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()
        self.num_updates += 1
        self._round_to_parameters()
        return Applied(grad_norm=grad_norm, learning_rate=rate)

    @torch.no_grad()
    def _round_to_parameters(self) -> None:
        for name, master in self._masters.items():
            if master is not self._parameters[name]:
                self._parameters[name].copy_(master)

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights in full precision before the first update.

        Args:
            weights: name -> tensor, as `masters`.
        """
        with torch.no_grad():
            for name, master in self._masters.items():
                master.copy_(weights[name])

    def moments(self) -> dict[str, Tensor]:
        """Optimizer state by `<key>.<name>`; empty before the first update."""
        states = {name: self._adamw.state[m] for name, m in self._masters.items() if m in self._adamw.state}
        return {f"{key}.{name}": value for name, state in states.items() for key, value in state.items()}

    def restore(self, moments: Mapping[str, Tensor], num_updates: int) -> None:
        """Continue from masters that were written in place, also where the moments have other bits.

        Args:
            moments: as `moments`.
            num_updates: since the start of the run.
        """
        self._adamw.state.clear()
        for key_name, value in moments.items():
            key, name = key_name.split(".", 1)
            master = self._masters[name]
            # moments on the device of their weights, as the optimizer creates them
            self._adamw.state[master][key] = value.to(master.device)
        for parameter, state in self._adamw.state.items():
            self._adamw.state[parameter] = converted(state, parameter, to_8_bits=self._has_8_bits)
        self.num_updates = num_updates
        self._round_to_parameters()
        self.clear()

    def save(self, folder: Path) -> None:
        """Write master weights, moments and counters."""
        save_file({name: m.contiguous() for name, m in self.masters.items()}, folder / WEIGHTS_FILE)
        moments = {name: value.contiguous() for name, value in self.moments().items()}
        save_file(moments, folder / MOMENTS_FILE)
        write_counters(folder, self.num_updates)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, here or on ranks.

        Raises:
            CheckpointError: the tensors are not those of this model.
        """
        weights, moments = read_whole(folder)
        if {n: w.shape for n, w in weights.items()} != {n: m.shape for n, m in self._masters.items()}:
            raise CheckpointError(f"{folder} holds the weights of another model")
        self.start_from(weights)
        self.restore(moments, read_num_updates(folder))


def digest(tensors: Mapping[str, Tensor], hasher: xxhash.xxh3_128) -> None:
    """Add names and bytes of tensors to the hash, in order of name.

    The hash tells runs apart and guards against no attacker, so it may run at the speed of memory.
    """
    for name in sorted(tensors):
        hasher.update(name.encode())
        hasher.update(tensors[name].detach().contiguous().cpu().numpy().data)
