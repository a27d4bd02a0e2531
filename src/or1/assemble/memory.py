"""The memory of a run or an evaluation beside what is free: refused at the start, explained at run time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch

from or1.assemble.backends import BACKENDS
from or1.assemble.model import Model
from or1.config import RolloutConfig, RunConfig
from or1.errors import OutOfMemoryError
from or1.machine import free_memory_bytes
from or1.memory import GIB, MemoryEstimate, MemorySettings, Shape, estimate
from or1.rollout.local_engine import free_gpu_bytes

_MANY = 0.15
"""A phase of at least this share of the total is named with the settings that lower it [fraction]."""
_SHOWN = 0.01
"""Smaller phases are left out of the line [fraction]."""
_CPU_FAILURES = ("DefaultCPUAllocator: can't allocate memory", "not enough memory")
"""In the message of the RuntimeError that torch raises for them."""

_TRAINED = ("moments", "masters", "gradients")
_TOKENS = ("activations", "layer", "logits")
_PHASES = (*_TOKENS, "kv_cache", "decode", *_TRAINED, "weights", "reference", "kept_weights")
"""Of a `MemoryEstimate`."""
_SAMPLING_REMEDIES = {
    "weights": ("take a smaller model",),
    "kv_cache": ("lower max_running", "lower max_response_tokens"),
    "decode": ("lower max_running",),
}
"""Phase of an engine without a trainer -> settings that lower it."""


def run_settings(run: RunConfig, compute_bytes: int, *, on_gpu: bool) -> MemorySettings:
    """The numbers of a run that decide about its memory, for its longest stage.

    A microbatch holds at least one whole sequence, and no more than the rollouts of a minibatch.

    Args:
        run: its settings.
        compute_bytes: bytes of a number of the compute type.
        on_gpu: or1's own engine then takes as many slots as fit, at least one.
    """
    budget = max(stage.max_response_tokens for stage in run.stages)
    prompt = run.rollout.max_prompt_tokens
    rollouts = max(s.num_problems * s.group_size for s in run.stages)
    trained = max(-(-s.num_problems // s.num_minibatches) * s.group_size for s in run.stages)
    whole = prompt + budget
    system = run.system
    tokens = max(whole, min(system.tokens_per_microbatch, trained * whole))
    slots = min(run.rollout.max_running, int(rollouts * run.rollout.oversample))
    if run.rollout.engine != "local":
        slots = 0  # in another process, which has its own limit
    elif on_gpu:
        slots = 1
    return MemorySettings(
        compute_bytes=compute_bytes,
        microbatch_tokens=-(-tokens // system.context_parallel),
        recompute=system.recompute_activations,
        optimizer_bits=system.optimizer_bits,
        ranks=system.num_ranks,
        ranks_here=1 if on_gpu else system.num_ranks,
        offload=on_gpu and system.backend == "fsdp" and system.offload_optimizer,
        whole_gradients=system.backend == "fsdp" and system.sum_gradients_once,
        lora_rank=None if run.model.lora is None else run.model.lora.rank,
        has_reference=run.loss.kl_coefficient > 0,
        # ranks on GPUs publish files in the memory of the host
        kept_versions=2 if run.rollout.max_staleness and not (on_gpu and system.backend == "fsdp") else 0,
        slots=slots,
        max_prompt_tokens=prompt,
        max_response_tokens=budget,
        keeps_attention=not on_gpu and not system.deterministic,
    )


def _run_remedies(run: RunConfig, *, on_gpu: bool) -> dict[str, tuple[str, ...]]:
    """Phase -> settings that lower it, of those that the run allows."""
    system, is_local = run.system, run.system.backend == "local"
    longest = run.rollout.max_prompt_tokens + max(stage.max_response_tokens for stage in run.stages)
    is_packed = system.tokens_per_microbatch > longest
    can_share = not is_local and not system.deterministic and system.context_parallel < system.num_ranks
    is_apart = not is_local and on_gpu  # each rank has memory of its own
    budget = "lower max_response_tokens of the stages"
    held = (*_TRAINED, "weights")
    rows: tuple[tuple[bool, str, tuple[str, ...]], ...] = (
        (is_packed, "lower system.tokens_per_microbatch", _TOKENS),
        (not is_packed, budget, _TOKENS),
        (not system.recompute_activations, "set system.recompute_activations = true", ("activations",)),
        (can_share, "raise system.context_parallel", _TOKENS),
        (not on_gpu, "lower rollout.max_running", ("kv_cache", "decode")),
        (True, budget, ("kv_cache",)),
        (is_local and system.optimizer_bits == 32, "set system.optimizer_bits = 8", ("moments",)),
        (system.sum_gradients_once, "set system.sum_gradients_once = false", ("gradients",)),
        (is_local and run.model.lora is None, "set model.lora", _TRAINED),
        (is_apart and not system.offload_optimizer, "set system.offload_optimizer = true", held),
        (is_apart, "raise system.num_ranks", held),
        (True, "take a smaller model", held),
        (True, "set loss.kl_coefficient = 0", ("reference",)),
        (True, "set rollout.max_staleness = 0", ("kept_weights",)),
    )
    useful = [(text, phases) for holds, text, phases in rows if holds]
    return {phase: tuple(text for text, phases in useful if phase in phases) for phase in _PHASES}


def sampling_settings(
    rollout: RolloutConfig,
    compute_bytes: int,
    longest_prompt: int,
    num_requests: int | None = None,
    *,
    on_gpu: bool,
) -> MemorySettings:
    """As `run_settings`, for an engine without a trainer.

    Args:
        rollout: its settings.
        compute_bytes: bytes of a number of the compute type.
        longest_prompt: [tokens].
        num_requests: largest number of responses in one call, which takes no more slots; None = not known.
        on_gpu: see `run_settings`.
    """
    assert rollout.max_response_tokens is not None, "an engine without stages is given its budget"
    running = rollout.max_running if num_requests is None else min(rollout.max_running, num_requests)
    slots = 1 if on_gpu else running
    return MemorySettings(
        compute_bytes=compute_bytes,
        microbatch_tokens=1,
        slots=slots if rollout.engine == "local" else 0,
        max_prompt_tokens=longest_prompt,
        max_response_tokens=rollout.max_response_tokens,
    )


def run_line(
    run: RunConfig, shape: Shape, settings: MemorySettings, free: int, *, on_gpu: bool
) -> str | None:
    """Why a run does not fit into the free bytes, with the settings that lower it; None where it fits."""
    if estimate(shape, settings).peak <= free:
        return None
    return run_needs(run, shape, settings, free, on_gpu=on_gpu)


def run_needs(run: RunConfig, shape: Shape, settings: MemorySettings, free: int, *, on_gpu: bool) -> str:
    """The memory of a run beside the free bytes, with the settings that lower it."""
    needed = estimate(shape, settings)
    return _line("the run", needed, needed.peak, free, _run_remedies(run, on_gpu=on_gpu))


def sampling_line(shape: Shape, settings: MemorySettings, free: int) -> str | None:
    """As `run_line`, for an engine without a trainer."""
    return None if _sampled(shape, settings).rollout <= free else sampling_needs(shape, settings, free)


def sampling_needs(shape: Shape, settings: MemorySettings, free: int) -> str:
    """As `run_needs`, for an engine without a trainer."""
    needed = _sampled(shape, settings)
    return _line("sampling", needed, needed.rollout, free, _SAMPLING_REMEDIES)


def _sampled(shape: Shape, settings: MemorySettings) -> MemoryEstimate:
    nothing = dict.fromkeys((name for name in _PHASES if name not in _SAMPLING_REMEDIES), 0)
    return replace(estimate(shape, settings), **nothing)


def _line(
    subject: str, needed: MemoryEstimate, total: int, free: int, remedies: Mapping[str, Sequence[str]]
) -> str:
    phases = {name: _bytes_of(needed, name) for name in _PHASES}
    shown = ", ".join(
        f"{name.replace('_', ' ')} {_gib(size)}" for name, size in phases.items() if size >= _SHOWN * total
    )
    large = sorted((n for n in phases if phases[n] >= _MANY * total), key=lambda n: -phases[n])
    useful = dict.fromkeys(text for name in large for text in remedies[name])
    return (
        f"{subject} needs about {_gib(total)} GiB of memory ({shown}) and {_gib(free)} GiB are free: "
        f"{', '.join(useful)}"
    )


def _bytes_of(needed: MemoryEstimate, phase: str) -> int:
    size: int = getattr(needed, phase)
    return size


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:,.0f}" if num_bytes >= 100 * GIB else f"{num_bytes / GIB:.2f}"


def free_bytes(device: torch.device) -> int:
    """Memory that this process can still allocate on a device, its own unused blocks included."""
    on_gpu = free_gpu_bytes(device)
    return free_memory_bytes() if on_gpu is None else on_gpu


@contextlib.contextmanager
def explained(device: torch.device, needs: Callable[[int], str]) -> Iterator[None]:
    """Turn an allocation that fails inside into one line.

    Args:
        device: of the allocations.
        needs: the estimate beside the bytes that are free.

    Raises:
        OutOfMemoryError: torch or Python could not allocate memory on CPU or GPU.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        line = needs(free_bytes(device))
        raise OutOfMemoryError(f"out of memory on {device.type}: {line}") from error


def explained_run(run: RunConfig, model: Model) -> AbstractContextManager[None]:
    """`explained` for a run of a model."""
    on_gpu = model.device.type == "cuda"
    settings = run_settings(run, model.dtype.itemsize, on_gpu=on_gpu)

    def needs(free: int) -> str:
        name = run.system.backend
        if name in BACKENDS:
            return run_needs(run, model.config, settings, free, on_gpu=on_gpu)
        return f'{_gib(free)} GiB are free, and the needs of system.backend = "{name}" are not known'

    return explained(model.device, needs)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: Python's, numpy's, or torch's on CPU or GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _CPU_FAILURES)
