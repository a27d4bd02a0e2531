"""The memory of a run or an evaluation beside what is free: refused at the start, explained at run time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import torch

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

_REMEDIES: dict[str, tuple[str, ...]] = {
    "activations": ("lower system.tokens_per_microbatch", "set system.recompute_activations = true"),
    "layer": ("lower system.tokens_per_microbatch",),
    "logits": ("lower system.tokens_per_microbatch",),
    "kv_cache": ("lower {running}", "lower {budget}"),
    "decode": ("lower {running}",),
    "moments": (
        "set system.optimizer_bits = 8",
        "set model.lora, or take a smaller model",
    ),
    "masters": ("set model.lora, or take a smaller model",),
    "gradients": ("set model.lora, or take a smaller model",),
    "weights": ("take a smaller model",),
    "reference": ("set loss.kl_coefficient = 0",),
    "kept_weights": ("set rollout.max_staleness = 0",),
}
"""Phase of an `MemoryEstimate` -> settings that lower it."""
_RUN_NAMES = {"running": "rollout.max_running", "budget": "max_response_tokens of the stages"}
_EVAL_NAMES = {"running": "max_running", "budget": "max_response_tokens"}
_SAMPLING = ("weights", "kv_cache", "decode")
"""Phases of an engine without a trainer."""


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
    slots = min(run.rollout.max_running, int(rollouts * run.rollout.oversample))
    if run.rollout.engine != "local":
        slots = 0  # in another process, which has its own limit
    elif on_gpu:
        slots = 1
    return MemorySettings(
        compute_bytes=compute_bytes,
        microbatch_tokens=max(whole, min(run.system.tokens_per_microbatch, trained * whole)),
        recompute=run.system.recompute_activations,
        optimizer_bits=run.system.optimizer_bits,
        ranks=run.system.num_ranks if on_gpu else 1,  # ranks on CPU share one memory
        lora_rank=None if run.model.lora is None else run.model.lora.rank,
        has_reference=run.loss.kl_coefficient > 0,
        # ranks on GPUs publish files in the memory of the host
        kept_versions=2 if run.rollout.max_staleness and not (on_gpu and run.system.backend == "fsdp") else 0,
        slots=slots,
        max_prompt_tokens=prompt,
        max_response_tokens=budget,
        keeps_attention=not on_gpu and not run.system.deterministic,
    )


def sampling_settings(
    rollout: RolloutConfig, compute_bytes: int, longest_prompt: int, *, on_gpu: bool
) -> MemorySettings:
    """As `run_settings`, for an engine without a trainer."""
    assert rollout.max_response_tokens is not None, "an engine without stages is given its budget"
    slots = 1 if on_gpu else rollout.max_running
    return MemorySettings(
        compute_bytes=compute_bytes,
        microbatch_tokens=1,
        slots=slots if rollout.engine == "local" else 0,
        max_prompt_tokens=longest_prompt,
        max_response_tokens=rollout.max_response_tokens,
    )


def run_line(shape: Shape, settings: MemorySettings, free: int) -> str | None:
    """Why a run does not fit into the free bytes, with the settings that lower it; None where it fits."""
    needed = estimate(shape, settings)
    return None if needed.peak <= free else _line("the run", needed, needed.peak, free, _RUN_NAMES)


def sampling_line(shape: Shape, settings: MemorySettings, free: int) -> str | None:
    """As `run_line`, for an engine without a trainer."""
    needed = _without_trainer(estimate(shape, settings))
    return None if needed.rollout <= free else _line("sampling", needed, needed.rollout, free, _EVAL_NAMES)


def _without_trainer(whole: MemoryEstimate) -> MemoryEstimate:
    nothing = dict.fromkeys((name for name in _REMEDIES if name not in _SAMPLING), 0)
    return replace(whole, **nothing)


def _line(subject: str, needed: MemoryEstimate, total: int, free: int, names: dict[str, str]) -> str:
    phases = {name: _bytes_of(needed, name) for name in _REMEDIES}
    shown = ", ".join(
        f"{name.replace('_', ' ')} {_gib(size)}" for name, size in phases.items() if size >= _SHOWN * total
    )
    large = sorted((n for n in phases if phases[n] >= _MANY * total), key=lambda n: -phases[n])
    remedies = list(dict.fromkeys(text.format(**names) for name in large for text in _REMEDIES[name]))
    return (
        f"{subject} needs about {_gib(total)} GiB of memory ({shown}) and {_gib(free)} GiB are free: "
        f"{', '.join(remedies)}"
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
def explained(
    device: torch.device, shape: Shape, settings: MemorySettings, *, trains: bool
) -> Iterator[None]:
    """Turn an allocation that fails inside into one line with the estimate and what is free.

    Raises:
        OutOfMemoryError: torch or Python could not allocate memory on CPU or GPU.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        free = free_bytes(device)
        needed = estimate(shape, settings)
        if trains:
            line = _line("the run", needed, needed.peak, free, _RUN_NAMES)
        else:
            needed = _without_trainer(needed)
            line = _line("sampling", needed, needed.rollout, free, _EVAL_NAMES)
        raise OutOfMemoryError(f"out of memory on {device.type}: {line}") from error


def explained_run(run: RunConfig, model: Model) -> AbstractContextManager[None]:
    """`explained` for a run of a model."""
    settings = run_settings(run, model.dtype.itemsize, on_gpu=model.device.type == "cuda")
    return explained(model.device, model.config, settings, trains=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: Python's, numpy's, or torch's on CPU or GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _CPU_FAILURES)
