"""Curation recipes: TOML files in `recipes/curate`, or a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from or1.curate.config import CurateConfig
from or1.recipes.check import validate_as
from or1.recipes.load import FOLDER as TRAINING
from or1.recipes.load import list_recipes as names_in
from or1.recipes.load import read_table
from or1.recipes.override import apply_set

FOLDER = TRAINING.parent / "curate"


def list_recipes() -> tuple[str, ...]:
    """Names of the shipped curation recipes, sorted."""
    return names_in(FOLDER)


def load(name_or_path: str | Path, sets: Sequence[str] = ()) -> CurateConfig:
    """Read a curation: a shipped recipe or a `.toml` file, and `KEY=VALUE` settings laid over it.

    Raises:
        ConfigError: one line that names the recipe, the key, the value and the remedy.
    """
    table = read_table(name_or_path, FOLDER)
    for setting in sets:
        apply_set(table, setting, CurateConfig)
    return validate_as(CurateConfig, table, str(name_or_path))
