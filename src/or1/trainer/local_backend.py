"""The update in this process, on one device. Shape letters: see `or1.nn`."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from operator import add
from pathlib import Path

import torch
from torch import Tensor

from or1.algo.loss import LossSums, token_loss
from or1.algo.split_evenly import split_evenly
from or1.config import LossConfig, OptimizerConfig, StageConfig
from or1.nn.causal_model import CausalModel
from or1.nn.head import head_logprobs
from or1.nn.kernels import shares_prompts_on
from or1.trainer.optimizer import Applied, MasterOptimizer, digest
from or1.trainer.packing import Microbatch, TrainedRollout, pack, trained_rollouts
from or1.types import Float32, Group, TokenStatistics, UpdateReport, WeightHandle

logger = logging.getLogger(__name__)


Forward = Callable[[CausalModel, Microbatch], Tensor]
"""Hidden states [N, C] from which each response token of a microbatch is predicted, differentiable."""


def forward(decoder: CausalModel, microbatch: Microbatch) -> Tensor:
    """The packed forward pass, with shared prompts where the microbatch has them."""
    return decoder.packed(
        microbatch.tokens_T, microbatch.lengths, microbatch.parents, microbatch.predictors_N
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Minibatch:
    """The rollouts of one optimizer update."""

    microbatches: list[Microbatch]
    weight: float
    """Weight in the means over the batch: the denominator of its loss [tokens or sequences]."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for microbatch in self.microbatches for name in microbatch.names)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """Totals over the updates of one step."""

    sums: list[LossSums] = field(default_factory=list)
    """One entry per applied update."""
    weights: list[float] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    num_skipped: int = 0
    num_sequence_tokens: int = 0
    nonfinite_rollouts: list[str] = field(default_factory=list)

    def weighted_mean(self, name: str) -> float:
        """Mean over the applied updates of a sum that is weighted as the loss is; nan without one."""
        if not self.sums:
            return math.nan
        values = [w * getattr(s, name).item() for w, s in zip(self.weights, self.sums, strict=True)]
        return sum(values) / sum(self.weights)


class LocalBackend:
    """TrainerBackend on one device: packed microbatches, exact loss, AdamW on float32 master weights."""

    def __init__(
        self,
        model: CausalModel,
        optimizer: OptimizerConfig,
        *,
        temperature: float,
        tokens_per_microbatch: int,
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
            fingerprint: hash gradient and weights of each step.
            load_reference: loads the reference model when a KL term first needs it.
            share_prompts: compute a prompt once for its responses. None = by `shares_prompts_on`.
            forward: the forward pass; tests pass one that fails.
        """
        self._model = model
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimizer = MasterOptimizer(trained, optimizer)
        self._temperature = temperature
        self._tokens_per_microbatch = tokens_per_microbatch
        self._fingerprint = fingerprint
        self._load_reference = load_reference
        if share_prompts is None:
            share_prompts = shares_prompts_on(model.device, model.kernels)
        self._share_prompts = share_prompts
        self._forward = forward
        self._check: Callable[[], None] | None = None
        self._reference: CausalModel | None = None

    def check_with(self, check: Callable[[], None]) -> None:
        self._check = check

    def _stoppable(self, minibatch: _Minibatch, tally: _Tally) -> Iterator[Microbatch]:
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
        minibatches = self._minibatches(kept, advantages, loss, stage.num_minibatches)
        tally = _Tally()
        if loss.kl_coefficient > 0:
            reference = self._reference_model()
            minibatches = [self._with_reference(m, reference, tally) for m in minibatches]
        # A single update starts from the old policy: its own forward pass yields the old log-probs.
        if len(minibatches) * stage.num_reuses > 1:
            minibatches = [self._with_old(m, tally) for m in minibatches]
        hasher = hashlib.blake2b(digest_size=16)
        for minibatch in minibatches * stage.num_reuses:
            self._update_once(minibatch, loss, alpha, tally, hasher)
        hashes = self._hashes(hasher) if self._fingerprint else {}
        return _report(tally, minibatches, loss, hashes, time.perf_counter() - started)

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

    def _minibatches(
        self, kept: Sequence[Group], advantages: Sequence[Float32], loss: LossConfig, num_minibatches: int
    ) -> list[_Minibatch]:
        """Whole groups, split evenly over the minibatches; a minibatch without a rollout is left out."""
        minibatches = []
        for run in split_evenly(len(kept), num_minibatches):
            rollouts = trained_rollouts(kept[run.start : run.stop], advantages[run.start : run.stop])
            if rollouts:
                minibatches.append(self._minibatch(rollouts, loss))
        if not minibatches:
            raise ValueError(f"nothing to train on in {len(kept)} groups")
        return minibatches

    def _minibatch(self, rollouts: Sequence[TrainedRollout], loss: LossConfig) -> _Minibatch:
        weight = self._model.head_weight
        microbatches = pack(
            rollouts,
            self._tokens_per_microbatch,
            loss,
            share_prompts=self._share_prompts,
            dtype=torch.float64 if weight.dtype == torch.float64 else torch.float32,
            device=weight.device,
        )
        num_tokens = sum(m.targets_N.numel() for m in microbatches)
        denominator = num_tokens if loss.average == "token" else len(rollouts)
        return _Minibatch(microbatches=microbatches, weight=float(denominator))

    def _logprobs(self, model: CausalModel, microbatch: Microbatch) -> tuple[Tensor, Tensor]:
        return head_logprobs(
            self._forward(model, microbatch),
            model.head_weight,
            microbatch.targets_N,
            self._temperature,
            model.kernels.head_logits,
        )

    @torch.no_grad()
    def _with_old(self, minibatch: _Minibatch, tally: _Tally) -> _Minibatch:
        tally.num_sequence_tokens += sum(m.tokens_T.numel() for m in minibatch.microbatches)
        return replace(
            minibatch,
            microbatches=[
                replace(m, batch=replace(m.batch, old_logprobs_N=self._logprobs(self._model, m)[0]))
                for m in self._stoppable(minibatch, tally)
            ],
        )

    @torch.no_grad()
    def _with_reference(self, minibatch: _Minibatch, reference: CausalModel, tally: _Tally) -> _Minibatch:
        tally.num_sequence_tokens += sum(m.tokens_T.numel() for m in minibatch.microbatches)
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
        self, minibatch: _Minibatch, loss: LossConfig, alpha: float, tally: _Tally, hasher: hashlib.blake2b
    ) -> None:
        self._optimizer.clear()
        sums = reduce(add, [self._backward(m, loss, alpha) for m in self._stoppable(minibatch, tally)])
        tally.num_sequence_tokens += sum(m.tokens_T.numel() for m in minibatch.microbatches)
        if self._fingerprint:
            digest(self._optimizer.gradients, hasher)
        grad_norm = self._optimizer.grad_norm()
        if math.isfinite(grad_norm) and math.isfinite(sums.loss.item()):
            tally.applied.append(self._optimizer.apply(grad_norm))
            tally.sums.append(sums)
            tally.weights.append(minibatch.weight)
        else:
            tally.num_skipped += 1
            tally.nonfinite_rollouts += minibatch.names
            logger.warning(
                "update skipped: loss %s, gradient norm %s, rollouts %s",
                sums.loss.item(),
                grad_norm,
                ", ".join(minibatch.names),
            )
        self._optimizer.clear()

    def _backward(self, microbatch: Microbatch, loss: LossConfig, alpha: float) -> LossSums:
        logprobs_N, entropy_N = self._logprobs(self._model, microbatch)
        value, sums = token_loss(logprobs_N, entropy_N, microbatch.batch, loss, alpha)
        torch.autograd.backward(value)
        return sums

    def _hashes(self, gradients: hashlib.blake2b) -> dict[str, str]:
        weights = hashlib.blake2b(digest_size=16)
        digest(self._optimizer.masters, weights)
        return {"gradient": gradients.hexdigest(), "weights": weights.hexdigest()}


