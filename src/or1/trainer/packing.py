"""From the rollouts of a minibatch to microbatches: sequences one after another, no padding.

Lengths alone tell which tokens are response tokens; no token id marks tokens to ignore. The last response
token predicts nothing, so it is a target and never an input. Rollouts of one prompt may share it: then
the prompt is a sequence of its own, computed once in a microbatch, and each response a sequence that
continues it. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from or1.algo.loss import TokenBatch, token_weights
from or1.config import LossConfig
from or1.types import Float32, Group, Int64, Rollout

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRollout:
    """A rollout that enters the loss."""

    rollout: Rollout
    advantage: float

    @property
    def prompt(self) -> bytes:
        """The prompt's tokens, as a key."""
        return self.rollout.prompt_tokens.tobytes()

    @property
    def num_prompt_tokens(self) -> int:
        return self.rollout.prompt_tokens.size

    @property
    def num_response_inputs(self) -> int:
        """Response tokens of its forward pass: all but the last."""
        return self.rollout.response_tokens.size - 1

    @property
    def name(self) -> str:
        return f"{self.rollout.problem_id}/{self.rollout.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Microbatch:
    """Input of one forward pass, and the loss's data of its response tokens."""

    tokens_T: Tensor
    """int64."""
    lengths: tuple[int, ...]
    """Input tokens of each sequence; they sum to T."""
    parents: tuple[int, ...] | None
    """Index of the sequence that is each one's prompt, -1 for prompts; None = every sequence is whole."""
    predictors_N: Tensor
    """Position in T of the hidden state that predicts each response token; int64."""
    targets_N: Tensor
    """The response tokens; int64."""
    batch: TokenBatch
    names: tuple[str, ...]
    """`problem_id/index` of each rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrobatchArrays:
    """A microbatch as numpy arrays: without a device, and cheap to send to another process."""

    tokens_T: Int64
    lengths: tuple[int, ...]
    parents: tuple[int, ...] | None
    predictors_N: Int64
    targets_N: Int64
    advantages_N: Float64
    weights_N: Float64
    behavior_logprobs_N: Float32
    names: tuple[str, ...]

    def to(self, dtype: torch.dtype, device: torch.device | str) -> Microbatch:
        """The tensors of the forward pass and the loss.

        Args:
            dtype: of advantages, weights and log-probabilities.
            device: of the tensors.
        """

        def integers(values: Int64) -> Tensor:
            return torch.from_numpy(values).to(device)

        def numbers(values: Float32 | Float64) -> Tensor:
            return torch.from_numpy(values).to(dtype=dtype, device=device)

        return Microbatch(
            tokens_T=integers(self.tokens_T),
            lengths=self.lengths,
            parents=self.parents,
            predictors_N=integers(self.predictors_N),
            targets_N=integers(self.targets_N),
            batch=TokenBatch(
                advantages_N=numbers(self.advantages_N),
                weights_N=numbers(self.weights_N),
                behavior_logprobs_N=numbers(self.behavior_logprobs_N),
            ),
            names=self.names,
        )


def trained_rollouts(groups: Sequence[Group], advantages: Sequence[Float32]) -> list[TrainedRollout]:
    """The rollouts of whole groups that enter the loss, in order.

    Rollouts with advantage 0 stay: they are part of the entropy term and of the denominator. An empty
    response has no tokens and is left out.

    Args:
        groups: judged rollouts only.
        advantages: per group [M].
    """
    chosen = []
    for group, advantages_M in zip(groups, advantages, strict=True):
        for rollout, advantage in zip(group.rollouts, advantages_M, strict=True):
            if rollout.response_tokens.size:
                chosen.append(TrainedRollout(rollout=rollout, advantage=float(advantage)))
    return chosen


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens of one rollout's forward pass."""

    own: int
    shared: int = 0
    """Counted once for neighbours with the same key in one microbatch."""
    key: bytes = b""


def cut(costs: Sequence[Cost], limit: int, multiple: int = 1) -> list[range]:
    """Cut neighbours into the fewest runs of at most `limit` tokens, the largest run as small as that allows.

    A rollout over the limit stands alone.

    Args:
        costs: tokens of each rollout, in order.
        limit: most tokens of one run.
        multiple: the largest run may shrink until there are a multiple of this number of runs.

    >>> cut([Cost(5), Cost(4), Cost(3), Cost(2), Cost(1)], 8)
    [range(0, 1), range(1, 2), range(2, 5)]
    >>> cut([Cost(5), Cost(4), Cost(3), Cost(2), Cost(1)], 8, multiple=4)
    [range(0, 1), range(1, 2), range(2, 3), range(3, 5)]
    """
    most = len(_fill(costs, limit))
    most += -most % multiple
    low, high = 1, limit
    while low < high:
        middle = (low + high) // 2
        if len(_fill(costs, middle)) <= most:
            high = middle
        else:
            low = middle + 1
    return _fill(costs, low)


