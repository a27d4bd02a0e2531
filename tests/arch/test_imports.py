"""What importing costs and reaches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.arch.source import PACKAGE, ROOT, SOURCES, module_of, parse, python_files

LIGHT = ("types", "protocols", "config", "errors", "loop", "schedule", "recipes", "tasks", "evals", "storage")
LIGHT += ("curate", "tracking", "testing", "models")
HEAVY = ("torch", "transformers", "ray", "vllm")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def light_modules() -> list[str]:
    return [
        f"or1.{name}" for name in LIGHT if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
    ]


def test_import_contracts_hold() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([tool, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    "module",
    ["or1", "or1.cli", "or1.algo", "or1_verify.math", "or1_verify.code", "or1_verify.pool", *light_modules()],
)
def test_light_module_leaves_heavy_ones_out(module: str) -> None:
    done = python(f"import sys, {module}; print(*(set(sys.modules) & {set(HEAVY)!r}))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_check_would_see_torch() -> None:
    done = python(f"import sys, or1.algo.loss; print(*(set(sys.modules) & {set(HEAVY)!r}))")
    assert "torch" in done.stdout.split(), done.stderr


def test_help_loads_no_heavy_module() -> None:
    """Not even the libraries that every command needs; docs/log.md has the time that this saves."""
    done = python(
        "import sys\nsys.argv = ['or1', '--help']\nfrom or1.cli import app\n"
        "try:\n app()\nexcept SystemExit:\n pass\n"
        "print('loaded:', *(set(sys.modules) & {'torch', 'transformers', 'numpy', 'pydantic', 'rich'}))"
    )
    assert "train" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_no_module_is_named_in_vain() -> None:
    """Every file of the package is Python that parses under the oldest version that it promises."""
    for path in python_files(*SOURCES):
        assert parse(path), module_of(path)
