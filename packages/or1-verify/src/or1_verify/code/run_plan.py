"""Test code as the parent reads it: its test functions and classes, and whether it can fail at all."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from or1_verify.code.assertions import can_fail, failing_functions, sure_functions, surely_fails
from or1_verify.code.names import names_read
from or1_verify.code.syntax import parsed
from or1_verify.errors import DataError


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How a tester runs test code."""

    cases: tuple[tuple[str, ...], ...]
    """For each part of the tests: the test functions and classes to run after it, as pytest finds them."""
    with_harness: bool
    """The tests use pytest or unittest, or have test functions."""
    counts_checks: bool
    """No check is sure to run, so the tester counts them."""


def plan_of(setup: str, parts: Sequence[str]) -> RunPlan:
    """The plan for test code, which may have several parts."""
    trees = [parsed(source) for source in (setup, *parts)]
    cases = tuple(_cases(part, parts) for part in parts)
    sure = sure_functions(trees)
    is_sure = any(surely_fails(tree.body, sure) for tree in trees[1:])
    uses_library = any(word in source for source in (setup, *parts) for word in ("pytest", "unittest"))
    is_sure = is_sure or any(name in sure for each in cases for name in each)
    return RunPlan(cases, any(cases) or uses_library, not is_sure)


def with_checks(setup: str, parts: Sequence[str]) -> list[str]:
    """The same tests in parts that can each fail: a part that cannot is joined to the next one.

    >>> with_checks("", ["s = Stack()", "assert s.pop() == 1"])
    ['s = Stack()\\nassert s.pop() == 1']

    Raises:
        DataError: no part can fail, so the tests would count any program as correct.
    """
    functions = failing_functions([parsed(source) for source in (setup, *parts)])
    joined: list[str] = []
    waiting: list[str] = []
    for part in parts:
        waiting.append(part)
        if can_fail(parsed(part).body, functions) or _case_can_fail(part, parts, functions):
            joined.append("\n".join(waiting))
            waiting = []
    if not joined:
        raise DataError(
            "the tests cannot fail: they have no assert, no raise and no test function that pytest runs"
        )
    return [*joined[:-1], "\n".join([joined[-1], *waiting])]


def _case_can_fail(part: str, parts: Sequence[str], functions: frozenset[str]) -> bool:
    cases = _cases(part, parts)
    nodes = [node for node in parsed(part).body if isinstance(node, ast.ClassDef) and node.name in cases]
    methods = [each.name for node in nodes for each in ast.walk(node) if isinstance(each, ast.FunctionDef)]
    bases = [base for node in nodes for base in node.bases]
    inherits = any(ast.unparse(base).split(".")[-1] not in ("TestCase", "object") for base in bases)
    return inherits or bool(functions & {*cases, *(name for name in methods if name.startswith("test"))})


def _cases(part: str, parts: Sequence[str]) -> tuple[str, ...]:
    """Test functions that no test reads by name, and classes that may be test classes."""
    read = {name for each in parts for name in names_read([each])}
    return tuple(
        node.name
        for node in parsed(part).body
        if (isinstance(node, ast.FunctionDef) and node.name.startswith("test") and node.name not in read)
        or (isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or node.bases))
    )
