"""Seconds of an update from its arithmetic: products of the weights, attention, and what a small microbatch
costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from or1.memory import Shape, num_parameters
from or1.plan.hardware import Gpu

BACKWARD = 2.0
"""Products of a backward pass, in forward passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerProfile:
    """Share of a GPU's arithmetic that a trainer reaches."""

    best_utilisation: float
    """With very large microbatches, of model FLOPs without recompute [dimensionless]."""
    half_tokens: float
    """Tokens of one forward pass on a GPU at which half of it is reached [tokens]."""
    per_update_s: float = 1.0
    """Of every optimizer update: optimizer, clipping, collectives without overlap."""

    def utilisation(self, tokens: float) -> float:
        """Share of the GPU's FLOPs with `tokens` in one forward pass [dimensionless]."""
        return self.best_utilisation * tokens / (tokens + self.half_tokens)


FSDP = TrainerProfile(best_utilisation=0.52, half_tokens=32_768)
"""Source: prime-rl's benchmark of a 4B model on 8 H100 with recompute: 13.9 % at 16K and 35.4 % at 65K tokens
give a steeper curve than any of this form; this one lies between (17 % and 35 %)."""


def forward_flops(shape: Shape, lengths: Sequence[int]) -> float:
    """One forward pass over sequences of these lengths: 2 a parameter and token, and causal attention."""
    tokens = float(sum(int(n) for n in lengths))
    pairs = sum(float(n) * float(n) / 2 for n in lengths)
    matrices = num_parameters(shape) - (0 if shape.is_head_tied else shape.vocab_size * shape.hidden_size)
    attention = 4.0 * shape.num_layers * shape.num_heads * shape.head_size * pairs
    return 2.0 * matrices * tokens + attention


def update_seconds(
    shape: Shape,
    lengths: Sequence[int],
    gpu: Gpu,
    num_gpus: int,
    *,
    microbatch_tokens: int,
    num_minibatches: int = 1,
    num_reuses: int = 1,
    profile: TrainerProfile = FSDP,
) -> float:
    """Seconds of all optimizer updates of a step.

    With more than one update the log-probabilities of the start of the step take a forward pass more.

    Args:
        shape: of the model.
        lengths: prompt and response tokens of each trained response.
        gpu: of the trainer.
        num_gpus: over which the step is sharded.
        microbatch_tokens: tokens of one forward pass on a GPU [tokens].
        num_minibatches: optimizer updates in one pass over the step.
        num_reuses: passes over the step.
        profile: of the trainer.
    """
    num_updates = num_minibatches * num_reuses
    passes = (1 + BACKWARD) * num_reuses + (1 if num_updates > 1 else 0)
    # a GPU cannot fill its microbatch when a minibatch has fewer tokens than that for each
    tokens_per_gpu = float(sum(int(n) for n in lengths)) / num_minibatches / num_gpus
    filled = min(float(microbatch_tokens), tokens_per_gpu)
    rate = num_gpus * gpu.flops * profile.utilisation(filled)
    return passes * forward_flops(shape, lengths) / rate + num_updates * profile.per_update_s