def _fill(costs: Sequence[Cost], capacity: int) -> list[range]:
    runs, start, filled = [], 0, 0
    for index, cost in enumerate(costs):
        is_sibling = index > start and cost.key == costs[index - 1].key
        added = cost.own + (0 if is_sibling else cost.shared)
        if index > start and filled + added > capacity:
            runs.append(range(start, index))
            start, filled, added = index, 0, cost.own + cost.shared
        filled += added
    if start < len(costs):
        runs.append(range(start, len(costs)))
    return runs


def pack(
    rollouts: Sequence[TrainedRollout],
    tokens_per_microbatch: int,
    loss: LossConfig,
    *,
    share_prompts: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> list[Microbatch]:
    """As `pack_arrays`, as tensors on one device; `dtype` is that of advantages, weights and
    log-probabilities."""
    packed = pack_arrays(rollouts, tokens_per_microbatch, loss, share_prompts=share_prompts)
    return [microbatch.to(dtype, device) for microbatch in packed]


def pack_arrays(
    rollouts: Sequence[TrainedRollout],
    tokens_per_microbatch: int,
    loss: LossConfig,
    *,
    share_prompts: bool = False,
    multiple: int = 1,
) -> list[MicrobatchArrays]:
    """Microbatches of one minibatch, near-equal in tokens.

    Token weights refer to the whole minibatch, so the losses of its microbatches sum to its loss.

    Args:
        rollouts: all of one minibatch, not empty.
        tokens_per_microbatch: most input tokens of one microbatch; a rollout over it stands alone.
        loss: how the mean is taken.
        share_prompts: compute equal prompts once in a microbatch; else each sequence is whole.
        multiple: prefer a multiple of this number of microbatches.

    Raises:
        ValueError: a rollout without a prompt token.
    """
    for item in rollouts:
        if not item.num_prompt_tokens:
            raise ValueError(f"rollout {item.name} has no prompt token to predict its response from")
    weights = token_weights([r.rollout.response_tokens.size for r in rollouts], loss.average)
    weighted = list(zip(rollouts, weights, strict=True))
    if share_prompts:
        # rollouts of one prompt side by side, groups in their order: the sort is stable
        first_seen: dict[bytes, int] = {}
        for item in rollouts:
            first_seen.setdefault(item.prompt, len(first_seen))
        weighted.sort(key=lambda pair: first_seen[pair[0].prompt])
        costs = [Cost(r.num_response_inputs, r.num_prompt_tokens, r.prompt) for r, _ in weighted]
    else:
        # attention pads to the longest of similar sequences: keep similar lengths together
        weighted.sort(key=lambda pair: -(pair[0].num_prompt_tokens + pair[0].num_response_inputs))
        costs = [Cost(r.num_prompt_tokens + r.num_response_inputs) for r, _ in weighted]
    runs = cut(costs, tokens_per_microbatch, multiple)
    return [_microbatch(weighted[run.start : run.stop], share_prompts) for run in runs]


def _microbatch(weighted: Sequence[tuple[TrainedRollout, float]], share_prompts: bool) -> MicrobatchArrays:
    layout = _Layout()
    for item, _ in weighted:
        layout.add(item, share_prompts)
    sizes = [item.rollout.response_tokens.size for item, _ in weighted]

    def integers(parts: Sequence[np.ndarray]) -> Int64:
        return np.concatenate(parts).astype(np.int64)

    return MicrobatchArrays(
        tokens_T=integers(layout.inputs),
        lengths=tuple(part.size for part in layout.inputs),
        parents=tuple(layout.parents) if share_prompts else None,
        predictors_N=integers(layout.predictors),
        targets_N=integers([item.rollout.response_tokens for item, _ in weighted]),
        advantages_N=np.repeat([item.advantage for item, _ in weighted], sizes),
        weights_N=np.repeat([weight for _, weight in weighted], sizes),
        behavior_logprobs_N=np.concatenate([item.rollout.behavior_logprobs for item, _ in weighted]),
        names=tuple(item.name for item, _ in weighted),
    )


class _Layout:
    """Sequences of a microbatch and where each response token is predicted."""

    def __init__(self) -> None:
        self.inputs: list[np.ndarray] = []
        self.parents: list[int] = []
        self.predictors: list[np.ndarray] = []
        self._num_tokens = 0
        self._prompt = b""
        self._prompt_sequence = -1
        self._prompt_end = -1

    def add(self, item: TrainedRollout, share_prompts: bool) -> None:
        prompt, inputs = item.rollout.prompt_tokens, item.rollout.response_tokens[:-1]
        if not share_prompts:
            self._append(np.concatenate([prompt, inputs]), -1)
            first = self._num_tokens - inputs.size - 1
            self.predictors.append(np.arange(first, self._num_tokens))
            return
        if item.prompt != self._prompt:
            self._prompt, self._prompt_sequence = item.prompt, len(self.inputs)
            self._append(prompt, -1)
            self._prompt_end = self._num_tokens - 1
        self.predictors.append(
            np.concatenate([[self._prompt_end], np.arange(self._num_tokens, self._num_tokens + inputs.size)])
        )
        if inputs.size:
            self._append(inputs, self._prompt_sequence)

    def _append(self, tokens: np.ndarray, parent: int) -> None:
        self.inputs.append(tokens)
        self.parents.append(parent)
        self._num_tokens += tokens.size
