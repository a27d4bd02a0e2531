"""Values in a page: numbers, texts and how much room they have, rows as columns."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from or1.storage.settings import flatten
from or1.types import Gold

ROOM_CHARACTERS = 10_000_000
"""Characters of long texts in a page: the file takes about half a byte for each [characters]."""
LONGEST_TEXT = 20_000
"""A longer text shows its begin and its end [characters]."""

DIGITS = 6
"""Significant digits of a number in the page: a curve shows three."""


def number(value: float) -> float | int | None:
    """A number with few digits; None for nan and the infinities, which JSON lacks.

    >>> number(1 / 3), number(float("inf")), number(12)
    (0.333333, None, 12)
    """
    if isinstance(value, int):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def clipped(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text, or its begin and its end with the number of characters between them.

    >>> clipped("x" * 10 + "y" * 10, longest=4)
    'xx\\n[... 16 characters are left out ...]\\nyy'
    """
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters are left out ...]\n{text[-half:]}"


def gold_text(gold: Gold) -> str:
    """A gold as a text: JSON where it is none."""
    return gold if isinstance(gold, str) else json.dumps(gold)


def order_of(*key: object) -> bytes:
    """Place in an order that depends on the key alone: what comes first is a fair sample."""
    return hashlib.sha256("/".join(map(str, key)).encode()).digest()


def fact_rows(nested: Mapping[str, Any]) -> list[list[str]]:
    """Leaves of a nested table as rows of two texts."""
    return [[key, str(value)] for key, value in flatten(nested).items()]


def columns_of(names: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, in order.

    >>> columns_of(("a",), [{"a": 1, "b": 2}, {"a": 3}])
    {'a': [1, 3]}
    """
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name, column in columns.items():
            column.append(row[name])
    return columns
