"""Compare outputs: LiveCodeBench's rule for text, and equality of plain values."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

_TOKEN = re.compile(r"[^ \t\n\r\f\v]+")
_NUMBER = re.compile(r"[+-]?(?:(?:\d++(?:\.\d*+)?|\.\d++)(?:e[+-]?\d++)?|inf(?:inity)?)", re.ASCII | re.I)
"""A number in ASCII: `Decimal` also reads `1_2`, digits of other alphabets and spaces around a number. Each
digit is read once, however many there are."""
_SHOWN = 60
"""Longest text of a line in a difference [characters]."""


def difference(output: str, expected: str) -> str | None:
    r"""None if the outputs agree, else the first difference.

    Both are stripped and split into lines; the number of lines must be the same; each pair of lines must be
    equal when stripped, or equal token by token as decimal numbers, exactly, without tolerance. Numbers and
    the spaces between them are in ASCII.

    >>> difference("1.0 2\n", "1 2.00"), difference("1\n2", "1")
    (None, '2 lines instead of 1')

    Source: LiveCodeBench, lcb_runner @28fef95, testing_util.grade_stdio.
    """
    output, expected = output.strip(), expected.strip()
    num_lines, num_expected = output.count("\n") + 1, expected.count("\n") + 1
    if num_lines != num_expected:  # before the split: an output may have millions of lines
        return f"{num_lines} lines instead of {num_expected}"
    pairs = zip(output.split("\n"), expected.split("\n"), strict=True)
    for number, (line, wanted) in enumerate(((a.strip(), b.strip()) for a, b in pairs), start=1):
        if line != wanted and not _same_numbers(line, wanted):
            return f"line {number}: {line[:_SHOWN]!r} instead of {wanted[:_SHOWN]!r}"
    return None


def same_value(value: Any, expected: Any) -> bool:
    """Python's equality of plain values, with tuples treated as lists at every depth.

    The walk follows `expected`, so a value that contains the same part many times costs no more than the
    expected one. Values that cannot be compared are not equal: structures that contain themselves or exceed
    Python's recursion limit, a signaling nan.

    >>> same_value((1, {"a": (2,)}), [1, {"a": [2]}]), same_value([1, 2], [1, 2, 3])
    (True, False)
    """
    try:
        return _same(value, expected)
    except (RecursionError, InvalidOperation):
        return False


def _same(value: Any, expected: Any) -> bool:
    if isinstance(value, list | tuple) and isinstance(expected, list | tuple):
        return len(value) == len(expected) and all(map(_same, value, expected))
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(_same(value[key], expected[key]) for key in expected)
    return bool(value == expected)


def _same_numbers(line: str, expected: str) -> bool:
    """Whether all tokens are equal decimal numbers; stops at the first that differs."""
    tokens = zip_longest(_TOKEN.finditer(line), _TOKEN.finditer(expected))
    try:
        return all(one and other and _number(one[0]) == _number(other[0]) for one, other in tokens)
    except (InvalidOperation, ValueError):  # not a number
        return False


def _number(token: str) -> Decimal:
    if not _NUMBER.fullmatch(token):
        raise ValueError(f"not a number: {token[:_SHOWN]}")
    return Decimal(token)