def _report(
    tally: _Tally,
    minibatches: Sequence[_Minibatch],
    loss: LossConfig,
    hashes: Mapping[str, str],
    seconds: float,
) -> UpdateReport:
    """Statistics over the tokens of all applied updates; nan if every minibatch was skipped."""
    num_updates = len(tally.applied)
    total = reduce(add, tally.sums) if tally.sums else None
    means = {f.name: total.mean(f.name) if total else math.nan for f in fields(LossSums)}
    means |= {name: tally.weighted_mean(name) for name in ("loss", "policy_loss")}
    return UpdateReport(
        **{f.name: means[f.name] for f in fields(TokenStatistics)},
        kl_to_reference=means["kl_to_reference"] if loss.kl_coefficient else None,
        grad_norm=sum(a.grad_norm for a in tally.applied) / num_updates if num_updates else math.nan,
        learning_rate=tally.applied[-1].learning_rate if num_updates else math.nan,
        num_updates=num_updates,
        num_skipped=tally.num_skipped,
        num_tokens=sum(m.targets_N.numel() for b in minibatches for m in b.microbatches),
        num_sequence_tokens=tally.num_sequence_tokens,
        seconds=seconds,
        nonfinite_rollouts=tuple(tally.nonfinite_rollouts),
        hashes=hashes,
    )
