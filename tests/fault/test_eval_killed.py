"""kill -9 during an evaluation, the same command again: the files are those of one never killed, times
apart."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(900)  # many starts of an evaluation
ROOT = Path(__file__).parents[2]
MOMENTS = {
    "opening the folder": ("evals/results.py", "_write_problems", 1),
    "first step": ("rollout/running_batch.py", "decode", 1),
    "half way": ("rollout/running_batch.py", "decode", 90),
    "writing a response": ("storage/jsonl.py", "append", 2),
    "putting responses in order": ("evals/sampling.py", "sort_responses", 1),
    "judging": ("or1_verify/arithmetic.py", "read", 3),
    "writing a result": ("storage/jsonl.py", "append", 4),
    "voting": ("evals/judging.py", "votes_of", 1),
    "putting results in order": ("evals/results.py", "write", 2),
    "writing the report": ("evals/report.py", "as_csv", 1),
}
"""Moment -> (file, function, call at which to kill)."""
TIMES = re.compile(rb'"\w+_s": [-+.e0-9]+')

Start = Callable[..., int]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Run the command into a folder, perhaps killed; its exit status, -9 for a kill."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{ROOT}/src:{ROOT}/packages/or1-verify/src",
    }
    command = [sys.executable, "-m", "tests.fault.killed_eval"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        requests, answers = server.stdin, server.stdout

        def run(out: Path, moment: tuple[str, str, int] = ("", "", 0), delay_ms: float = 0) -> int:
            requests.write(json.dumps([str(out), *moment, delay_ms]) + "\n")
            requests.flush()
            return int(answers.readline())

        yield run
        requests.close()


def contents(out: Path) -> dict[str, bytes]:
    """Rows and scores without times; of eval.json all but the environment, which names the commit."""
    files = [*out.glob("*.jsonl"), out / "scores.csv"]
    found = {p.name: TIMES.sub(b"", p.read_bytes()) for p in sorted(files)}
    description = json.loads((out / "eval.json").read_text())
    kept = {key: description[key] for key in ("settings", "benchmarks", "notes")}
    return found | {"eval.json": json.dumps(kept).encode()}


@pytest.fixture(scope="module")
def undisturbed(start: Start, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    assert start(out) == 0
    found = contents(out)
    assert len(found["responses.jsonl"].splitlines()) == len(found["results.jsonl"].splitlines()) == 18
    return found


def test_killed_ten_times_in_one_evaluation(
    start: Start, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """One evaluation, killed once at each of ten moments, from its opening to its report."""
    statuses = {name: start(tmp_path / "out", moment) for name, moment in MOMENTS.items()}
    assert statuses == dict.fromkeys(MOMENTS, -9)
    assert start(tmp_path / "out") == 0
    assert contents(tmp_path / "out") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("number", range(5))
def test_killed_ten_times_at_random_moments(
    start: Start, number: int, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    rng = random.Random(number)
    num_killed = 0
    for _ in range(10):
        moment = ("rollout/running_batch.py", "decode", rng.randint(1, 60))
        num_killed += start(tmp_path / "out", moment, rng.uniform(0, 60)) == -9
    assert num_killed >= 3
    assert start(tmp_path / "out") == 0
    assert contents(tmp_path / "out") == undisturbed
