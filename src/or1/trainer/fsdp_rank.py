"""One rank of the trainer: its shard of the model, and the four things that it does.

It knows torch.distributed, and not who started it: a process of this machine, torchrun or another launcher
makes the process group, builds a `FsdpRank` and calls the same method on every rank. Shape letters: see
`or1.nn`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path

import torch
import xxhash
from torch import Tensor, distributed
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from or1.algo.loss import LossSums, token_loss
from or1.config import OptimizerConfig
from or1.nn.causal_model import CausalModel
from or1.nn.config import DecoderConfig, ModelShape
from or1.nn.context_parallel import ContextGroup
from or1.nn.decoder import Decoder
from or1.nn.dtypes import dtype_named
from or1.nn.head import head_logprobs
from or1.nn.kernels import kernels_of
from or1.nn.published import write_parts, write_published
from or1.trainer.optimizer import MasterOptimizer, digest
from or1.trainer.packing import Microbatch
from or1.trainer.rank_plan import RankMinibatch, RankOutcome, RankReport, RankUpdate, to_numbers
from or1.trainer.sharded_files import begin_write, first_failure, read_shards
from or1.trainer.sharded_model import gathered, load_sharded, shards
from or1.trainer.state_files import MOMENTS, read_num_updates, write_counters
from or1.trainer.update_plan import needs_old


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSettings:
    """The settings that are equal on all ranks."""

    folder: Path
    """Of the start model."""
    shape: ModelShape
    exact: bool
    """Computed by EXACT kernels."""
    num_ids: int
    """Of the tokenizer."""
    dtype: str
    """Name of the compute type."""
    device: str
    """cpu or cuda."""
    optimizer: OptimizerConfig
    temperature: float
    recompute: bool
    offload: bool
    """Shards, gradients and moments in the memory of the host."""
    sum_gradients_once: bool
    """Over the ranks, at the last microbatch of a minibatch; not at each."""
    context_parallel: int
    """P: neighbouring ranks that compute the same sequences together."""
    fingerprint: bool
    num_threads: int
    """Of one rank, on a CPU."""
    limit_s: float
    """Longest wait for another rank [s]."""


class _StoppedError(Exception):
    """All ranks leave the update together."""


class FsdpRank:
    """The shard of one rank. Every method is called on all ranks, with the same arguments unless it says so.

    Args:
        settings: equal on all ranks. The process group exists.
        on_progress: called often, with the work at hand.
        should_stop: whether this rank has to leave an update that has changed no weight; the ranks decide
            together.
        on_saved: called in a thread when this rank has written its file, with the error, or None.
    """

    def __init__(
        self,
        settings: RankSettings,
        *,
        on_progress: Callable[[str], None],
        should_stop: Callable[[], bool],
        on_saved: Callable[[BaseException | None], None],
    ) -> None:
        self._settings = settings
        self._published: Path | None = None
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._on_saved = on_saved
        self._rank, self._num_ranks = distributed.get_rank(), distributed.get_world_size()
        self._device = torch.device(settings.device)
        if settings.device == "cuda":
            self._device = torch.device("cuda", self._rank % torch.cuda.device_count())
            torch.cuda.set_device(self._device)
        self._mesh = init_device_mesh(settings.device, (self._num_ranks,))
        self._saving_group = distributed.new_group(backend="gloo")
        self._context = self._context_group()
        self._model = self._load()
        self._model.recompute = settings.recompute
        self._optimizer = MasterOptimizer(dict(self._model.named_parameters()), settings.optimizer)
        self._reference: CausalModel | None = None

    def _context_group(self) -> ContextGroup | None:
        size = self._settings.context_parallel
        if size == 1:
            return None
        mesh = init_device_mesh(
            self._settings.device, (self._num_ranks // size, size), mesh_dim_names=("data", "context")
        )
        return ContextGroup(mesh.get_group("context"), self._settings.shape)

    def _load(self) -> CausalModel:
        settings = self._settings
        return load_sharded(
            settings.folder,
            settings.shape,
            self._mesh,
            dtype=dtype_named(settings.dtype),
            device=self._device,
            kernels=kernels_of(settings.num_ids, settings.shape.vocab_size, exact=settings.exact),
            offload=settings.offload,
            on_progress=lambda: self._on_progress("the model is read"),
        )

    def update(self, update: RankUpdate) -> RankReport | None:
        """Take the optimizer updates of a step.

        Args:
            update: of this rank; equally many microbatches on all ranks.

        Returns:
            None: stopped, with the weights that it began with.
        """
        minibatches = update.minibatches
        try:
            batches = [self._to_device(minibatch) for minibatch in minibatches]
            if update.loss.kl_coefficient > 0:
                if self._reference is None:
                    self._reference = self._load()
                batches = [self._with_reference(batch, self._reference) for batch in batches]
            if needs_old(len(batches), update.num_reuses):
                batches = [self._with_old(batch) for batch in batches]
            hasher = xxhash.xxh3_128()
            outcomes: list[RankOutcome] = []
            for _ in range(update.num_reuses):
                for minibatch, batch in zip(minibatches, batches, strict=True):
                    can_stop = all(outcome.learning_rate is None for outcome in outcomes)
                    outcomes.append(
                        self._update_once(batch, minibatch.num_real, update, hasher, can_stop=can_stop)
                    )
        except _StoppedError:
            self._optimizer.clear()
            return None
        return RankReport(outcomes=tuple(outcomes), hashes=self._hashes(hasher))

    def publish(self, path: Path) -> None:
        """Write the weights in the compute type into one file; rank 0 writes it when it has all of them, and
        deletes the one before.

        Those of or1's decoder are written as engines read them, others by their names in the model.
        """
        weights = {}
        for name, tensor in gathered(shards(self._model), dtype_named(self._settings.dtype)):
            if self._rank == 0:
                weights[name] = tensor.cpu()
            self._on_progress("weights are gathered")
        if self._rank == 0:
            shape = self._settings.shape
            if isinstance(shape, DecoderConfig):
                write_published(shape, weights, path)
            else:
                write_parts(weights, path)
            if self._published is not None and self._published != path:
                self._published.unlink(missing_ok=True)
            self._published = path

    def begin_save(self, folder: Path) -> None:
        """Copy this rank's shards of master weights and moments, and write them into an existing folder in a
        thread, which ends with a call of `on_saved`."""
        if self._rank == 0:
            write_counters(folder, self._optimizer.num_updates)
        moments = {n: m for n, m in self._optimizer.moments().items() if not n.startswith("step.")}
        writing = begin_write(folder, {**self._optimizer.masters, **moments}, self._saving_group)
        assert isinstance(writing, Future)
        writing.add_done_callback(self._report_saved)

    def _report_saved(self, done: Future[Metadata]) -> None:
        error = done.exception()
        self._on_saved(None if error is None else first_failure(error))

    def load(self, folder: Path) -> None:
        """Read this rank's shards of what any number of ranks, or the backend of one process, has written."""
        num_updates = read_num_updates(folder)
        masters, moments = self._optimizer.masters, {}
        if num_updates:
            moments = {f"{key}.{n}": torch.zeros_like(m) for key in MOMENTS for n, m in masters.items()}
        read_shards(folder, {**masters, **moments})
        if num_updates:
            moments |= {f"step.{name}": torch.tensor(float(num_updates)) for name in masters}
        self._optimizer.restore(moments, num_updates)

    def _to_device(self, minibatch: RankMinibatch) -> list[Microbatch]:
        microbatches = [microbatch.to(torch.float32, self._device) for microbatch in minibatch.microbatches]
        return microbatches if self._context is None else [self._own_tokens(m) for m in microbatches]

    def _own_tokens(self, microbatch: Microbatch) -> Microbatch:
        """The microbatch with the response tokens that this rank predicts; `predictors_N` are then rows of
        its slice."""
        assert self._context is not None
        own, rows = self._context.own_rows(microbatch.lengths, microbatch.parents, microbatch.predictors_N)
        if own.numel() == 0:
            # a loss of zero on any row: the head too must have a gradient on all ranks
            return replace(
                microbatch,
                predictors_N=own.new_zeros(1),
                targets_N=own.new_zeros(1),
                batch=microbatch.batch.map(lambda x: torch.zeros_like(x[:1])),
                names=(),
            )
        return replace(
            microbatch,
            predictors_N=rows,
            targets_N=microbatch.targets_N[own],
            batch=microbatch.batch.map(lambda x: x[own]),
        )

    def _watched(self, batch: Sequence[Microbatch], work: str, *, can_stop: bool) -> Iterator[Microbatch]:
        """The microbatches; all ranks leave between two of them when one has to."""
        for index, microbatch in enumerate(batch):
            self._on_progress(f"{work}, microbatch {index + 1} of {len(batch)}")
            if can_stop and self._any(self._should_stop()):
                raise _StoppedError
            yield microbatch

    def _any(self, value: bool) -> bool:
        """Whether it is true on any rank."""
        flag = torch.tensor(float(value))
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag.item())

    def _logprobs(self, model: CausalModel, microbatch: Microbatch) -> tuple[Tensor, Tensor]:
        """Log-probabilities and entropies of the response tokens; inside the hooks of the model."""
        inputs = microbatch.tokens_T, microbatch.lengths, microbatch.parents, microbatch.predictors_N
        if self._context is None:
            hidden_NC = model.packed(*inputs)
        else:
            assert isinstance(model, Decoder)
            hidden_NC = self._context.packed(model, *inputs)
        temperature = self._settings.temperature
        return head_logprobs(
            hidden_NC, model.head_weight, microbatch.targets_N, temperature, model.kernels.head_logits
        )

    @torch.no_grad()
    def _with_old(self, batch: Sequence[Microbatch]) -> list[Microbatch]:
        return [
            replace(m, batch=replace(m.batch, old_logprobs_N=self._model(self._logprobs, m)[0]))
            for m in self._watched(batch, "log-probabilities before the update", can_stop=True)
        ]

    @torch.no_grad()
    def _with_reference(self, batch: Sequence[Microbatch], reference: CausalModel) -> list[Microbatch]:
        return [
            replace(m, batch=replace(m.batch, reference_logprobs_N=reference(self._logprobs, m)[0]))
            for m in self._watched(batch, "log-probabilities of the reference", can_stop=True)
        ]

    def _update_once(
        self,
        batch: Sequence[Microbatch],
        num_real: int,
        update: RankUpdate,
        hasher: xxhash.xxh3_128,
        *,
        can_stop: bool,
    ) -> RankOutcome:
        self._optimizer.clear()
        counted = []
        for index, microbatch in enumerate(self._watched(batch, "update", can_stop=can_stop)):
            self._sum_gradients(index == len(batch) - 1)
            loss, sums = self._model(self._loss, microbatch, update)
            torch.autograd.backward(loss if index < num_real else loss * 0.0)
            if index < num_real and microbatch.names:
                counted.append(sums)
        if self._settings.fingerprint:
            self._digest(sorted(self._optimizer.gradients.items()), hasher)
        total = reduce(add, counted) if counted else None
        grad_norm = self._grad_norm()
        is_finite = math.isfinite(grad_norm) and (total is None or math.isfinite(total.loss.item()))
        learning_rate = None
        if not self._any(not is_finite):
            learning_rate = self._optimizer.apply(grad_norm).learning_rate
        self._optimizer.clear()
        numbers = to_numbers(total) if total else None
        return RankOutcome(sums=numbers, grad_norm=grad_norm, learning_rate=learning_rate)

    def _sum_gradients(self, is_last: bool) -> None:
        """Sum the gradients over the ranks in the next backward pass, or only in the last."""
        assert isinstance(self._model, FSDPModule)
        self._model.set_requires_gradient_sync(is_last or not self._settings.sum_gradients_once)

    def _loss(
        self, model: CausalModel, microbatch: Microbatch, update: RankUpdate
    ) -> tuple[Tensor, LossSums]:
        logprobs_N, entropy_N = self._logprobs(model, microbatch)
        return token_loss(logprobs_N, entropy_N, microbatch.batch, update.loss, update.alpha)

    def _grad_norm(self) -> float:
        norm = torch.nn.utils.get_total_norm(self._optimizer.gradients.values())
        assert isinstance(norm, DTensor)
        return norm.full_tensor().item()

    def _digest(self, tensors: Sequence[tuple[str, Tensor]], hasher: xxhash.xxh3_128) -> None:
        for name, tensor in gathered(tensors):
            if self._rank == 0:
                digest({name: tensor}, hasher)
            self._on_progress("fingerprint")

    def _hashes(self, gradients: xxhash.xxh3_128) -> dict[str, str]:
        if not self._settings.fingerprint:
            return {}
        weights = xxhash.xxh3_128()
        self._digest(sorted(self._optimizer.masters.items()), weights)
        return {"gradient": gradients.hexdigest(), "weights": weights.hexdigest()}
