"""A check after every load: the engine and the trainer's weights give the same log-probabilities.

A fixed prompt is scored by the engine, and the engine samples some tokens after it as it samples rollouts.
The same sequence is scored by or1's decoder with the weights that were published. An old head, an old prefix
cache, half an update, another type and an engine that was started again all show as a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Protocol

import numpy as np
import torch

from or1.errors import EngineError
from or1.nn.causal_model import CausalModel, drop_weights
from or1.nn.head import head_logprobs
from or1.nn.published import load_published
from or1.rollout.engine_messages import CanaryReading
from or1.types import Float32, Int32, WeightHandle

PROMPT_TOKENS, SAMPLED_TOKENS = 96, 16
"""Length of the canary [tokens]: three blocks of the prefix cache, and some sampled tokens behind them."""
MAX_NATS = {torch.float32: 1e-3, torch.bfloat16: 1.0}
"""Largest difference of two log-probabilities by compute type [nats]; docs/vllm.md has the measurements."""


class Scorer(Protocol):
    def logprobs(self, weights: WeightHandle, sequences: Sequence[Int32]) -> list[Float32]:
        """Log-probability at temperature 1 of each token of each sequence but the first [nats]."""
        ...


class DecoderScorer:
    """Scores with the model of the update, which shares published tensors for that time.

    It works where the weights lie. Those of training ranks lie in a file: they are scored on the CPU, since
    the GPUs are full of ranks and engines. Engines that sampled the same tokens cost no more than one.

    Args:
        unloaded: makes the model without memory for weights on a device.
    """

    def __init__(self, unloaded: Callable[[torch.device], CausalModel]) -> None:
        self._model = cache(unloaded)

    def logprobs(self, weights: WeightHandle, sequences: Sequence[Int32]) -> list[Float32]:
        model = self._model(_place(weights.ref))
        load_published(model, weights.ref)
        different = {each.tobytes(): each for each in sequences}
        found = dict(zip(different, sequence_logprobs(model, list(different.values())), strict=True))
        drop_weights(model, model.device)
        return [found[each.tobytes()] for each in sequences]


def _place(ref: object) -> torch.device:
    """Where published weights lie: a file is in the memory of the machine."""
    tensors = ref.values() if isinstance(ref, Mapping) else ()
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


@torch.no_grad()
def sequence_logprobs(model: CausalModel, sequences: Sequence[Int32]) -> list[Float32]:
    """Log-probability at temperature 1 of each token of each sequence but the first [nats]."""
    tokens_T = torch.from_numpy(np.concatenate(sequences)).to(device=model.device, dtype=torch.int64)
    hidden_TC = model.packed(tokens_T, [len(each) for each in sequences])
    next_T = tokens_T.roll(-1)  # the last row of each sequence predicts nothing and is cut off
    head_VC, logits_of = model.head_weight, model.kernels.head_logits
    logprobs_T, _ = head_logprobs(hidden_TC, head_VC, next_T, 1.0, logits_of)
    parts = logprobs_T.float().cpu().split([len(each) for each in sequences])
    return [part[:-1].numpy() for part in parts]


class Canary:
    """The sequence, and the comparison.

    Args:
        scorer: scores with the published weights.
        num_ids: of the tokenizer; others have no probability [tokens].
        max_model_tokens: longest sequence of the engines [tokens].
        max_nats: largest difference allowed [nats].
    """

    def __init__(self, scorer: Scorer, *, num_ids: int, max_model_tokens: int, max_nats: float) -> None:
        self._scorer = scorer
        self._max_nats = max_nats
        self.num_sampled = min(SAMPLED_TOKENS, max_model_tokens // 2)
        num_prompt = min(PROMPT_TOKENS, max_model_tokens - self.num_sampled)
        rng = np.random.default_rng(0)
        self.tokens: Int32 = rng.integers(num_ids, size=num_prompt, dtype=np.int32)

    def check(self, weights: WeightHandle, readings: Mapping[str, CanaryReading]) -> float:
        """Compare what the engines read with the published weights.

        Args:
            weights: as published.
            readings: engine name -> its reading.

        Returns:
            Largest difference [nats].

        Raises:
            EngineError: it is above the limit, or not a number; names the engine and both log-probabilities.
        """
        sequences = [np.concatenate([self.tokens, reading.tokens]) for reading in readings.values()]
        largest = 0.0
        scores = self._scorer.logprobs(weights, sequences)
        for (name, reading), expected in zip(readings.items(), scores, strict=True):
            found = np.concatenate([reading.prompt_logprobs, reading.logprobs])
            if found.shape != expected.shape:
                raise EngineError(f"{name} scored {len(found)} tokens of a canary of {len(expected)}")
            gaps = np.abs(found - expected)
            worst = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
            if not gaps[worst] <= self._max_nats:
                raise EngineError(
                    f"{name} does not sample from the published weights (version {weights.version}): token "
                    f"{worst + 2} of the canary has log-probability {found[worst]:.6f} there and "
                    f"{expected[worst]:.6f} under the trainer's weights; {self._max_nats:g} nats apart are "
                    "allowed. Repeat the command: it resumes from the last checkpoint"
                )
            largest = max(largest, float(gaps[worst]))
        return largest
