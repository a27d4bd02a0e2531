"""Size is part of the design: lines of a file and a function, nesting, branches of the loop."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.arch.measures import num_code_lines
from tests.arch.source import PACKAGE, ROOT, VERIFY, functions, parse, python_files

FILE_LINES, FUNCTION_LINES, NESTING = 400, 60, 4
LOOP_LINES, LOOP_BRANCHES = 150, 10

TRAINING_STEP = (
    *("loop", "algo", "nn", "rollout", "trainer", "tasks", "assemble", "types", "config", "protocols"),
    *("model_config", "record_config", "system_config", "setting", "plugins", "metric"),
)
"""Modules and folders of or1 on the way of a training step."""
VERIFY_CODE, TRAINING_STEP_CODE = 16_600, 12_450
"""Lines of code proper; docs/decisions/0020-size-budgets.md has the reasons."""

NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.While,
    ast.ExceptHandler,
    ast.BoolOp,
    ast.comprehension,
    ast.match_case,
)


def lines_over_budget(path: Path) -> list[str]:
    num_lines = len(path.read_text(encoding="utf-8").splitlines())
    found = [f"{path}: {num_lines} lines"] if num_lines > FILE_LINES else []
    for function in functions(parse(path)):
        length = (function.end_lineno or 0) - function.lineno + 1
        if length > FUNCTION_LINES:
            found.append(f"{path}:{function.lineno}: {function.name} has {length} lines")
        depth = nesting(function)
        if depth > NESTING:
            found.append(f"{path}:{function.lineno}: {function.name} nests {depth} deep")
    return found


def nesting(node: ast.AST) -> int:
    """Deepest nesting of statements below the node; `elif` stands beside its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, nesting(child) + (isinstance(child, NESTS) and not is_elif))
    return deepest


def num_branches(tree: ast.AST) -> int:
    return sum(isinstance(node, BRANCHES) for node in ast.walk(tree))


@pytest.mark.parametrize("folder", ["src", "packages", "tests", "benchmarks", "examples"])
def test_files_and_functions_keep_their_budgets(folder: str) -> None:
    over = [line for path in python_files(folder) for line in lines_over_budget(path)]
    assert not over, "\n".join(line.replace(f"{ROOT}/", "") for line in over)


def test_the_loop_is_one_page() -> None:
    loop = PACKAGE / "loop.py"
    assert len(loop.read_text().splitlines()) <= LOOP_LINES
    assert num_branches(parse(loop)) <= LOOP_BRANCHES


def test_code_proper_keeps_its_budgets() -> None:
    parts = {path: path.relative_to(PACKAGE).with_suffix("").parts[0] for path in PACKAGE.rglob("*.py")}
    assert set(TRAINING_STEP) <= set(parts.values()), "a part has another name: its lines are not counted"
    step = [path for path, part in parts.items() if part in TRAINING_STEP]
    assert num_code_lines(step) <= TRAINING_STEP_CODE
    assert num_code_lines(VERIFY.rglob("*.py")) <= VERIFY_CODE


def test_the_counters_count() -> None:
    tree = ast.parse(
        "def f(x):\n"
        " for a in x:\n"
        "  if a:\n"
        "   pass\n"
        "  elif x:\n"  # beside the if: depth 2, not 3
        "   while a and x:\n"  # depth 3
        "    pass\n"
    )
    assert nesting(tree.body[0]) == 3
    assert num_branches(tree) == 5  # for, if, elif, while, and


def test_a_file_over_budget_is_named(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("def f():\n" + "    x = 1\n" * FILE_LINES)
    assert [line.split(": ")[1] for line in lines_over_budget(path)] == ["401 lines", "f has 401 lines"]
