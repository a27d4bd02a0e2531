"""A curation over Ray Data writes the bytes of one in local processes, whatever happens to its workers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.curate.corpus import files_under, kept_rows, ledger, problems, write_lines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(540),
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: run `make test-ray`"
    ),
]
STAGES = ("texts", "contamination", "verifiable", "programs")


def run(folder: Path, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "tests.fault.ray_curation", str(folder), str(out), *words]
    return subprocess.run(command, env=environment, check=False, timeout=250, capture_output=True, text=True)


def programs(num: int) -> list[dict[str, Any]]:
    """Sums; the solution of every fifth one is wrong."""
    return [
        {
            "problem": f"Read two whole numbers, and print {n} times the first plus the second.",
            "tests": {"mode": "stdin", "inputs": ["1 2", "3 4"], "outputs": [f"{n + 2}", f"{3 * n + 4}"]},
            "solution": f"a, b = map(int, input().split())\nprint({n} * a {'-' if n % 5 == 0 else '+'} b)",
        }
        for n in range(1, num + 1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rows = problems(60, seed=4)
    changed = [{**row, "problem": row["problem"].replace("A ", "Some ")} for row in rows[::3]]
    write_lines(folder / "first.jsonl", rows)
    write_lines(folder / "second.jsonl", [*changed, *problems(20, seed=6)])
    write_lines(folder / "exam.jsonl", rows[5:10])
    write_lines(folder / "programs.jsonl", programs(20))
    done = run(folder, folder / "local", "processes")
    assert done.returncode == 0, done.stderr
    lines = ledger(folder / "local")
    assert {"contamination", "programs", "near_duplicates"} <= {line["stage"] for line in lines}
    assert kept_rows(lines)
    return folder


def test_the_same_bytes_as_local_processes(corpus: Path, tmp_path: Path) -> None:
    done = run(corpus, tmp_path / "out", "ray")
    assert done.returncode == 0, done.stderr
    assert files_under(tmp_path / "out") == files_under(corpus / "local")


def test_a_worker_killed_in_every_stage_changes_nothing(corpus: Path, tmp_path: Path) -> None:
    done = run(corpus, tmp_path / "out", "ray", "KILL")
    assert done.returncode == 0, done.stderr
    assert all((corpus / f"{stage}.died").exists() for stage in STAGES)
    assert files_under(tmp_path / "out") == files_under(corpus / "local")


def test_a_worker_that_does_not_see_the_folder_is_one_line_and_the_run_goes_on_later(
    corpus: Path, tmp_path: Path
) -> None:
    done = run(corpus, tmp_path / "out", "ray", "BLIND")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("or1: ")
    assert f"does not see {tmp_path}/out/.work/elsewhere: give --out on a folder that all machines" in last
    again = run(corpus, tmp_path / "out", "processes")
    assert again.returncode == 0, again.stderr
    assert files_under(tmp_path / "out") == files_under(corpus / "local")
