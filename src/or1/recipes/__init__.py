"""A run is a TOML file. `load` turns its name, or a path, into a checked `RunConfig`.

    run = or1.recipes.load("or1-7b", ["stages.0.max_response_tokens=4096"])

A recipe may say `extends = "or1-7b"`: tables are merged key by key, lists (`[[stages]]`, `[[data]]`) are
replaced whole. `describe` says in one sentence what a step of the run is.
"""

from or1.recipes.describe import describe
from or1.recipes.load import list_recipes, load, summary

__all__ = ["describe", "list_recipes", "load", "summary"]
