"""Find a recipe, follow what it extends, lay the settings of the command line over it, and check it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.config import RunConfig
from or1.errors import ConfigError
from or1.recipes.check import choices, validate
from or1.recipes.files import read_template, resolve_tasks
from or1.recipes.override import apply_set, apply_value
from or1.storage.run_folder import stored_settings

FOLDER = Path(__file__).parent / "train"


def list_recipes(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the shipped recipes of a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def summary(name: str) -> str:
    """First line of a shipped recipe: what it is for."""
    first = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()


def load(
    name_or_path: str | Path, sets: Sequence[str] = (), settings: Mapping[str, object] | None = None
) -> RunConfig:
    """Read a run.

    Args:
        name_or_path: a shipped recipe, a path to a `.toml` recipe, a run folder or its `config.json`.
        sets: `KEY=VALUE` settings laid over it, in order (see `override.apply_set`).
        settings: dotted key -> Python value, laid over it after `sets`.

    Raises:
        ConfigError: one line that names the recipe, the key, the value and the remedy.
    """
    table = read_table(name_or_path)
    for setting in sets:
        apply_set(table, setting)
    for key, value in (settings or {}).items():
        apply_value(table, key, value)
    read_template(table, Path.cwd(), "--set")
    resolve_tasks(table, Path.cwd(), every=True)
    return validate(table, str(name_or_path))


def read_table(name_or_path: str | Path, folder: Path = FOLDER) -> dict[str, Any]:
    """The whole table of a recipe, shipped in `folder` or named by its path, what it extends included.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    return _read(_find(str(name_or_path), None, folder), (), folder)


def _find(name: str, extended_by: Path | None, folder: Path) -> Path:
    """The file of a recipe; a relative path inside a recipe starts at that recipe's folder."""
    if "/" not in name and not name.endswith((".toml", ".json")):
        shipped = folder / f"{name}.toml"
        if shipped.is_file():
            return shipped
    path = extended_by.parent / name if extended_by else Path(name)
    if path.is_dir():
        path = path / "config.json"
    if path.is_file() and path.suffix in (".toml", ".json"):
        return path
    said_by = f"{extended_by}: extends " if extended_by else ""
    if path.suffix in (".toml", ".json") or "/" in name:
        raise ConfigError(
            f"{said_by}{name}: there is no such file; it takes a .toml recipe or a run's config.json"
        )
    raise ConfigError(f'{said_by}unknown recipe "{name}": {choices(name, list_recipes(folder))}')


def _read(path: Path, seen: tuple[Path, ...], folder: Path) -> dict[str, Any]:
    """The whole table of a recipe, what it extends included. Its name is its file's unless it gives one."""
    if path.resolve() in seen:
        chain = " -> ".join(p.stem for p in (*seen, path))
        raise ConfigError(f"recipes extend each other in a circle: {chain}; take one extends out")
    table = _parse(path)
    read_template(table, path.parent, str(path))
    resolve_tasks(table, path.parent)
    parent = table.pop("extends", None)
    if path.suffix == ".toml":
        table.setdefault("name", path.stem)
    if parent is None:
        return table
    if not isinstance(parent, str):
        raise ConfigError(
            f'{path}: extends = {parent!r} must be the name of one recipe, as in extends = "or1-7b"'
        )
    return merge(_read(_find(parent, path, folder), (*seen, path.resolve()), folder), table)


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text ({error}): save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}; fix the file at that place") from None
    if path.suffix == ".json" and isinstance(table, dict) and {"config", "provenance"} <= table.keys():
        stored_settings(path, table)  # of a run folder, which says beside them where they come from
        table = table["config"]
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: holds no table of settings")
    return table


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables key by key, the second winning; values and lists are replaced whole.

    >>> merge({"a": {"x": 1, "y": 2}, "s": [1, 2]}, {"a": {"y": 3}, "s": [4]})
    {'a': {'x': 1, 'y': 3}, 's': [4]}
    """
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
