"""`or1 train`: a recipe becomes a run in a folder."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from or1 import recipes
from or1.board.advisories import advise_folder
from or1.cli.extras import needs
from or1.recipes.request import TrainRequest
from or1.schedule import StopSignal
from or1.storage.run_folder import SUMMARY


def train(
    recipe: str | None,
    sets: Sequence[str],
    out: Path | None,
    *,
    start: str | None = None,
    accept_changes: bool = False,
    cluster: str | None = None,
) -> None:
    """Load and check the recipe, say what a step is, train, print the score before and after and the
    advisories.

    Args:
        recipe: see `TrainRequest.of`.
        sets: see there.
        out: see there.
        start: see there.
        accept_changes: see `or1.assemble.train`.
        cluster: `ray`, or the address of a Ray cluster; None = this machine without Ray.
    """
    request = TrainRequest.of(recipe, start=start, sets=sets, out=out)
    run, folder = request.run, request.folder
    typer.echo(f"{run.name}: {recipes.describe(run)} At most {run.num_steps:,} steps, into {folder}.")
    typer.echo("loading the model and the problems")

    logging.basicConfig(level=logging.WARNING, format="or1: %(message)s")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # what matters of it we say in our own words

    with StopSignal():
        if cluster is None:
            from or1 import assemble  # after the checks: it imports torch

            assemble.train(run, folder, accept_changes=accept_changes, origin=request.origin)
        else:
            with needs("or1 train --cluster", "ray"):
                from or1.assemble.cluster import train_on_cluster

            train_on_cluster(
                run, folder, cluster, say=typer.echo, accept_changes=accept_changes, origin=request.origin
            )
    typer.echo("\n".join(report(json.loads((folder / SUMMARY).read_text(encoding="utf-8")))))
    for advisory in advise_folder(folder):
        typer.echo(f"advice  {advisory}")
    typer.echo(f"{folder / SUMMARY}")


def report(summary: dict[str, Any]) -> list[str]:
    """The lines that a reader wants first: score before and after, stages, entropy, time."""
    lines = []
    if summary["heldout"] is not None:
        before, after = summary["heldout"]["before"], summary["heldout"]["after"]
        lines.append(f"held-out avg@{after['samples_per_problem']}  {_score(before)}  ->  {_score(after)}")
    for stage in summary["stages"]:
        lines.append(
            f"stage {stage['index'] + 1}  {stage['max_response_tokens']:,} tokens, "
            f"steps {stage['first_step']} to {stage['last_step']}, ended by {stage['ended_by']}"
        )
    truncated = summary["truncated_fraction"]
    lines.append(
        f"truncated in stage 1  {_share(truncated['first_stage_first_steps'])}  ->  "
        f"{_share(truncated['first_stage_last_steps'])}"
    )
    entropy = summary["entropy_nats"]
    target = "" if entropy["target"] is None else f", target {entropy['target']:.3f}"
    lines.append(f"entropy  {_nats(entropy['first_steps'])}  ->  {_nats(entropy['last_fifth'])}{target}")
    seconds = ", ".join(f"{name} {value:,.0f}" for name, value in summary["seconds"].items())
    lines.append(f"seconds  {seconds}")
    return lines


def _score(score: dict[str, Any]) -> str:
    return f"{score['avg_at_k']:.3f} [{score['avg_at_k_low']:.3f}, {score['avg_at_k_high']:.3f}]"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _nats(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} nats/token"
