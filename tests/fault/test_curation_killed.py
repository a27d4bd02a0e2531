"""A curation killed at any moment goes on, and ends with the bytes of one that was never killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.unit.curate.corpus import files_under, problems, write_lines

KILLED_AFTER = (0, 4, 6, 7)
"""Files that each run writes before its end comes: spread over the stages."""


def run(folder: Path, out: Path, num_files: int) -> int:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "tests.fault.killed_curation", str(folder), str(out), str(num_files)]
    return subprocess.run(command, env=environment, check=False, timeout=300).returncode


def test_a_killed_curation_ends_with_the_same_bytes(tmp_path: Path) -> None:
    rows = problems(60, seed=4)
    changed = [{**row, "problem": row["problem"].replace("A ", "Some ")} for row in rows[::3]]
    write_lines(tmp_path / "first.jsonl", rows)
    write_lines(tmp_path / "second.jsonl", [*changed, *problems(20, seed=6)])
    write_lines(tmp_path / "exam.jsonl", rows[5:10])
    assert run(tmp_path, tmp_path / "whole", 10**6) == 0
    for num_files in KILLED_AFTER:
        assert run(tmp_path, tmp_path / "killed", num_files) == -signal.SIGKILL
        assert not (tmp_path / "killed/manifest.json").exists()
    assert run(tmp_path, tmp_path / "killed", 10**6) == 0
    assert files_under(tmp_path / "killed") == files_under(tmp_path / "whole")
