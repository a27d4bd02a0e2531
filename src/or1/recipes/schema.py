"""The keys that the configuration models allow, with types and bounds, read from the models."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python


@dataclass(frozen=True, slots=True)
class Slot:
    """The kind of value that one key of a configuration takes."""

    kind: Literal["table", "tables", "value"]
    model: type[BaseModel] | None
    """Model of the table, or of each table of the list; None for a value."""


def slot(annotation: Any) -> Slot:
    """Classify a field's annotation: a model, a tuple of models, or a plain value."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return Slot("table", option)
        if get_origin(option) is tuple:
            element = get_args(option)[0]
            if isinstance(element, type) and issubclass(element, BaseModel):
                return Slot("tables", element)
    return Slot("value", None)


def is_mapping(annotation: Any) -> bool:
    """Does a field take a table with keys of the user's choice?"""
    return any(get_origin(option) is dict for option in _options(annotation))


def allowed(field: FieldInfo) -> str:
    """The values that a field takes, in words: `a whole number, at least 1`; `one of "off", "fixed"`."""
    inner = slot(field.annotation)
    if inner.kind == "tables":
        return "a list of tables"
    if inner.kind == "table":
        return "a table"
    words = [_type_words(option) for option in _options(field.annotation) if option is not types.NoneType]
    bounds = [text for text in map(_bound_words, field.metadata) if text]
    text = ", ".join([" or ".join(words), *bounds])
    return f"{text}, or null" if types.NoneType in _options(field.annotation) else text


def field_at(model: type[BaseModel], path: tuple[str | int, ...]) -> FieldInfo | None:
    """The field that a path of keys and list positions names, or None when there is no such field."""
    found: FieldInfo | None = None
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return None
        found = current.model_fields[part]
        current = slot(found.annotation).model
    return found


def leaf_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key that takes a value; in a list of tables, of its first entry."""
    for name, field in model.model_fields.items():
        inner = slot(field.annotation)
        if inner.model is None:
            yield prefix + name
        else:
            yield from leaf_keys(inner.model, f"{prefix}{name}.{'0.' if inner.kind == 'tables' else ''}")


def with_defaults(table: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """A table of JSON, with the default of each setting of the model that it lacks."""
    filled = dict(table)
    for name, field in model.model_fields.items():
        inner = slot(field.annotation).model
        if name not in table:
            if not field.is_required():
                filled[name] = to_jsonable_python(field.get_default(call_default_factory=True))
        elif inner is not None and isinstance(table[name], Mapping):
            filled[name] = with_defaults(table[name], inner)
    return filled


def _options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is typing.Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return get_args(annotation)
    return (annotation,)


def _type_words(option: Any) -> str:
    if get_origin(option) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(option))
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words[option] if option in words else str(option)


def _bound_words(bound: Any) -> str:
    match bound:
        case annotated_types.Ge(ge=low):
            return f"at least {low:,}"
        case annotated_types.Gt(gt=low):
            return f"above {low}"
        case annotated_types.Le(le=high):
            return f"at most {high:,}"
        case annotated_types.Lt(lt=high):
            return f"below {high}"
    return ""
