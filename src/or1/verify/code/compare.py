"""Is an output the expected one? LiveCodeBench's rule for text, and equality of plain values."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

_SHOWN = 60
"""Most characters of a line in a difference [characters]."""


def difference(output: str, expected: str) -> str | None:
    r"""None when the outputs agree, else the first place where they do not.

    Both are stripped and split into lines; the number of lines must be the same; each pair of lines must be
    equal when stripped, or equal token by token as decimal numbers, exactly, without tolerance.

    >>> difference("1.0 2\n", "1 2.00"), difference("1\n2", "1")
    (None, '2 lines instead of 1')

    Source: LiveCodeBench, lcb_runner @28fef95, testing_util.grade_stdio.
    """
    lines, expected_lines = _lines(output), _lines(expected)
    if len(lines) != len(expected_lines):
        return f"{len(lines)} lines instead of {len(expected_lines)}"
    for number, (line, wanted) in enumerate(zip(lines, expected_lines, strict=True), start=1):
        if line != wanted and not _same_numbers(line, wanted):
            return f"line {number}: {line[:_SHOWN]!r} instead of {wanted[:_SHOWN]!r}"
    return None


def same_value(value: Any, expected: Any) -> bool:
    """Equality of plain values as Python has it, tuples counting as lists at every depth.

    Comparison of structures that hold themselves, or are nested beyond Python's recursion limit, is False.
    """
    try:
        return bool(_listed(value) == _listed(expected))
    except RecursionError:
        return False


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _same_numbers(line: str, expected: str) -> bool:
    try:
        return [Decimal(token) for token in line.split()] == [Decimal(token) for token in expected.split()]
    except (InvalidOperation, ValueError):  # no number, or a signaling nan, which refuses to be compared
        return False


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_listed(each) for each in value]
    return {key: _listed(each) for key, each in value.items()} if isinstance(value, dict) else value
