"""The tutorial's files and commands, in order, in a fresh folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from or1.storage.jsonl import read_rows
from or1.tracking.rollouts import read_rollouts
from tests.arch.source import ROOT

BLOCK = re.compile(r'^```(\w+)(?: title="([\w.]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """(language, file name or "", content) of each block with a language."""
    return BLOCK.findall((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))


def run(language: str, content: str, folder: Path) -> None:
    """Run a block."""
    command = folder / "bin/or1"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m or1 "$@"\n')
    command.chmod(0o755)
    words = [sys.executable, "-c", content] if language == "python" else ["sh", "-e", "-c", content]
    env = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{content}\n{done.stdout}\n{done.stderr}"


# the commands are under test, not the learning
SHORTER = {
    "--step 20": "--step 2",
    "num_steps = 20": "num_steps = 2",
    "num_problems = 32\nsamples_per_problem = 4": "num_problems = 4\nsamples_per_problem = 1",
}


@pytest.mark.timeout(600)
def test_every_block_does_what_the_text_says(tmp_path: Path) -> None:
    for language, name, content in blocks():
        for long, short in SHORTER.items():
            content = content.replace(long, short)
        if name:
            (tmp_path / name).write_text(content)
        else:
            run(language, content, tmp_path)
    assert len(list(read_rows(tmp_path / "sums.jsonl"))) == 500
    assert [row["reward"] for row in read_rows(tmp_path / "tries.jsonl.verdicts.jsonl")] == [1.0, 0.0]
    assert (tmp_path / "runs/brief/curves.png").stat().st_size > 10_000
    assert (tmp_path / "trained/model.safetensors").is_file()
    rewards = {row["reward"] for row in read_rollouts(tmp_path / "runs/brief", 2)}
    assert rewards <= {0.0, 0.5, 1.0}
    assert len(rewards) > 1, "a run whose rewards are all equal would not show that the function is used"
