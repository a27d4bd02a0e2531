"""Settings compared: does a folder or file belong to these settings, and if not, which of them differ?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from or1.errors import Or1Error, RunFolderError
from or1.setting import NOT_SET, side_by_side

_MAX_KEYS = 8
"""Most differing settings in a message [settings]."""


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves of a nested configuration by dotted key; list entries by index.

    >>> flatten({"a": {"b": 1}, "stages": [{"n": 2}]})
    {'a.b': 1, 'stages.0.n': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, list | tuple):
            value = {str(i): entry for i, entry in enumerate(value)}
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Dotted keys with different values, or on one side only, sorted."""
    old_flat, new_flat = flatten(old), flatten(new)
    only_one = old_flat.keys() ^ new_flat.keys()
    changed = {k for k in old_flat.keys() & new_flat.keys() if old_flat[k] != new_flat[k]}
    return sorted(only_one | changed)


def require_same(
    found: Mapping[str, Any],
    wanted: Mapping[str, Any],
    *,
    holder: str,
    remedy: str,
    may_change: Collection[str] = (),
    error: type[Or1Error] = RunFolderError,
) -> None:
    """Refuse a folder or file that was written with other settings.

    Args:
        found: settings stored there, JSON.
        wanted: settings of this command, JSON.
        holder: begin of the message, such as "runs/a belongs to a run with other settings".
        remedy: end of the message.
        may_change: patterns of keys that may differ, such as "checkpoint.every" or "endpoint.*".
        error: type to raise.

    Raises:
        Or1Error: other keys differ; the message gives the first 8 with both values.
    """
    keys = [
        key
        for key in differing_keys(found, wanted)
        if not any(fnmatchcase(key, pattern) for pattern in may_change)
    ]
    if not keys:
        return
    there, here = flatten(found), flatten(wanted)
    shown = [side_by_side(key, there.get(key, NOT_SET), here.get(key, NOT_SET)) for key in keys]
    raise error(f"{holder} ({listed(shown)}): {remedy}")


def listed(changes: Sequence[object]) -> str:
    """The first 8 changes and the number of the others, for a message."""
    shown = [str(change) for change in changes[:_MAX_KEYS]]
    if len(changes) > _MAX_KEYS:
        shown.append(f"and {len(changes) - _MAX_KEYS} more")
    return "; ".join(shown)
