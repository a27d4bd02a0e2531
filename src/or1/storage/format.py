"""The version of the layout of a stored folder, which a reader compares before it reads anything else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from or1.errors import Or1Error

FORMAT_KEY = "format"
"""Key of the version in a stored description; a description without it has format 1, the first."""
_WRITERS = ("provenance", "environment", "versions")
"""Tables of a description that may name the version of or1 that wrote it."""


def require_format(
    where: Path, found: Mapping[str, Any], wanted: int, *, remedy: str, error: type[Or1Error]
) -> None:
    """Refuse a folder of another format by name.

    Args:
        where: the folder, or its description.
        found: its description, JSON.
        wanted: the format that this version of or1 reads.
        remedy: a further way out, for the end of the message.
        error: type to raise.

    Raises:
        Or1Error: another format; the line names both, and the version that reads the folder.
        ValueError: the format is not a number.
    """
    version = found.get(FORMAT_KEY, 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError(f"{FORMAT_KEY} is {version!r}, not a number")
    if version != wanted:
        reader = f"this or1 reads format {wanted}"
        raise error(f"{where} has format {version} and {reader}: use {writer(found)}, or {remedy}")


def writer(found: Mapping[str, Any]) -> str:
    """The version of or1 that wrote a description, for a message.

    >>> writer({"provenance": {"or1_version": "0.1.0"}})
    'or1 0.1.0, which wrote it (pip install or1==0.1.0)'
    """
    for table in (found[key] for key in _WRITERS if isinstance(found.get(key), dict)):
        for key in ("or1_version", "or1"):
            if key in table:
                return f"or1 {table[key]}, which wrote it (pip install or1=={table[key]})"
    return "the version of or1 that wrote it"
