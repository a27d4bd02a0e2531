"""Flat lists into groups; standard library only, for every peer's environment."""

from __future__ import annotations

from collections.abc import Sequence


def in_groups(flat: Sequence[int], group_size: int) -> list[list[int]]:
    """Cut a flat list into groups of the same size.

    >>> in_groups([1, 2, 3, 4], 2)
    [[1, 2], [3, 4]]
    """
    return [list(flat[i : i + group_size]) for i in range(0, len(flat), group_size)]
