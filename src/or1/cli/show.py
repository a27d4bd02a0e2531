"""`or1 show`: what a recipe sets, with unit, source and what differs from the defaults."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from or1 import recipes
from or1.recipes.check import shown
from or1.setting import Setting, settings_of


def show(recipe: str | None, sets: Sequence[str], as_json: bool) -> None:
    """Print the list of recipes, a recipe's settings, or its resolved JSON."""
    console = Console(soft_wrap=False, highlight=False, width=None if sys.stdout.isatty() else 120)
    if recipe is None:
        console.print(_listing())
        return
    run = recipes.load(recipe, sets)
    if as_json:
        sys.stdout.write(run.model_dump_json(indent=2) + "\n")
        return
    console.print(f"{run.name}: {recipes.describe(run)} At most {run.num_steps:,} steps.\n", markup=False)
    console.print(_table(settings_of(run)))
    console.print(
        "\n* differs from the default. Change a setting with --set KEY=VALUE; null is None.", markup=False
    )


def _listing() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("recipe", no_wrap=True)
    table.add_column("what it is")
    for name in recipes.list_recipes():
        table.add_row(name, recipes.summary(name))
    return table


def _table(rows: Iterable[Setting]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, width=1)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold", max_width=32)
    table.add_column("meaning, \\[unit], source")
    for row in rows:
        mark = "" if row.is_default else "*"
        table.add_row(mark, row.key, shown(row.value), row.about.replace("[", "\\["))
    return table
