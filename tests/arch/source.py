"""The source tree as the architecture tests see it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "or1"
VERIFY = ROOT / "packages" / "or1-verify" / "src" / "or1_verify"
SOURCES = ("src", "packages/or1-verify/src")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    """`or1/rollout/collect.py` of a file in a package."""
    home = VERIFY if path.is_relative_to(VERIFY) else PACKAGE
    return path.relative_to(home.parent).as_posix()


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def tracked_files() -> list[Path]:
    """What git holds, or every file outside caches where this is no checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        return [path for path in ROOT.rglob("*") if path.is_file() and not _is_cache(path)]
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def _is_cache(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.startswith(".") or part in {"__pycache__", "runs", "build", "dist"} for part in parts)
