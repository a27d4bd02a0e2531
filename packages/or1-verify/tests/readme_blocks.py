"""Run every block of the README; `python readme_blocks.py` does it without pytest, in any environment.

A Python block may state values: `expression  # value`. A shell block runs with `or1-verify` on the path;
a line that installs is left out, since the caller has installed.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """(language, content) of each block, in order."""
    return _BLOCK.findall(README.read_text(encoding="utf-8"))


def run(language: str, content: str, folder: Path) -> None:
    """Run one block in a folder; AssertionError if it fails or a value is not the stated one."""
    if language == "python":
        _run_python(content)
        return
    assert language == "sh", f"nothing runs a block of {language}"
    _run_shell(content, folder)


def _run_python(content: str) -> None:
    names: dict[str, object] = {"__name__": "readme"}
    lines = content.splitlines()
    for statement in ast.parse(content).body:
        source = ast.unparse(statement)
        _, _, stated = lines[statement.end_lineno - 1].partition("  # ")
        if isinstance(statement, ast.Expr) and stated:
            value = repr(eval(source, names))
            assert value == stated, f"{source} is {value}, not {stated}"
        else:
            exec(source, names)


def _run_shell(content: str, folder: Path) -> None:
    command = folder / "or1-verify"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m or1_verify "$@"\n')
    command.chmod(0o755)
    lines = [line for line in content.splitlines() if not line.startswith("pip install")]
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(lines)], cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def main() -> None:
    """Run all blocks where only or1-verify is installed."""
    found = [name for name in ("or1", "torch", "transformers") if find_spec(name) is not None]
    assert not found, f"{found} can be imported: this is not an environment of or1-verify alone"
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for language, content in blocks():
            run(language, content, Path(folder))
    print(f"{len(blocks())} blocks of {README.name} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
