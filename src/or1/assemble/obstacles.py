"""Reasons why a run cannot start on a machine: one function for `or1 train` and `or1 doctor`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from huggingface_hub import snapshot_download

from or1.assemble.backends import BACKENDS, backend_factory
from or1.assemble.engines import ENGINE_NEEDS, engine_factory
from or1.assemble.memory import free_bytes, run_line, run_settings
from or1.assemble.model import device_for, dtype_for
from or1.assemble.verifiers import sandbox_line, task_kinds
from or1.config import RunConfig
from or1.errors import ConfigError, Or1Error
from or1.memory import GIB, PUBLISHED, Shape, checkpoint_bytes, estimate
from or1.models import model_folder
from or1.nn.load import shape_for
from or1.nn.weights import hub_name, resolve_folder
from or1.trainer.precision import MIN_HIDDEN_SIZE, has_bfloat16
from or1_verify.sandbox import Capabilities, detect


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources that decide which runs start."""

    free_memory_bytes: int
    """That this process can still allocate, within its control groups."""
    num_gpus: int
    free_gpu_bytes: int
    """Of the first GPU; 0 without one."""
    free_disk_bytes: int
    """Where the run folder lies."""
    has_bfloat16: bool
    """Whether the device of `auto` multiplies it."""
    sandbox: Callable[[], Capabilities]
    """Asked for by runs of programs alone: it tries the levels."""


def this_machine(out: Path) -> Machine:
    """The machine that runs this process.

    Args:
        out: run folder, or a folder above it.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    near = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    return Machine(
        free_memory_bytes=free_bytes(torch.device("cpu")),
        num_gpus=gpus,
        free_gpu_bytes=free_bytes(torch.device("cuda")) if gpus else 0,
        free_disk_bytes=shutil.disk_usage(near).free,
        has_bfloat16=has_bfloat16(torch.device("cuda" if gpus else "cpu")),
        sandbox=detect,
    )


def refuse_obstacles(run: RunConfig, out: Path, shape: Shape, num_gpus: int | None = None) -> None:
    """Refuse a run that this machine cannot carry out.

    Args:
        run: its settings.
        out: run folder.
        shape: of its model.
        num_gpus: of all machines of the run; None = those of this one.

    Raises:
        ConfigError: with every obstacle and its remedy.
    """
    machine = this_machine(out)
    if num_gpus is not None:
        machine = replace(machine, num_gpus=num_gpus)
    if found := list(obstacles(run, machine, shape)):
        raise ConfigError("; ".join(found))


def known_shape(run: RunConfig) -> Shape | None:
    """The shape of a run's model without a download: from its folder, the hub's cache, or published sizes.

    Raises:
        ModelError: a local folder that is missing or cannot be computed.
    """
    path = model_folder(run.model.path)
    named = hub_name(path)
    if named is None:
        return shape_for(resolve_folder(path), run.model)
    name, revision = named
    try:
        found = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=["config.json"]
        )
    except (OSError, ValueError):
        return PUBLISHED.get(name)
    return shape_for(Path(found), run.model)


def obstacles(run: RunConfig, machine: Machine, shape: Shape | None) -> Iterator[str]:
    """Each obstacle of a run on a machine, with a remedy.

    Args:
        run: its settings.
        machine: its resources.
        shape: of the model; None = not known, and memory is not compared.
    """
    engine = run.rollout.engine
    for name, factory in ((engine, engine_factory), (run.system.backend, backend_factory)):
        try:
            factory(name)
        except Or1Error as error:
            yield str(error)
    if engine in ENGINE_NEEDS and (lack := ENGINE_NEEDS[engine].missing()) is not None:
        yield f'rollout.engine = "{engine}" {lack}'
    try:
        device = device_for(run.system, has_gpu=machine.num_gpus > 0)
    except ConfigError as error:
        yield str(error)
        return
    if device.type == "cuda" and run.system.num_ranks > machine.num_gpus:
        yield (
            f"system.num_ranks = {run.system.num_ranks} and {machine.num_gpus} GPU: each rank needs one; "
            'lower it, or set system.device = "cpu"'
        )
    if device.type == "cuda" and run.rollout.max_staleness and run.rollout.engine == "local":
        yield (
            f"rollout.max_staleness = {run.rollout.max_staleness} samples during the update, and "
            'rollout.engine = "local" shares the GPU with it: set rollout.max_staleness = 0, or '
            'rollout.engine = "vllm" on other GPUs'
        )
    if (line := _transfer_line(run)) is not None:
        yield line
    if any(kind.needs_sandbox for kind in task_kinds(run)):
        settings = run.verify.code
        uses_own = settings.sandbox_fusion_url is None
        if uses_own and (line := sandbox_line(machine.sandbox(), settings.allow_weak_sandbox)):
            yield line
    if shape is not None and run.system.backend in BACKENDS:  # the needs of others are not known
        yield from too_large(run, machine, shape, device)


def _transfer_line(run: RunConfig) -> str | None:
    """Ranks publish a file: the other ways send tensors of one process, on one machine."""
    transfer = run.rollout.vllm.transfer
    if run.rollout.engine != "vllm" or run.system.backend != "fsdp" or transfer == "or1_shm":
        return None
    return (
        f'rollout.vllm.transfer = "{transfer}" sends the tensors of one process, and system.backend = "fsdp" '
        'publishes a file: leave it at "or1_shm"'
    )


def too_large(run: RunConfig, machine: Machine, shape: Shape, device: torch.device) -> Iterator[str]:
    """Lines that say how a run does not fit memory and disk of a machine; arguments as `obstacles`."""
    gains = machine.has_bfloat16 and shape.hidden_size >= MIN_HIDDEN_SIZE
    dtype = dtype_for(run.model, run.system, torch.bfloat16 if gains else torch.float32)
    on_gpu = device.type == "cuda"
    settings = run_settings(run, dtype.itemsize, on_gpu=on_gpu)
    free = machine.free_gpu_bytes if on_gpu else machine.free_memory_bytes
    line = run_line(run, shape, settings, free, on_gpu=on_gpu)
    if line is not None:
        yield line
    if settings.offload:
        apart = estimate(shape, replace(settings, offload=False)).peak - estimate(shape, settings).peak
        host = run.system.num_ranks * apart
        if host > machine.free_memory_bytes:
            yield (
                f"system.offload_optimizer puts {host / GIB:.1f} GiB into the memory of the host, and "
                f"{machine.free_memory_bytes / GIB:.1f} GiB are free: leave it out, or take a smaller model"
            )
    checkpoint = checkpoint_bytes(shape, settings)
    if checkpoint > machine.free_disk_bytes:
        yield (
            f"a checkpoint takes {checkpoint / GIB:.1f} GiB and the disk has "
            f"{machine.free_disk_bytes / GIB:.1f} GiB free: free some space, "
            "or choose another place with --out"
        )
