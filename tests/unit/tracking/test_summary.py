"""summary.json from rows written by hand: every number worked out beside the wrong one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from or1.errors import RunFolderError, install_command
from or1.storage.jsonl import JsonLines, read_rows
from or1.storage.run_folder import RunFolder
from or1.tracking.plot import smooth
from or1.tracking.run_data import read_run
from or1.tracking.summary import write_summary
from tests.runs import description, play, run_config

PNG = b"\x89PNG\r\n\x1a\n"
RULE = {"window": 2, "min_steps": 3, "truncated_below": 0.1}


def stage(num_steps: int, budget: int, switch: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"max_response_tokens": budget, "num_steps": num_steps, "switch": switch}


def made(folder: Path, stages: list[dict[str, Any]], steps: list[dict[str, Any]]) -> Path:
    """A run folder with these step rows; keys are completed with what every row has."""
    RunFolder.open(folder, description(run_config(stages=stages))).close()
    log = JsonLines(folder / "metrics.jsonl")
    for number, row in enumerate(steps, start=1):
        log.append({"step": number, "train/policy_version": number, "rollout/num_response_tokens": 10} | row)
    log.close()
    return folder


def in_stage(index: int, truncated: float, reward: float = 0.5, **more: float) -> dict[str, Any]:
    return {
        "stage/index": index,
        "stage/max_response_tokens": 8 * (index + 1),
        "rollout/truncated_fraction": truncated,
        "rollout/reward_mean": reward,
        "rollout/response_tokens_mean": 5.0,
        "rollout/response_tokens_mean_right": 4.0,
        "entropy/alpha": 0.0,
        **more,
    }


def endings(folder: Path) -> list[str]:
    return [s.ended_by for s in read_run(folder).stages()]


def test_a_whole_run(tmp_path: Path) -> None:
    play(tmp_path)
    summary = write_summary(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert summary["num_steps"] == 10
    assert summary["num_updates"] == 9  # one of the ten had no group with a signal
    assert summary["heldout"]["before"]["avg_at_k"] == 0.3
    assert summary["heldout"]["after"]["step"] == 10
    assert summary["heldout"]["gain"] == pytest.approx(0.5)
    assert summary["heldout"]["comparable"] is True
    assert summary["seconds"]["rollout"] == 2.5  # ten steps of a quarter of a second
    assert summary["seconds"]["evaluation"] == 9.0  # six evaluations
    assert summary["peak_memory_bytes"] == 1000
    assert summary["entropy_nats"]["target"] == 0.4
    assert summary["commit"] == "c0ffee"
    assert [(s["first_step"], s["last_step"], s["ended_by"]) for s in summary["stages"]] == [
        (1, 4, "num_steps"),
        (5, 10, "num_steps"),
    ]


def test_the_total_holds_everything_once(tmp_path: Path) -> None:
    """Ten steps of 1.75 s, nine gaps of 0.25 s, and of six evaluations of 1.5 s the first and the last.

    The gaps hold the other four. Adding all six, or the phases, or verify, would count time twice.
    """
    play(tmp_path)
    assert write_summary(tmp_path)["seconds"]["total"] == 10 * 1.75 + 9 * 0.25 + 2 * 1.5


def test_the_recorded_reason_ends_a_stage_and_the_numbers_do_not(tmp_path: Path) -> None:
    """By its numbers the rule of the second stage holds as well, but the run stopped before it could act."""
    stages = [stage(9, 8, RULE), stage(9, 16, RULE)]
    rows = [in_stage(0, 0.4), in_stage(0, 0.4) | {"stage/ended_by": "reward_plateau"}]
    rows += [in_stage(1, 0.0)] * 4
    assert endings(made(tmp_path, stages, rows)) == ["reward_plateau", "unfinished"]


def test_a_run_records_the_end_of_each_stage_in_its_last_row(tmp_path: Path) -> None:
    rule = {"window": 1, "min_steps": 3, "truncated_below": 1.0}
    sizes = {"num_problems": 3, "group_size": 4}
    play(tmp_path, run_config(stages=[stage(9, 8, rule) | sizes, stage(2, 16) | sizes]))
    rows = [r for r in read_rows(tmp_path / "metrics.jsonl") if "stage/ended_by" in r]
    assert [(r["step"], r["stage/ended_by"]) for r in rows] == [(3, "truncated_below"), (5, "num_steps")]
    assert endings(tmp_path) == ["truncated_below", "num_steps"]


def test_edges_of_the_first_stage_and_the_last_fifth(tmp_path: Path) -> None:
    truncated = [0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.2, 0.1]
    rows = [in_stage(0, t, **{"rollout/entropy_nats": 1.0}) for t in truncated]
    rows += [in_stage(1, 0.0, 1.0, **{"rollout/entropy_nats": 0.2})] * 2
    summary = write_summary(made(tmp_path, [stage(8, 8), stage(2, 16)], rows))
    # halves of 8 steps: 0.7 and 0.34 over five steps, which overlap
    assert summary["truncated_fraction"]["first_stage_first_steps"] == pytest.approx(0.75)
    # 0.15 with the steps of the second stage
    assert summary["truncated_fraction"]["first_stage_last_steps"] == pytest.approx(0.275)
    assert summary["entropy_nats"]["last_fifth"] == pytest.approx(0.2)  # 2 of 10 steps, not 5
    assert summary["reward"] == {"first_steps": 0.5, "last_steps": pytest.approx(0.7)}
    assert summary["num_response_tokens"] == 100


def test_a_run_without_rows_has_a_summary(tmp_path: Path) -> None:
    summary = write_summary(made(tmp_path, [stage(1, 8)], []))
    assert summary["heldout"] is None
    assert summary["num_steps"] == 0
    assert summary["stages"] == []
    assert summary["reward"]["last_steps"] is None


def test_numbers_that_are_not_finite_become_null(tmp_path: Path) -> None:
    summary = write_summary(made(tmp_path, [stage(1, 8)], [in_stage(0, 0.0, float("nan"))]))
    assert summary["reward"]["first_steps"] is None


def test_scores_over_other_problems_are_not_comparable(tmp_path: Path) -> None:
    folder = made(tmp_path, [stage(1, 8)], [])
    log = JsonLines(folder / "metrics.jsonl")
    for step, data in ((0, "one"), (1, "two")):
        score = {"avg_at_k": 0.5, "data_hash": data, "samples_per_problem": 4, "num_problems": 9}
        log.append({"step": step} | {f"eval/{k}": v for k, v in score.items()})
    log.close()
    assert write_summary(folder)["heldout"]["comparable"] is False


def test_another_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        write_summary(tmp_path)


def test_smoothing_keeps_the_mean_and_the_length() -> None:
    assert smooth([0.0, 0.0, 9.0, 0.0, 0.0], 3) == [0.0, 3.0, 3.0, 3.0, 0.0]
    assert smooth([], 3) == []


def test_without_matplotlib_there_is_one_line(tmp_path: Path) -> None:
    play(tmp_path / "run")
    script = """
