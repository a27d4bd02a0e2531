"""kill -9 at any moment, the same command again: the run folder is byte for byte that of a run never killed.

The quick test kills once in each phase; `make test-resume` kills 20 times at random moments over all phases.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from or1.storage.jsonl import read_rows
from or1.tracking.metrics import STAGE_INDEX, area_of

pytestmark = pytest.mark.timeout(900)  # many starts of a training run
ROOT = Path(__file__).parents[2]
PHASES = {
    "evaluation": ("evals/runner.py", "judge_samples", 2),
    "rollout": ("rollout/running_batch.py", "decode", 110),
    "verify": ("or1_verify/arithmetic.py", "read", 8),
    "advantage": ("algo/advantage.py", "advantages", 2),
    "update": ("trainer/local_backend.py", "_backward", 2),
    "optimizer": ("trainer/optimizer.py", "apply", 2),
    "log": ("tracking/tracker.py", "_write", 2),
    "rollout file": ("tracking/rollouts.py", "write", 2),
    "checkpoint write": ("trainer/checkpoint.py", "_write", 1),
    "checkpoint hash": ("trainer/checkpoint.py", "_hash_files", 1),
    "checkpoint rename": ("storage/atomic.py", "_swap", 3),
    "checkpoint retention": ("trainer/checkpoint.py", "_prune", 1),
    "stage switch": ("tasks/sampler.py", "draw", 2),
    "evaluation of a checkpoint": ("evals/runner.py", "judge_samples", 4),
}
"""Phase -> (file, function, call at which to kill). Each call comes within two steps, so each kill finds the
run alive; the last but one finds it resumed from the checkpoint of step 2, and kills at the first step of
stage 2; the last kills in the second evaluation of the finished model."""
LEAVING = {
    "loading": (("nn/weights.py", "load_decoder", 1), "SIGHUP", 0, []),
    "start evaluation": (("evals/runner.py", "judge_samples", 2), "SIGINT", 0, [(0, "eval")]),
    "rollout": (("rollout/collect.py", "collect", 2), "SIGHUP", 1, [(0, "eval"), (0, "eval_t0.5")]),
    "update": (("trainer/local_backend.py", "update", 2), "SIGTERM", 1, [(0, "eval"), (0, "eval_t0.5")]),
    "evaluation": (
        ("evals/runner.py", "judge_samples", 4),
        "SIGINT",
        2,
        [(0, "eval"), (0, "eval_t0.5"), (2, "eval")],
    ),
}
"""Phase -> moment, signal, the last step of the log and of the checkpoints, and the scores of the log."""
CONFIG = {
    "name": "killed",
    "model": {"path": "builtin:tiny", "dtype": "float32"},
    "data": [{"task": "arithmetic", "num_problems": 64, "max_difficulty": 2}],
    "stages": [
        {"max_response_tokens": 36, "num_steps": 3, "num_problems": 6, "group_size": 4},
        {"max_response_tokens": 48, "num_steps": 3, "num_problems": 6, "group_size": 4},
    ],
    "loss": {"reject_zero_advantage": False},
    "entropy": {"mode": "adaptive", "target": 3.0, "delta": 1e-3},
    "optimizer": {"learning_rate": 1e-3},
    "evaluation": {"every": 2, "num_problems": 3, "samples_per_problem": 2, "more_temperatures": [0.5]},
    "checkpoint": {"every": 2, "keep": 2},
    "tracking": {"console": False, "tensorboard": False},
    "rollout": {"max_prompt_tokens": 256},
    "system": {"threads": 1, "tokens_per_microbatch": 256},
}
AHEAD = {
    **CONFIG,
    "loss": {"reject_zero_advantage": False, "importance_cap": 2.0},
    "rollout": {"max_prompt_tokens": 256, "max_staleness": 1},
}


Moment = tuple[str, str, int]
Start = Callable[..., int]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Runs the command once, as start(config, out, moment, delay_ms, signal name): its exit status, -9 when
    it was killed."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{ROOT}/src:{ROOT}/packages/or1-verify/src",
    }
    command = [sys.executable, "-m", "tests.fault.killed_run"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        requests, answers = server.stdin, server.stdout

        def run(
            config: Path,
            out: Path,
            moment: Moment = ("", "", 0),
            delay_ms: float = 0,
            name: str = "SIGKILL",
        ) -> int:
            requests.write(json.dumps([str(config), str(out), name, *moment, delay_ms]) + "\n")
            requests.flush()
            status = int(answers.readline())
            assert status in (0, -9, 130)
            return status

        yield run
        requests.close()


def contents(out: Path) -> dict[str, str]:
    """Hash of every file that is not read from a clock or from the checkout."""
    other = ("timings.jsonl", "summary.json", "lock", "config.json")
    files = [p for p in sorted(out.rglob("*")) if p.is_file() and p.name not in other]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture(scope="module")
def undisturbed(start: Start, config: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed")
    assert start(config, out) == 0
    return contents(out)


def finish(start: Start, config: Path, out: Path, moments: list[tuple[Moment, float]]) -> int:
    """Kill at each moment in turn, then let the run finish; how many kills found the run alive."""
    num_killed = sum(start(config, out, moment, delay_ms) == -9 for moment, delay_ms in moments)
    assert start(config, out) == 0
    return num_killed


def test_killed_in_every_phase_one_after_another(
    start: Start, config: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """One run, killed once in each phase: at the start of one call, so the phase is certain."""
    moments = [(PHASES[phase], 0.0) for phase in PHASES]
    assert finish(start, config, tmp_path / "run", moments) == len(PHASES)
    assert contents(tmp_path / "run") == undisturbed


@pytest.mark.parametrize("phase", ["rollout", "verify", "update", "checkpoint write", "log"])
def test_asked_to_leave(
    start: Start, phase: str, config: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """SIGTERM: the state is saved, the exit status says so, and going on gives the same run, checkpoints
    apart."""
    out = tmp_path / "run"
    file, function, call = PHASES[phase]
    assert start(config, out, (file, function, call), name="SIGTERM") == 130
    assert start(config, out) == 0
    left, whole = contents(out), undisturbed
    assert {k: v for k, v in left.items() if k in whole} == whole


@pytest.mark.parametrize("phase", LEAVING)
def test_leaves_inside_the_phase(
    start: Start, phase: str, config: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """A signal does not wait for the end of the phase; the state of the last whole step is saved, and rows
    already in the log are kept, not made again."""
    out = tmp_path / "run"
    moment, name, last, scores = LEAVING[phase]
    assert start(config, out, moment, name=name) == 130
    rows = list(read_rows(out / "metrics.jsonl"))
    assert [r["step"] for r in rows if STAGE_INDEX in r] == list(range(1, last + 1))
    assert [(r["step"], area_of(r)) for r in rows if STAGE_INDEX not in r] == scores
    assert [p.name for p in (out / "checkpoints").iterdir()] == ([f"step_00000{last}"] if last else [])
    timings = (out / "timings.jsonl").read_bytes() if rows else b""
    assert start(config, out) == 0
    assert contents(out) == undisturbed
    assert (out / "timings.jsonl").read_bytes().startswith(timings)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_killed_at_a_random_moment(
    start: Start, number: int, config: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(number)
    phase = list(PHASES)[number % len(PHASES)]
    file, function, call = PHASES[phase]
    moment = (file, function, max(1, round(call * rng.uniform(0.3, 1.0))))
    assert finish(start, config, tmp_path / "run", [(moment, rng.uniform(0, 150))]) == 1, phase
    assert contents(tmp_path / "run") == undisturbed


def test_a_run_that_samples_one_step_ahead_repeats_it(
    start: Start, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """The checkpoint holds the weights that the next step is sampled from; kills come while it is sampled, in
    the update beside it, and in the write of a checkpoint; a stop signal comes while it is sampled."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(AHEAD))
    assert start(config, tmp_path / "whole") == 0
    whole = contents(tmp_path / "whole")
    assert whole["metrics.jsonl"] != undisturbed["metrics.jsonl"]
    moments = [(PHASES[phase], 0.0) for phase in ("checkpoint write", "rollout", "update")]
    moments += [(("trainer/optimizer.py", "apply", 2), random.uniform(0, 500))]
    assert finish(start, config, tmp_path / "killed", moments) == len(moments)
    assert contents(tmp_path / "killed") == whole
    assert start(config, tmp_path / "left", PHASES["rollout"], name="SIGTERM") == 130
    assert start(config, tmp_path / "left") == 0
    left = contents(tmp_path / "left")
    assert {name: left[name] for name in whole} == whole
