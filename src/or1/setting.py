"""The settings of a configuration, by dotted key, and whether each may change when a run resumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

NOT_SET = "not set"
"""Stands for the value of a setting that one of two configurations does not have."""


class OnResume(StrEnum):
    """May a setting change when a run resumes? Stated beside its field: `Annotated[int, OnResume.MACHINE]`.

    A field that holds tables states it for all their settings that state nothing. Default: SCIENCE.
    """

    FREE = "free"
    """Yes: it changes no weight, such as what is displayed, stored or scored, and when."""
    MACHINE = "machine"
    """Yes, recorded: another order or place of the same arithmetic, which can change the last bits."""
    SCIENCE = "science"
    """On request, recorded: another training."""
    NEVER = "never"
    """No: the run would have another model or other data from its first step on."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a configuration."""

    key: str
    """Dotted; entries of a list by index: `stages.0.num_steps`."""
    value: Any
    field: FieldInfo
    on_resume: OnResume

    @property
    def about(self) -> str:
        """The field's docstring on one line: meaning, unit, source."""
        return " ".join((self.field.description or "").split())

    @property
    def is_default(self) -> bool:
        return self.field.default is not PydanticUndefined and bool(self.value == self.field.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting with two values."""

    key: str
    old: Any
    new: Any
    on_resume: OnResume = OnResume.NEVER

    def __str__(self) -> str:
        return side_by_side(self.key, self.old, self.new)

    @property
    def arrow(self) -> str:
        """Key and both values, such as `system.threads 2 -> 4`."""
        return f"{self.key} {_shown(self.old)} -> {_shown(self.new)}"


def side_by_side(key: str, old: object, new: object) -> str:
    """
    >>> side_by_side("system.threads", None, 2)
    'system.threads is null there, 2 here'
    """
    return f"{key} is {_shown(old)} there, {_shown(new)} here"


_MAX_CHARACTERS = 60
"""Most characters of a value in a message [characters]."""


def _shown(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text[:_MAX_CHARACTERS]


def settings_of(
    config: BaseModel, prefix: str = "", on_resume: OnResume = OnResume.SCIENCE
) -> Iterator[Setting]:
    """Every value of a configuration, in the order of its fields.

    Args:
        config: a run, or a table of it.
        prefix: of the keys, with its dot.
        on_resume: of the settings that state nothing.
    """
    for name, field in type(config).model_fields.items():
        own = next((mark for mark in field.metadata if isinstance(mark, OnResume)), on_resume)
        yield from _values(prefix + name, getattr(config, name), field, own)


def _values(key: str, value: Any, field: FieldInfo, on_resume: OnResume) -> Iterator[Setting]:
    if isinstance(value, BaseModel):
        yield from settings_of(value, f"{key}.", on_resume)
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for index, entry in enumerate(value):
            yield from settings_of(entry, f"{key}.{index}.", on_resume)
    else:
        yield Setting(key, value, field, on_resume)


def changes_between(old: BaseModel, new: BaseModel) -> Sequence[Change]:
    """The settings that differ between two configurations, or that only one of them has, by key.

    Args:
        old: as a run is recorded.
        new: as it would resume.
    """
    before, after = ({each.key: each for each in settings_of(config)} for config in (old, new))
    found = []
    for key in sorted(before.keys() | after.keys()):
        sides = [settings[key].value if key in settings else NOT_SET for settings in (before, after)]
        if sides[0] != sides[1]:
            on_resume = (after if key in after else before)[key].on_resume
            found.append(Change(key=key, old=sides[0], new=sides[1], on_resume=on_resume))
    return found