import sys
sys.modules["matplotlib"] = sys.modules["matplotlib.figure"] = None
from pathlib import Path
from or1.errors import ConfigError
from or1.tracking.plot_runs import plot_runs
try:
    plot_runs([Path(sys.argv[1])], Path("unused.png"))
except ConfigError as error:
    print(error)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert install_command("board") in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_short_run_is_drawn_as_it_was() -> None:
    """A window as wide as the run would make every curve a flat line at its mean."""
    assert smooth([0.0, 1.0, 0.0, 1.0, 1.0]) == [0.0, 1.0, 0.0, 1.0, 1.0]
    assert smooth([float(n % 2) for n in range(12)])[5] == pytest.approx(1 / 3)


def test_a_predicted_change_is_compared_with_the_change_in_the_row_after(tmp_path: Path) -> None:
    """Steps 1 and 2 agree, step 3 does not; in one row no pair does. Step 4 has no row after it."""
    predicted = [-0.2, 0.1, -0.1, -0.3]
    measured = [0.1, -0.02, 0.01, 0.03]
    rows = [
        in_stage(0, 0.4, **{"entropy/predicted_change": p, "entropy/change_nats": m})
        for p, m in zip(predicted, measured, strict=True)
    ]
    found = write_summary(made(tmp_path, [stage(4, 8)], rows))["entropy_prediction"]
    assert (found["num_steps"], found["sign_agreement"]) == (3, pytest.approx(2 / 3))
    assert found["falling_fraction"] == pytest.approx(1 / 3)
    # sums of products of deviations: 0.003333 / sqrt(0.04667 * 0.001267)
    assert found["correlation"] == pytest.approx(0.4336, abs=1e-4)


def test_the_support_is_summed_up_by_k(tmp_path: Path) -> None:
    rows = [in_stage(0, 0.4, **{"rollout/pass_at/1": n / 10, "rollout/pass_at/16": 0.9}) for n in range(10)]
    found = write_summary(made(tmp_path, [stage(10, 8)], rows))["pass_at"]
    assert list(found) == ["1", "16"]
    assert found["1"] == {"first_steps": pytest.approx(0.2), "last_steps": pytest.approx(0.7)}
