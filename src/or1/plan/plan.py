"""The plan of a run: seconds, memory and cost of its stages on a number of GPUs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from or1.config import RunConfig, StageConfig
from or1.errors import ConfigError
from or1.memory import MemoryEstimate, MemorySettings, Shape, estimate, num_parameters, position_bytes
from or1.plan.hardware import EngineProfile, Gpu
from or1.plan.lengths import Lengths
from or1.plan.pool import EngineCost, simulate
from or1.plan.update import FSDP, TrainerProfile, update_seconds

BFLOAT16 = 2
USABLE = 0.92
"""Share of a GPU's memory that tensors may take; the rest is for the context, fragments and collectives."""
KEPT_SHARE = 0.71
"""Share of the groups that have a signal and are trained on [dimensionless]. Fitted on the paper's update of
28.8 s with 1,024 responses on 32 GPUs."""
GATHER_RATE = 3e9
"""Weights that one GPU gathers, converts and sends in a second [bytes/s]: published transfers of 7B and 32B
models spend their seconds so and not on the wire."""
MAX_SLOTS = 256
"""Responses that an engine decodes at once at most, as vLLM's default [responses]."""

PROMPT_TOKENS = 300
"""Mean length of a prompt [tokens]."""
NUM_ORDERS = 3
"""Orders of the responses that are simulated."""


