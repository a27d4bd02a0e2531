"""From a plain table to a `RunConfig`, or to one line that names the key, the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from or1.config import RunConfig
from or1.errors import ConfigError
from or1.recipes.schema import allowed, field_at, leaf_keys, slot

M = TypeVar("M", bound=BaseModel)


def validate(table: Mapping[str, Any], origin: str) -> RunConfig:
    """Build the run; ConfigError in one line on the first thing wrong with it.

    Args:
        table: the whole run as TOML or JSON tables.
        origin: where it comes from, named in the error.
    """
    return validate_as(RunConfig, table, origin)


def validate_as(model: type[M], table: Mapping[str, Any], origin: str) -> M:
    """Build any configuration from its table, as `validate` builds a run."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        found = _causes(error.errors(include_url=False))
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ConfigError(f"{origin}: {_complaint(found[0], model)}{more}") from None


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the errors of a list or table that only follow from an error inside it."""
    paths = [error["loc"] for error in errors]
    return [
        error
        for error, path in zip(errors, paths, strict=True)
        if not any(len(other) > len(path) and other[: len(path)] == path for other in paths)
    ]


def unknown_key(path: tuple[str | int, ...], model: type[BaseModel] = RunConfig) -> str:
    """The line for a key that no model has: its full name, and the nearest that exists."""
    return f"unknown key {dotted(path)}: {_remedy(path, model)}"


def dotted(path: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in path)


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The choice that looks most like the word or has its initials (`lr`); None when none comes close."""
    names = list(choices)
    close = difflib.get_close_matches(word, names, n=1, cutoff=cutoff)
    by_initials = [n for n in names if len(word) > 1 and word == "".join(part[:1] for part in n.split("_"))]
    return next(iter([*close, *by_initials]), None)


def choices(word: str, names: Iterable[str]) -> str:
    """All names for an error message, the nearest to `word` first if one is near."""
    listed = list(names)
    near = nearest(word, listed)
    return (f"did you mean {near}? There are " if near else "there are ") + ", ".join(listed)


def _remedy(path: tuple[str | int, ...], model: type[BaseModel]) -> str:
    *parents, last = path
    word = str(last)
    here = _model_at(tuple(parents), model)
    sibling = nearest(word, here.model_fields) if here else None
    if sibling:
        return f"did you mean {dotted([*parents, sibling])}?"
    by_last_part: dict[str, list[str]] = {}
    for key in leaf_keys(model):
        by_last_part.setdefault(key.rsplit(".", 1)[-1], []).append(key)
    elsewhere = nearest(word, by_last_part, cutoff=0.8)  # of many names, one is always a little alike
    if elsewhere:
        return f"did you mean {' or '.join(by_last_part[elsewhere][:4])}?"
    return (
        f"{dotted(parents) or 'a run'} has {', '.join(here.model_fields)}"
        if here
        else "there is no such table"
    )


def _model_at(path: tuple[str | int, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    if not path:
        return model
    field = field_at(model, path)
    return slot(field.annotation).model if field else None


def _complaint(error: ErrorDetails, model: type[BaseModel]) -> str:
    path = error["loc"]
    key = dotted(path)
    match error["type"]:
        case "extra_forbidden":
            return unknown_key(path, model)
        case "value_error":
            message = str(error["ctx"]["error"])
            return f"{key}: {message}" if key else message
        case "tuple_type":
            return f"{key} must be a list{_list_remedy(path, error['input'], model)}"
        case "too_short":
            return f"{key} is empty: it needs at least one entry"
    field = field_at(model, path)
    accepts = allowed(field) if field else error["msg"]
    if error["type"] == "string_pattern_mismatch" and field and field.examples:
        accepts = f"text such as {field.examples[0]}"
    if error["type"] == "missing":
        return f"{key} is missing: set it to {accepts}"
    return f"{key} = {shown(error['input'])} is not allowed: it takes {accepts}"


def _list_remedy(path: tuple[str | int, ...], value: object, model: type[BaseModel]) -> str:
    field = field_at(model, path)
    if field is not None and slot(field.annotation).kind == "tables":
        key = dotted(path)
        return f" of tables: write [[{key}]] instead of [{key}]"
    return f": write [{shown(value)}]"


def shown(value: object) -> str:
    """A value as TOML would write it, cut short where it is long."""
    match value:
        case None:
            text = "null"
        case bool():
            text = str(value).lower()
        case str():
            text = '"' + value.replace("\n", "\\n") + '"'
        case _:
            text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
