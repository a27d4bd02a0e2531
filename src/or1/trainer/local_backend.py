"""The update in this process, on one device. Shape letters: see `or1.nn`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import torch
import xxhash
from torch import Tensor

from or1.algo.loss import LossSums, token_loss
from or1.config import LossConfig, OptimizerConfig, StageConfig
from or1.nn.causal_model import CausalModel
from or1.nn.head import head_logprobs
from or1.nn.kernels import shares_prompts_on
from or1.trainer.optimizer import MasterOptimizer, digest
from or1.trainer.packing import Microbatch, TrainedRollout, pack
from or1.trainer.update_plan import Minibatch, needs_old, plan_minibatches
from or1.trainer.update_report import UpdateTally
from or1.types import Float32, Group, UpdateReport, WeightHandle

Forward = Callable[[CausalModel, Microbatch], Tensor]
"""Hidden states [N, C] from which each response token of a microbatch is predicted, differentiable."""


def forward(decoder: CausalModel, microbatch: Microbatch) -> Tensor:
    """The packed forward pass, with shared prompts where the microbatch has them."""
    return decoder.packed(
        microbatch.tokens_T, microbatch.lengths, microbatch.parents, microbatch.predictors_N
    )


class LocalBackend:
    """TrainerBackend on one device: packed microbatches, exact loss, AdamW on float32 master weights."""

    def __init__(
        self,
        model: CausalModel,
        optimizer: OptimizerConfig,
        *,
        temperature: float,
        tokens_per_microbatch: int,
        optimizer_bits: int = 32,
        fingerprint: bool = False,
        load_reference: Callable[[], CausalModel] | None = None,
        share_prompts: bool | None = None,
        forward: Forward = forward,
    ) -> None:
        """
        Args:
            model: in its compute type, on its device; its parameters are trained in place.
            optimizer: learning rate, warm-up, decay, clipping.
            temperature: of the rollouts; every log-probability and entropy here is at it.
            tokens_per_microbatch: most input tokens of one forward pass [tokens].
            optimizer_bits: of each moment: 32 or 8.
            fingerprint: hash gradient and weights of each step.
            load_reference: loads the reference model when a KL term first needs it.
            share_prompts: compute a prompt once for its responses. None = by `shares_prompts_on`.
            forward: the forward pass; tests pass one that fails.
        """
        self._model = model
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimizer = MasterOptimizer(trained, optimizer, bits=optimizer_bits)
        self._temperature = temperature
        self._tokens_per_microbatch = tokens_per_microbatch
        self._fingerprint = fingerprint
        self._load_reference = load_reference
        if share_prompts is None:
            share_prompts = shares_prompts_on(model.device, model.kernels)
        self._share_prompts = share_prompts
        self._forward = forward
        self._check: Callable[[], None] | None = None
        self._before_update: Callable[[], None] | None = None
        self._reference: CausalModel | None = None

    def check_with(self, check: Callable[[], None]) -> None:
        self._check = check

    def bytes_to_come(self) -> int:
        return self._optimizer.bytes_to_come

    def before_update(self, call: Callable[[], None]) -> None:
        self._before_update = call

    def _stoppable(self, minibatch: Minibatch[Microbatch], tally: UpdateTally) -> Iterator[Microbatch]:
        """The microbatches; a stop signal ends the update between them, until the weights have changed."""
        for microbatch in minibatch.microbatches:
            if self._check is not None and not tally.applied:
                self._check()
            yield microbatch

    def update(
        self,
        kept: Sequence[Group],
        advantages: Sequence[Float32],
        loss: LossConfig,
        alpha: float,
        stage: StageConfig,
    ) -> UpdateReport:
        """Apply one optimizer update per minibatch and pass; see `TrainerBackend.update`.

        The report's means are `nan` when every minibatch was skipped.

        Raises:
            ValueError: no group, or nothing in them to train on.
        """
        started = time.perf_counter()
        if self._before_update is not None:
            self._before_update()
        minibatches = plan_minibatches(
            kept, advantages, loss, stage.num_minibatches, lambda rollouts: self._pack(rollouts, loss)
        )
        tally = UpdateTally()
        if loss.kl_coefficient > 0:
            reference = self._reference_model()
            minibatches = [self._with_reference(m, reference, tally) for m in minibatches]
        if needs_old(len(minibatches), stage.num_reuses):
            minibatches = [self._with_old(m, tally) for m in minibatches]
        hasher = xxhash.xxh3_128()
        for minibatch in minibatches * stage.num_reuses:
            self._update_once(minibatch, loss, alpha, tally, hasher)
        hashes = self._hashes(hasher) if self._fingerprint else {}
        return tally.report(minibatches, loss, hashes, time.perf_counter() - started)

    def publish(self, version: int) -> WeightHandle:
        """The weights in compute type, by the model's own names: the tensors themselves, not copies, but
        merged ones where adapters are trained.

        The next `update` writes into them, so an engine that samples during an update must copy them.
        """
        return WeightHandle(version=version, ref=self._model.weights())

    @property
    def master_weights(self) -> Mapping[str, Tensor]:
        """name -> weights in full precision, for an export."""
        return self._optimizer.masters

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take the start model's weights in full precision, which a decoder of a smaller type has rounded."""
        self._optimizer.start_from(weights)

    def save(self, folder: Path) -> None:
        self._optimizer.save(folder)

    def load(self, folder: Path) -> None:
        self._optimizer.load(folder)

    def _pack(self, rollouts: Sequence[TrainedRollout], loss: LossConfig) -> list[Microbatch]:
        return pack(
            rollouts,
            self._tokens_per_microbatch,
            loss,
            share_prompts=self._share_prompts,
            dtype=torch.float64 if self._model.dtype == torch.float64 else torch.float32,
            device=self._model.device,
        )

    def _logprobs(self, model: CausalModel, microbatch: Microbatch) -> tuple[Tensor, Tensor]:
        return head_logprobs(
            self._forward(model, microbatch),
            model.head_weight,
            microbatch.targets_N,
            self._temperature,
            model.kernels.head_logits,
        )

    @torch.no_grad()
    def _with_old(self, minibatch: Minibatch[Microbatch], tally: UpdateTally) -> Minibatch[Microbatch]:
        tally.num_sequence_tokens += minibatch.num_inputs
        return replace(
            minibatch,
            microbatches=[
                replace(m, batch=replace(m.batch, old_logprobs_N=self._logprobs(self._model, m)[0]))
                for m in self._stoppable(minibatch, tally)
            ],
        )

    @torch.no_grad()
    def _with_reference(
        self, minibatch: Minibatch[Microbatch], reference: CausalModel, tally: UpdateTally
    ) -> Minibatch[Microbatch]:
        tally.num_sequence_tokens += minibatch.num_inputs
        return replace(
            minibatch,
            microbatches=[
                replace(m, batch=replace(m.batch, reference_logprobs_N=self._logprobs(reference, m)[0]))
                for m in self._stoppable(minibatch, tally)
            ],
        )

    def _reference_model(self) -> CausalModel:
        if self._reference is None:
            if self._load_reference is None:
                raise ValueError("a KL term needs a reference model, and none can be loaded here")
            self._reference = self._load_reference()
        return self._reference

    def _update_once(
        self,
        minibatch: Minibatch[Microbatch],
        loss: LossConfig,
        alpha: float,
        tally: UpdateTally,
        hasher: xxhash.xxh3_128,
    ) -> None:
        self._optimizer.clear()
        sums = reduce(add, [self._backward(m, loss, alpha) for m in self._stoppable(minibatch, tally)])
        tally.num_sequence_tokens += minibatch.num_inputs
        if self._fingerprint:
            digest(self._optimizer.gradients, hasher)
        grad_norm = self._optimizer.grad_norm()
        if math.isfinite(grad_norm) and math.isfinite(sums.loss.item()):
            tally.apply(minibatch, sums, self._optimizer.apply(grad_norm))
        else:
            tally.skip(minibatch, sums, grad_norm)
        self._optimizer.clear()

    def _backward(self, microbatch: Microbatch, loss: LossConfig, alpha: float) -> LossSums:
        logprobs_N, entropy_N = self._logprobs(self._model, microbatch)
        value, sums = token_loss(logprobs_N, entropy_N, microbatch.batch, loss, alpha)
        torch.autograd.backward(value)
        return sums

    def _hashes(self, gradients: xxhash.xxh3_128) -> dict[str, str]:
        weights = xxhash.xxh3_128()
        digest(self._optimizer.masters, weights)
        return {"gradient": gradients.hexdigest(), "weights": weights.hexdigest()}
