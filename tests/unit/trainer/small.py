"""A small model, a small batch and a backend around them, for the tests of the update.

Shape legend: M rollouts of a group.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from or1.config import OptimizerConfig, StageConfig
from or1.nn.decoder import Decoder
from or1.testing import make_problem, make_verdict
from or1.trainer.local_backend import Forward, LocalBackend, forward
from or1.trainer.packing import Microbatch
from or1.types import Finish, Float32, Group, Rollout
from tests.small_config import small_config

VOCABULARY = 17
TEMPERATURE = 0.7
OPTIMIZER = OptimizerConfig(learning_rate=3e-3, weight_decay=0.05, max_grad_norm=0.5)


def make_decoder(dtype: torch.dtype = torch.float32, seed: int = 0) -> Decoder:
    config = small_config(vocab_size=VOCABULARY)
    decoder = Decoder(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in decoder.parameters():
            numbers = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(0.4 * numbers + (parameter.ndim == 1))
    return decoder.to(dtype)


def make_batch(num_groups: int = 3, seed: int = 0) -> tuple[list[Group], list[Float32]]:
    rng = np.random.default_rng(seed)
    groups, advantages = [], []
    for number in range(num_groups):
        problem = make_problem(number)
        prompt = rng.integers(VOCABULARY, size=rng.integers(1, 5), dtype=np.int32)
        rollouts = [make_rollout(rng, problem.id, index, prompt) for index in range(3)]
        groups.append(Group(problem=problem, rollouts=tuple(rollouts)))
        advantages.append(rng.normal(size=3).astype(np.float32))
    return groups, advantages


def make_rollout(rng: np.random.Generator, problem_id: str, index: int, prompt: np.ndarray) -> Rollout:
    length = int(rng.integers(2, 8))
    return Rollout(
        problem_id=problem_id,
        index=index,
        prompt_tokens=prompt,
        response_tokens=rng.integers(VOCABULARY, size=length, dtype=np.int32),
        behavior_logprobs=rng.normal(-3.0, 0.2, length).astype(np.float32),
        behavior_entropy=None,
        finish=Finish.STOP,
        policy_version=0,
        verdict=make_verdict(1.0),
    )


def make_stage(num_minibatches: int = 1, num_reuses: int = 1) -> StageConfig:
    return StageConfig(
        max_response_tokens=8, num_steps=1, num_minibatches=num_minibatches, num_reuses=num_reuses
    )


def make_backend(
    model: Decoder | None = None,
    *,
    optimizer: OptimizerConfig = OPTIMIZER,
    tokens_per_microbatch: int = 20,
    fingerprint: bool = False,
    load_reference: Callable[[], Decoder] | None = None,
    share_prompts: bool = True,
    forward: Forward = forward,
) -> LocalBackend:
    return LocalBackend(
        model or make_decoder(),
        optimizer,
        temperature=TEMPERATURE,
        tokens_per_microbatch=tokens_per_microbatch,
        fingerprint=fingerprint,
        load_reference=load_reference,
        share_prompts=share_prompts,
        forward=forward,
    )


class SpyForward:
    """A forward pass that is counted, and whose gradient is spoilt where a given token stands."""

    def __init__(self, spoilt_token: int | None = None) -> None:
        self.spoilt_token = spoilt_token
        self.tokens_seen: list[int] = []

    def __call__(self, decoder: Decoder, microbatch: Microbatch) -> Tensor:
        self.tokens_seen.append(microbatch.tokens_T.numel())
        hidden_NC = forward(decoder, microbatch)
        spoils = self.spoilt_token is not None and self.spoilt_token in microbatch.tokens_T.tolist()
        if hidden_NC.requires_grad and spoils:
            hidden_NC.register_hook(lambda grad: grad * torch.inf)
        return hidden_NC
