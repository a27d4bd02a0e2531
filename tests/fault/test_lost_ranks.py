"""A rank that is lost in the middle of a run: all ranks start again from the last checkpoint, and the metrics
are byte for byte those of a run that lost none."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from or1 import assemble
from or1.config import RunConfig
from or1.errors import RankError
from or1.storage.jsonl import read_rows
from or1.trainer.rank_processes import RankProcesses

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("forked_workers")]
NUM_STEPS = 4
CONFIG = {
    "name": "lost",
    "model": {"path": "builtin:tiny", "dtype": "float32"},
    "data": [{"task": "arithmetic", "num_problems": 64, "max_difficulty": 2}],
    "stages": [{"max_response_tokens": 32, "num_steps": NUM_STEPS, "num_problems": 4, "group_size": 4}],
    "loss": {"reject_zero_advantage": False},
    "optimizer": {"learning_rate": 1e-3},
    "evaluation": {"every": 100, "num_problems": 2, "samples_per_problem": 1},
    "checkpoint": {"every": 2},
    "tracking": {"console": False, "tensorboard": False},
    "rollout": {"max_prompt_tokens": 256},
    "system": {
        "backend": "fsdp",
        "num_ranks": 2,
        "threads": 1,
        "deterministic": True,
        "heartbeat_limit_s": 10.0,
        "max_rank_restarts": 1,
    },
}


def trained(folder: Path, *, max_restarts: int = 1) -> bytes:
    system = {**CONFIG["system"], "max_rank_restarts": max_restarts}  # type: ignore[dict-item]
    assemble.train(RunConfig.model_validate({**CONFIG, "system": system}), folder)
    return (folder / "metrics.jsonl").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return trained(tmp_path_factory.mktemp("runs") / "undisturbed")


@pytest.fixture
def at_call(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, float, signal.Signals], None]:
    """Signals the last rank some time after a call of the ranks, counted over all starts of the run."""

    def arm(number: int, delay_s: float, what: signal.Signals) -> None:
        calls = 0
        call = RankProcesses.call

        def counted(ranks: RankProcesses, *arguments: object) -> list[object]:
            nonlocal calls
            calls += 1
            if calls == number:
                timer = threading.Timer(delay_s, os.kill, (ranks.pids[-1], what))
                timer.daemon = True
                timer.start()
                if not delay_s:
                    timer.join()
            return call(ranks, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(RankProcesses, "call", counted)

    return arm


def require_equal(found: bytes, undisturbed: bytes, folder: Path) -> None:
    assert [row["step"] for row in read_rows(folder / "timings.jsonl") if "time/step_s" in row] == list(
        range(1, NUM_STEPS + 1)
    )
    assert found == undisturbed


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_rank_changes_nothing(
    what: signal.Signals,
    undisturbed: bytes,
    at_call: Callable[[int, float, signal.Signals], None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Call 8 is the update of step 3 or its neighbour, after the checkpoint of step 2."""
    at_call(8, 0.0, what)
    with caplog.at_level(logging.WARNING, logger="or1.assemble.parts"):
        found = trained(tmp_path / "run")
    require_equal(found, undisturbed, tmp_path / "run")
    reason = "ended with exit status -9" if what is signal.SIGKILL else "gave no sign of life for 10 s"
    named, restarted = [r.getMessage() for r in caplog.records if r.name == "or1.assemble.parts"]
    assert named.startswith("training rank 1 (process")
    assert reason in named
    assert restarted == "all ranks start again from the last checkpoint"


def test_a_spent_budget_ends_the_run(
    at_call: Callable[[int, float, signal.Signals], None], tmp_path: Path
) -> None:
    at_call(4, 0.0, signal.SIGKILL)
    with pytest.raises(
        RankError, match=r"^training rank 1 .* The budget is spent: system.max_rank_restarts = 0"
    ):
        trained(tmp_path / "run", max_restarts=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_rank_lost_at_a_random_moment_changes_nothing(
    seed: int,
    undisturbed: bytes,
    at_call: Callable[[int, float, signal.Signals], None],
    tmp_path: Path,
) -> None:
    rng = random.Random(seed)
    at_call(rng.randint(2, 10), rng.random(), rng.choice([signal.SIGKILL, signal.SIGSTOP]))
    require_equal(trained(tmp_path / "run"), undisturbed, tmp_path / "run")
