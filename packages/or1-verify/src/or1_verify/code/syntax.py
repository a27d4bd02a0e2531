"""Syntax trees of Python source, for callers in any thread."""

from __future__ import annotations

import ast
from functools import lru_cache
from threading import Lock

_ONE_THREAD = Lock()
"""Python 3.11 counts the depth of all trees in one place: two threads at once raise SystemError."""


def syntax_tree(source: str) -> ast.Module:
    """The syntax tree of a source.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not valid Python, or nested too deeply.
    """
    with _ONE_THREAD:
        return ast.parse(source)


@lru_cache(maxsize=128)
def parsed(source: str) -> ast.Module:
    """The same, cached: do not modify it."""
    return syntax_tree(source)
