"""Print every test that pytest collects, one a line, with a digest of its parameters.

Run as `python -m tests.arch.collected [PATH ...]`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pytest

LINE_START = "collected: "
"""Of each line about a test, among those that pytest itself prints."""
MAX_DEPTH = 8
"""Nested values below this depth are not compared; some parameters contain themselves."""
LONG = 10_000
"""Longer texts are compared by their hash [characters]."""


def canonical(value: Any, depth: int = 0) -> str:
    """Text that is equal for equal values of two processes: sorted sets, objects without addresses."""

    def inner(part: Any) -> str:
        return canonical(part, depth + 1)

    if depth == MAX_DEPTH:
        return "..."
    match value:
        case Mapping():
            return "{" + ", ".join(f"{inner(key)}: {inner(part)}" for key, part in value.items()) + "}"
        case Set():
            return "{" + ", ".join(sorted(map(inner, value))) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(inner, value)) + "]"
        case int():
            return hex(value)  # repr refuses integers of thousands of digits
        case str() | bytes() if len(value) > LONG:
            content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            return hashlib.sha256(content).hexdigest()
        case None | str() | bytes() | float() | Path():
            return repr(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__name__}{inner(fields)}"
    return type(value).__name__


def line_of(item: pytest.Item) -> str:
    """Id of a test and the digest of its parameters."""
    values = canonical(item.callspec.params) if hasattr(item, "callspec") else ""
    return f"{item.nodeid!a} {hashlib.sha256(ascii(values).encode()).hexdigest()}"


class _Printer:
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        sys.stdout.write("\n")
        for item in session.items:
            sys.stdout.write(f"{LINE_START}{line_of(item)}\n")


if __name__ == "__main__":
    options = ["--collect-only", "-qqq", "-p", "no:cacheprovider"]
    sys.exit(pytest.main([*options, *sys.argv[1:]], plugins=[_Printer()]))
