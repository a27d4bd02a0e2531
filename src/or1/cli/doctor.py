"""`or1 doctor`: what this machine can run, what is missing, and the command that installs it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from or1 import recipes
from or1.errors import Or1Error, install_command
from or1.machine import free_memory_bytes, memory_bytes, num_threads
from or1.storage.provenance import REQUIRED
from or1_verify import __version__

if TYPE_CHECKING:
    from or1.assemble.obstacles import Machine

GIB = 1 << 30
MATMUL_SIZE = 1024
"""Rows and columns of the matrices whose product is timed."""
CHECKPOINT_ROOM_GIB = 5.0
"""Free disk below which runs of anything but the built-in model are doubtful [GiB]."""
CORE = (*REQUIRED, "rich", "typer")
EXTRAS = {
    "vllm": "vllm",
    "ray": "ray",
    "wandb": "wandb",
    "board": "matplotlib",
    "dev": "pytest",
    "bench": "trl",
}
"""Extra -> a module that tells whether it is installed."""


class State(StrEnum):
    OK = "ok"
    NOTE = "--"
    """Not needed for what runs here."""
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: the subject, the result, and the command that fixes it."""

    state: State
    subject: str
    result: str
    fix: str = ""


def doctor() -> None:
    """Print one line a finding, then one a recipe; exit code 2 when something needed by all is missing."""
    findings = [_python(), *_core()]
    if any(f.state is State.MISSING for f in findings):
        _print(findings)
        raise typer.Exit(2)
    findings += [_device(), _cores(), _memory(), _bfloat16(), _disk(Path.cwd()), *_extras(), *_sandbox()]
    _print(findings)
    typer.echo("\nrecipes")
    from or1.assemble.obstacles import this_machine

    machine = this_machine(Path.cwd())
    for name in recipes.list_recipes():
        typer.echo(recipe_line(name, machine))


def recipe_line(name: str, machine: Machine) -> str:
    """Whether `or1 train NAME` starts here: by the same obstacles, each with its remedy."""
    from or1.assemble.obstacles import known_shape, obstacles

    run = recipes.load(name)
    try:
        lacks = list(obstacles(run, machine, known_shape(run)))
    except Or1Error as error:
        lacks = [str(error)]
    return f"  {'cannot' if lacks else 'can run':9}{name}{': ' if lacks else ''}{'; '.join(lacks)}"


def bfloat16_speedup(size: int = MATMUL_SIZE, repeats: int = 7) -> float:
    """How many times faster a matrix product is in bfloat16 than in float32, by medians."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    seconds: dict[torch.dtype, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.ones(size, size, dtype=dtype, device=device)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            (a @ a).sum().item()  # item() waits for the device
            times.append(time.perf_counter() - start)
        seconds[dtype] = statistics.median(times)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _print(findings: list[Finding]) -> None:
    typer.echo(f"or1 {__version__}")
    for f in findings:
        typer.echo(f"  {f.state:9}{f.subject:16}{f.result}{f' -> {f.fix}' if f.fix else ''}")


def _python() -> Finding:
    return Finding(State.OK, "python", platform.python_version())


def _core() -> Iterator[Finding]:
    for name in CORE:
        try:
            yield Finding(State.OK, name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(State.MISSING, name, "not installed", install_command())


def _device() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding(State.NOTE, "gpu", "none; everything runs on the CPU")
    gpu = torch.cuda.get_device_properties(0)
    count = torch.cuda.device_count()
    return Finding(State.OK, "gpu", f"{count} x {gpu.name}, {gpu.total_memory / GIB:.0f} GiB each")


def _cores() -> Finding:
    seen = f"{os.cpu_count()}, of which a matrix product uses {num_threads(None, os.environ)}"
    return Finding(State.OK, "cores", seen)


def _memory() -> Finding:
    return Finding(
        State.OK, "memory", f"{memory_bytes() / GIB:.0f} GiB, {free_memory_bytes() / GIB:.1f} GiB free"
    )


def _bfloat16() -> Finding:
    import torch

    from or1.nn.dtypes import dtype_name
    from or1.trainer.precision import best_dtype

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = dtype_name(best_dtype(device, MATMUL_SIZE))
    seen = f"{bfloat16_speedup():.1f} x the speed of float32; model.dtype auto takes {chosen}"
    return Finding(State.OK, "bfloat16", seen)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / GIB
    if free < CHECKPOINT_ROOM_GIB:
        return Finding(State.NOTE, "disk", f"{free:.1f} GiB free here", "choose another place with --out")
    return Finding(State.OK, "disk", f"{free:.0f} GiB free here")


def _extras() -> Iterator[Finding]:
    for extra, module in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Finding(State.NOTE, f"[{extra}]", "not installed", install_command(extra))
        else:
            yield Finding(State.OK, f"[{extra}]", f"{module} {importlib.metadata.version(module)}")


def _sandbox() -> Iterator[Finding]:
    """The best level that works here, what a program in it could still do, what keeps better ones away."""
    from or1_verify import sandbox
    from or1_verify.sandbox.self_test import NUM_ATTEMPTS, escapes

    found = sandbox.detect()
    if found.level is None:
        yield Finding(State.NOTE, "code sandbox", "none: code problems cannot be judged", "use Linux")
    else:
        with sandbox.Sandbox(found.level, warm_imports=()) as tested:
            escaped = escapes(tested)
        level = f"level {found.level:d} of {max(sandbox.Level):d} ({found.level.name.lower()})"
        if escaped:
            yield Finding(State.NOTE, "code sandbox", f"{level}: a program could do: {', '.join(escaped)}")
        else:
            yield Finding(State.OK, "code sandbox", f"{level}; {NUM_ATTEMPTS} attempts to escape refused")
    for lack in found.lacks:
        yield Finding(State.NOTE, f"sandbox level {lack.level:d}", lack.why, lack.remedy)
