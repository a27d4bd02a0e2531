"""`or1 plan`: seconds, memory and cost of a run before it is launched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import typer

from or1 import recipes
from or1.config import RunConfig
from or1.errors import ConfigError
from or1.memory import PUBLISHED, Shape
from or1.plan.hardware import GPUS, PROFILES
from or1.plan.lengths import LogNormalLengths, RecordedLengths
from or1.plan.plan import Cluster, LengthSource, StagePlan, best_overlap, plan_run
from or1.tracking.rollouts import read_rollouts, steps_with_rollouts

Named = TypeVar("Named")

UNKNOWN = (
    "Not in it: evaluation, start-up, failures, slow networks, and lengths that change in training. "
    "Rollout seconds hold for the engine profile named above and no other."
)


def plan(
    recipe: str,
    sets: list[str],
    *,
    gpu: str,
    num_gpus: int,
    engine: str,
    lengths: Path | None,
    dollars_per_hour: float | None,
) -> None:
    """Print the plan of each stage.

    Raises:
        ConfigError: an unknown GPU, engine profile or model, or a model that does not fit.
    """
    run = recipes.load(recipe, sets)
    cluster = Cluster(
        gpu=_named(gpu, GPUS, "--gpu"),
        num_gpus=num_gpus,
        engine=_named(engine, PROFILES, "--engine"),
        dollars_per_hour=dollars_per_hour,
    )
    shape, source = shape_of(run), _lengths(lengths)
    stages = plan_run(run, shape, cluster, source)
    typer.echo(
        f"{run.name} on {num_gpus} x {gpu}, engine profile {engine}, all GPUs sampling, then all training"
    )
    for number, stage in enumerate(stages, 1):
        for line in _lines(number, stage):
            typer.echo(line)
        overlap = best_overlap(run, stage.stage, shape, cluster, source)
        if overlap is not None:
            typer.echo(
                f"  one step apart (staleness 1): {overlap.num_rollout} GPUs sample and "
                f"{overlap.num_train} train, {overlap.step_s:,.0f} s a step, "
                f"{stage.step_s / overlap.step_s:.2f} times as fast"
            )
    hours = sum(stage.hours for stage in stages)
    typer.echo(f"whole run: {hours:,.0f} h, {hours * num_gpus * cluster.price:,.0f} dollars")
    typer.echo(UNKNOWN)


def shape_of(run: RunConfig) -> Shape:
    """Sizes of the run's model: of a published model by its hub name, else of its folder or the hub's cache.

    Raises:
        ConfigError: none of them.
        ModelError: a folder that cannot be computed.
    """
    if run.model.path in PUBLISHED:
        return PUBLISHED[run.model.path]
    from or1.assemble.obstacles import known_shape  # imports torch: only for other models

    shape = known_shape(run)
    if shape is None:
        raise ConfigError(
            f"the sizes of {run.model.path} are not known: give a folder with --set model.path=FOLDER; "
            f"known by name are {', '.join(PUBLISHED)}"
        )
    return shape


def _named(name: str, table: Mapping[str, Named], option: str) -> Named:
    if name not in table:
        raise ConfigError(f"{option} {name} is not known: choose one of {', '.join(table)}")
    return table[name]


def _lengths(run_folder: Path | None) -> LengthSource:
    if run_folder is None:
        return LogNormalLengths()
    steps = steps_with_rollouts(run_folder)
    if not steps:
        raise ConfigError(f"{run_folder} has no file of rollouts: leave --lengths out, or name another run")
    rows = read_rollouts(run_folder, steps[-1])
    return RecordedLengths(tuple(len(row["response_tokens"]) for row in rows))


def _lines(number: int, plan: StagePlan) -> list[str]:
    stage, memory = plan.stage, plan.memory
    optimizer = memory.masters + memory.gradients + memory.moments
    activations = memory.activations + max(memory.layer, memory.logits)
    return [
        f"stage {number}: {stage.max_response_tokens:,} tokens, {stage.num_problems} x {stage.group_size} "
        f"responses, {stage.num_steps:,} steps",
        f"  engines: {plan.num_engines} of {plan.tensor_parallel} GPU, {plan.slots} responses each, "
        f"idle {plan.idle_share:.0%}",
        f"  step: rollout {plan.rollout_s:,.0f} s + update {plan.update_s:,.0f} s + weights "
        f"{plan.weights_s:,.0f} s = {plan.step_s:,.0f} s, {plan.dollars_per_step:,.2f} dollars",
        f"  trainer memory: {memory.update / 1e9:,.1f} GB a GPU (weights {memory.weights / 1e9:,.1f}, "
        f"masters, gradients and moments {optimizer / 1e9:,.1f}, activations {activations / 1e9:,.1f})",
        f"  stage: {plan.hours:,.0f} h",
    ]