class LengthSource(Protocol):
    """A distribution of response lengths."""

    def quantiles(self, num: int, budget: int) -> Lengths: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """GPUs and the programs on them."""

    gpu: Gpu
    num_gpus: int
    engine: EngineProfile
    trainer: TrainerProfile = FSDP
    dollars_per_hour: float | None = None
    """Of one GPU; None = the data sheet's estimate."""

    @property
    def price(self) -> float:
        """Of one GPU [dollars per hour]."""
        return self.gpu.dollars_per_hour if self.dollars_per_hour is None else self.dollars_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """One stage of a run, with all GPUs sampling and then all of them training."""

    stage: StageConfig
    tensor_parallel: int
    """GPUs of one engine."""
    num_engines: int
    slots: int
    """Responses of one engine at once, by the memory for its cache."""
    rollout_s: float
    idle_share: float
    """Of the engines' time in the rollout [dimensionless]."""
    update_s: float
    weights_s: float
    memory: MemoryEstimate
    """Of the trainer, on one GPU."""
    dollars_per_step: float

    @property
    def step_s(self) -> float:
        """Verification runs beside the rollout and is not in it."""
        return self.rollout_s + self.update_s + self.weights_s

    @property
    def hours(self) -> float:
        """All steps of the stage."""
        return self.stage.num_steps * self.step_s / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Engines and trainers on GPUs of their own, one step apart (staleness 1)."""

    num_rollout: int
    num_train: int
    step_s: float


def plan_run(run: RunConfig, shape: Shape, cluster: Cluster, lengths: LengthSource) -> list[StagePlan]:
    """The plan of each stage.

    Args:
        run: its stages, prompts and microbatches.
        shape: of the model.
        cluster: GPUs, engine and trainer.
        lengths: of the responses before the cut at a stage's budget.

    Raises:
        ConfigError: the model does not fit, with the number of GPUs or the budget that would.
    """
    return [plan_stage(run, stage, shape, cluster, lengths) for stage in run.stages]


def plan_stage(
    run: RunConfig, stage: StageConfig, shape: Shape, cluster: Cluster, lengths: LengthSource
) -> StagePlan:
    """The plan of one stage; see `plan_run`."""
    memory = _memory(run, stage, shape, cluster)
    if memory.update > USABLE * cluster.gpu.memory:
        raise ConfigError(_does_not_fit(run, stage, shape, cluster, memory))
    sampled = lengths.quantiles(stage.num_problems * stage.group_size, stage.max_response_tokens)
    tensor_parallel = engine_gpus(
        shape, cluster.gpu, stage.max_response_tokens, run.rollout.max_prompt_tokens
    )
    num_engines = cluster.num_gpus // tensor_parallel
    if num_engines == 0:
        raise ConfigError(
            f"one engine needs {tensor_parallel} GPUs and there are {cluster.num_gpus}: add GPUs"
        )
    slots = engine_slots(shape, cluster, tensor_parallel, float(sampled.mean()))
    rollout_s, idle = rollout_seconds(shape, cluster, sampled, tensor_parallel, num_engines, slots)
    update_s = _update(run, stage, shape, cluster, sampled, cluster.num_gpus)
    weights_s = weights_seconds(shape)
    step_s = rollout_s + update_s + weights_s
    return StagePlan(
        stage=stage,
        tensor_parallel=tensor_parallel,
        num_engines=num_engines,
        slots=slots,
        rollout_s=rollout_s,
        idle_share=idle,
        update_s=update_s,
        weights_s=weights_s,
        memory=memory,
        dollars_per_step=cluster.num_gpus * cluster.price * step_s / 3600,
    )


def trainer_memory(
    run: RunConfig, budget: int, shape: Shape, cluster: Cluster, microbatch_tokens: int
) -> MemoryEstimate:
    """Bytes on one GPU of the trainer, sharded over all GPUs, with recompute.

    Args:
        run: its longest prompt, adapters and reference.
        budget: response budget [tokens].
        shape: of the model.
        cluster: its number of GPUs.
        microbatch_tokens: tokens of one forward pass; at least one whole prompt and response.
    """
    tokens = max(microbatch_tokens, budget + run.rollout.max_prompt_tokens)
    return estimate(
        shape,
        MemorySettings(
            compute_bytes=BFLOAT16,
            microbatch_tokens=tokens,
            recompute=True,
            optimizer_bits=run.system.optimizer_bits,
            ranks=cluster.num_gpus,
            has_reference=run.loss.kl_coefficient > 0,
            lora_rank=None if run.model.lora is None else run.model.lora.rank,
        ),
    )


def _memory(run: RunConfig, stage: StageConfig, shape: Shape, cluster: Cluster) -> MemoryEstimate:
    return trainer_memory(run, stage.max_response_tokens, shape, cluster, run.system.tokens_per_microbatch)


def engine_gpus(shape: Shape, gpu: Gpu, budget: int, max_prompt_tokens: int) -> int:
    """GPUs of one engine: the fewest, a power of two, that hold the weights and eight whole responses."""
    cache = 8 * (budget + max_prompt_tokens) * position_bytes(shape, BFLOAT16)
    needed = num_parameters(shape) * BFLOAT16 + cache
    return 1 << max(0, math.ceil(math.log2(needed / (USABLE * gpu.memory))))


def engine_slots(shape: Shape, cluster: Cluster, tensor_parallel: int, mean_length: float) -> int:
    """Responses that one engine decodes at once: what the cache holds when they are half done."""
    left = tensor_parallel * cluster.gpu.memory * USABLE - num_parameters(shape) * BFLOAT16
    held = cluster.engine.cache_fraction * left / (position_bytes(shape, BFLOAT16) * mean_length / 2)
    return max(1, min(MAX_SLOTS, int(held)))


def weights_seconds(shape: Shape) -> float:
    """Seconds until the engines have the weights of an update."""
    return num_parameters(shape) * BFLOAT16 / GATHER_RATE


def rollout_seconds(
    shape: Shape, cluster: Cluster, sampled: Lengths, tensor_parallel: int, num_engines: int, slots: int
) -> tuple[float, float]:
    """Seconds of a rollout and the idle share of its engines, by the simulated pool: the mean over orders."""
    cost = EngineCost(
        profile=cluster.engine,
        bandwidth=tensor_parallel * cluster.gpu.bandwidth,
        weight_bytes=num_parameters(shape) * BFLOAT16,
        cache_bytes_per_token=position_bytes(shape, BFLOAT16),
        prompt_tokens=PROMPT_TOKENS,
    )
    orders = [np.random.default_rng(seed).permutation(sampled).tolist() for seed in range(NUM_ORDERS)]
    results = [simulate(order, num_engines, slots, cost) for order in orders]
    return (
        sum(r.seconds for r in results) / NUM_ORDERS,
        sum(r.idle_share for r in results) / NUM_ORDERS,
    )


def _update(
    run: RunConfig, stage: StageConfig, shape: Shape, cluster: Cluster, sampled: Lengths, num_gpus: int
) -> float:
    """Seconds of the update; the groups without a signal are left out as a share of all lengths alike."""
    share = KEPT_SHARE if run.loss.reject_zero_advantage else 1.0
    fixed = stage.num_minibatches * stage.num_reuses * cluster.trainer.per_update_s
    whole = update_seconds(
        shape,
        (sampled + PROMPT_TOKENS).tolist(),
        cluster.gpu,
        num_gpus,
        microbatch_tokens=run.system.tokens_per_microbatch,
        num_minibatches=stage.num_minibatches,
        num_reuses=stage.num_reuses,
        profile=cluster.trainer,
    )
    return share * (whole - fixed) + fixed


def best_overlap(
    run: RunConfig, stage: StageConfig, shape: Shape, cluster: Cluster, lengths: LengthSource
) -> Overlap | None:
    """The split into engines and trainers with the shortest step, when a step samples while the one before is
    trained on; None when no split fits."""
    tensor_parallel = engine_gpus(
        shape, cluster.gpu, stage.max_response_tokens, run.rollout.max_prompt_tokens
    )
    sampled = lengths.quantiles(stage.num_problems * stage.group_size, stage.max_response_tokens)
    slots = engine_slots(shape, cluster, tensor_parallel, float(sampled.mean()))
    found: list[Overlap] = []
    for eighths in range(1, 8):
        num_train = cluster.num_gpus * eighths // 8
        num_engines = (cluster.num_gpus - num_train) // tensor_parallel
        if num_train == 0 or num_engines == 0:
            continue
        memory = _memory(run, stage, shape, replace(cluster, num_gpus=num_train))
        if memory.update > USABLE * cluster.gpu.memory:
            continue
        rollout_s, _ = rollout_seconds(shape, cluster, sampled, tensor_parallel, num_engines, slots)
        update_s = _update(run, stage, shape, cluster, sampled, num_train)
        step_s = max(rollout_s, update_s) + weights_seconds(shape)
        num_rollout = num_engines * tensor_parallel
        found.append(Overlap(num_rollout=num_rollout, num_train=num_train, step_s=step_s))
    return min(found, key=lambda overlap: overlap.step_s, default=None)


def largest_budget(run: RunConfig, shape: Shape, cluster: Cluster) -> int:
    """The largest response budget whose update fits, in steps of 1,024; 0 when none does [tokens]."""
    fits = 0
    for budget in range(1024, 131_073, 1024):
        memory = trainer_memory(run, budget, shape, cluster, run.system.tokens_per_microbatch)
        if memory.update > USABLE * cluster.gpu.memory:
            break
        fits = budget
    return fits


def _does_not_fit(
    run: RunConfig, stage: StageConfig, shape: Shape, cluster: Cluster, memory: MemoryEstimate
) -> str:
    line = (
        f"the update at {stage.max_response_tokens:,} response tokens needs {memory.update / 1e9:.0f} GB on "
        f"each of {cluster.num_gpus} {cluster.gpu.name} GPUs, of which "
        f"{USABLE * cluster.gpu.memory / 1e9:.0f} GB can be used"
    )
    enough = next(
        (n for n in fewest_candidates(cluster.num_gpus) if _fits(run, stage, shape, cluster, n)), None
    )
    if enough is not None:
        return f"{line}: {enough} GPUs are enough"
    budget = largest_budget(run, shape, cluster)
    if budget:
        return f"{line}: up to {budget:,} response tokens fit"
    return f"{line}: lower system.tokens_per_microbatch, use GPUs with more memory, or model.lora"


def fewest_candidates(num_gpus: int) -> list[int]:
    """Larger numbers of GPUs that are tried: doublings up to 1,024."""
    return [num_gpus << n for n in range(1, 11) if num_gpus << n <= 1024]


def _fits(run: RunConfig, stage: StageConfig, shape: Shape, cluster: Cluster, num_gpus: int) -> bool:
    memory = _memory(run, stage, shape, replace(cluster, num_gpus=num_gpus))
    return memory.update <= USABLE * cluster.gpu.memory
