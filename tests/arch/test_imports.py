"""What importing costs and reaches."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arch.measures import import_circle, imports_of, module_name
from tests.arch.source import PACKAGE, ROOT, SOURCES, VERIFY, module_of, parse, python_files

LIGHT = ("types", "protocols", "config", "errors", "loop", "schedule", "recipes", "tasks", "evals", "storage")
LIGHT += ("curate", "tracking", "testing", "models", "lab")
HEAVY = ("torch", "transformers", "ray", "vllm")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "THP_MEM_ALLOC_ENABLE"])
@pytest.mark.parametrize("given", [None, "by the user"])
def test_torch_finds_its_settings(name: str, given: str | None) -> None:
    """Threads sleep while they wait, large tensors lie in large pages: set before torch is loaded, which
    reads them once, and not where the user has set them."""
    ours = {"OMP_WAIT_POLICY": "PASSIVE", "THP_MEM_ALLOC_ENABLE": "1"}
    others = {key: value for key, value in os.environ.items() if key != name}
    others |= {name: given} if given else {}
    code = f"import os, sys, or1; print(os.environ[{name!r}], 'torch' in sys.modules, sep=', ')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=others)
    assert done.stdout.strip() == f"{given or ours[name]}, False"


def light_modules() -> list[str]:
    return [
        f"or1.{name}" for name in LIGHT if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
    ]


def test_import_contracts_hold() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([tool, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("package", [PACKAGE, VERIFY], ids=lambda package: package.name)
def test_no_modules_import_each_other_in_a_circle(package: Path) -> None:
    """Imports inside functions count too: they hide a circle, they do not remove it."""
    trees = {module_name(path, package.parent): parse(path) for path in package.rglob("*.py")}
    imports = {module: set(imports_of(tree, trees)) - {module} for module, tree in trees.items()}
    assert sum(map(len, imports.values())) > 100
    assert import_circle(imports) == []


def test_a_circle_of_lazy_imports_is_seen() -> None:
    modules = ("p", "p.a", "p.b", "p.c")
    lazy = ast.parse("def f():\n    from p import b")
    for_types = ast.parse("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.a")
    imports = {
        "p.a": set(imports_of(lazy, modules)),
        "p.b": set(imports_of(ast.parse("from p.c import name"), modules)),
        "p.c": set(imports_of(for_types, modules)),
    }
    assert imports == {"p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": set()}
    assert import_circle(imports) == []
    assert import_circle(imports | {"p.c": {"p.a"}}) == ["p.a", "p.b", "p.c", "p.a"]


@pytest.mark.parametrize(
    "module",
    ["or1", "or1.cli", "or1.algo", "or1_verify.math", "or1_verify.code", "or1_verify.pool", *light_modules()],
)
def test_light_module_leaves_heavy_ones_out(module: str) -> None:
    done = python(f"import sys, {module}; print(*(set(sys.modules) & {set(HEAVY)!r}))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_assembly_does_not_wait_for_transformers_and_torch_compile() -> None:
    """Half of the time of the import: or1's own decoder needs transformers for the tokenizer alone, and
    torch.compile not at all."""
    done = python(
        "import sys, or1.assemble; print(*({'torch', 'torch._dynamo', 'transformers'} & {*sys.modules}))"
    )
    assert done.stdout.split() == ["torch"], done.stderr


def test_tests_of_or1_verify_do_without_or1() -> None:
    """They run where only or1-verify is installed."""
    imports = re.compile(r"^\s*(?:from|import) (?:or1|tests)\b(?!_)", re.MULTILINE)
    assert imports.search("from or1.types import Problem")
    assert not imports.search("from or1_verify.types import Problem")
    files = python_files("packages/or1-verify/tests")
    assert [path.name for path in files if imports.search(path.read_text(encoding="utf-8"))] == []


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
