"""`--set stages.0.max_response_tokens=4096`: one value laid over a run's table."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from or1.config import RunConfig
from or1.errors import ConfigError
from or1.recipes.check import dotted, unknown_key
from or1.recipes.schema import is_mapping, slot

Path = tuple[str | int, ...]


def apply_set(table: dict[str, Any], setting: str, model: type[BaseModel] = RunConfig) -> None:
    """Lay `KEY=VALUE` over the table of a run, or of another model, in place.

    A value is written as in TOML; what is not TOML is text, and `null` stands for nothing. A key through a
    list that has exactly one entry may leave out the position: `data.path=train.jsonl`.

    Raises:
        ConfigError: no `=`, an unknown key, a position that does not exist or has to be given.
    """
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {setting}: write it as KEY=VALUE, for example optimizer.learning_rate=2e-6")
    try:
        _lay(table, model, (), key.strip().split("."), parse_value(text), model)
    except ConfigError as error:
        raise ConfigError(f"--set {setting}: {error}") from None


def apply_value(table: dict[str, Any], key: str, value: object, model: type[BaseModel] = RunConfig) -> None:
    """Lay a Python value over the table of a run, or of another model, in place.

    Args:
        table: changed.
        key: dotted key.
        value: a table is laid over the table at the key, key by key; anything else replaces what is there.
        model: the model of the table.

    Raises:
        ConfigError: as `apply_set`.
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():
            apply_value(table, f"{key}.{name}", inner, model)
        return
    _lay(table, model, (), key.split("."), value, model)


def parse_value(text: str) -> Any:
    """A value as TOML reads it; anything else is text as it stands; `null` is None.

    >>> parse_value("2e-6"), parse_value("[1, 2]"), parse_value("builtin:tiny"), parse_value("null")
    (2e-06, [1, 2], 'builtin:tiny', None)
    """
    stripped = text.strip()
    if stripped == "null":
        return None
    try:
        parsed = tomllib.loads(f"value = {stripped}")
    except tomllib.TOMLDecodeError:
        return stripped
    value = parsed["value"]
    is_text = len(parsed) > 1 or isinstance(value, datetime.date | datetime.time)
    return stripped if is_text else value


def _lay(
    table: dict[str, Any],
    model: type[BaseModel],
    path: Path,
    words: list[str],
    value: Any,
    root: type[BaseModel],
) -> None:
    word, *rest = words
    here = (*path, word)
    if word not in model.model_fields:
        raise ConfigError(unknown_key(here, root))
    if not rest:
        table[word] = value
        return
    inner = slot(model.model_fields[word].annotation)
    if is_mapping(model.model_fields[word].annotation):
        _table_at(table, word, here)[".".join(rest)] = value
        return
    if inner.model is None:
        raise ConfigError(f"{dotted(here)} takes a value and has no keys of its own")
    if inner.kind == "table":
        _lay(_table_at(table, word, here), inner.model, here, rest, value, root)
        return
    entries = table.get(word, [])
    index, rest = _position(entries, here, rest)
    if rest:
        _lay(_table_at(entries, index, (*here, index)), inner.model, (*here, index), rest, value, root)
    else:
        entries[index] = value


def _table_at(parent: Any, key: str | int, path: Path) -> dict[str, Any]:
    if isinstance(parent, dict) and key not in parent:
        parent[key] = {}
    child = parent[key]
    if not isinstance(child, dict):
        raise ConfigError(f"{dotted(path)} is {child!r}, not a table that this key could go into")
    return child


def _position(entries: Any, path: Path, words: list[str]) -> tuple[int, list[str]]:
    """The list position that the key names, or 0 where it names none and there is only one; and the rest."""
    name = dotted(path)
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{name} has no entries here: set it whole, {name}=[{{...}}]")
    if words[0].isdecimal():
        index = int(words[0])
        if index >= len(entries):
            raise ConfigError(f"{name}.{index} does not exist: the last is {name}.{len(entries) - 1}")
        return index, words[1:]
    if len(entries) > 1:
        raise ConfigError(
            f"{name} has {len(entries)} entries: say which, {name}.0 to {name}.{len(entries) - 1}"
        )
    return 0, words
