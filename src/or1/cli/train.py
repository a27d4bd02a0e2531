"""`or1 train`: a recipe becomes a run in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from or1 import recipes


def train(recipe: str, sets: Sequence[str], out: Path | None) -> None:
    """Load and check the recipe, say what a step is, train, and print the score before and after."""
    run = recipes.load(recipe, sets)
    folder = out or Path("runs") / run.name
    typer.echo(f"{run.name}: {recipes.describe(run)} At most {run.num_steps:,} steps, into {folder}.")

    from or1 import assemble  # after the checks: it imports torch

    assemble.train(run, folder)
