"""The built-in model through the whole loop: what a run leaves behind, and that it learns."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from or1 import assemble
from or1.config import RunConfig
from or1.errors import Or1Error, RunFolderError, StarvedError
from or1.tasks.arithmetic import parse_chain
from or1.types import Message, Problem
from or1_verify.arithmetic import ArithmeticVerifier

pytestmark = pytest.mark.timeout(600)


def run_config(**changes: Any) -> RunConfig:
    """Two stages of two steps on few short problems."""
    base: dict[str, Any] = {
        "name": "e2e",
        "model": {"path": "builtin:tiny", "dtype": "float32"},
        "data": [{"task": "arithmetic", "num_problems": 64, "max_difficulty": 3}],
        "stages": [
            {"max_response_tokens": 96, "num_steps": 2, "num_problems": 6, "group_size": 6},
            {"max_response_tokens": 160, "num_steps": 2, "num_problems": 6, "group_size": 6},
        ],
        "entropy": {"target": 0.3},
        "optimizer": {"learning_rate": 1e-3},
        "evaluation": {
            "every": 2,
            "num_problems": 6,
            "samples_per_problem": 2,
            "data": [{"task": "arithmetic", "split": "heldout", "num_problems": 6}],
        },
        "checkpoint": {"every": 2},
        "tracking": {"console": False, "tensorboard": True},
        "system": {"threads": 1},
    }
    return RunConfig.model_validate(base | changes)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "e2e"
    assemble.train(run_config(), folder)
    return folder


def test_metrics_hold_every_step_and_every_score(out: Path) -> None:
    steps = [r for r in rows(out / "metrics.jsonl") if "rollout/reward_mean" in r]
    scores = [r for r in rows(out / "metrics.jsonl") if "eval/avg_at_k" in r]
    assert [r["step"] for r in steps] == [1, 2, 3, 4]
    assert [r["stage/max_response_tokens"] for r in steps] == [96, 96, 160, 160]
    assert [r["step"] for r in scores] == [0, 2, 4]


def test_verdicts_in_the_rollout_files_are_right(out: Path) -> None:
    """Each stored response, judged again from its text alone, has the verdict that was trained on."""
    num_right = 0
    for path in sorted((out / "rollouts").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            if row["finish"] == "length":
                assert (row["outcome"], row["reward"]) == ("truncated", 0.0)
                continue
            chain = parse_chain(row["question"])
            problem = Problem.make("arithmetic", (Message("user", row["question"]),), chain.totals[-1])
            verdict = ArithmeticVerifier().verify(problem, row["response"])
            assert (verdict.outcome, verdict.reward) == (row["outcome"], row["reward"]), row["response"]
            num_right += verdict.reward == 1.0
    assert num_right > 0


def test_entropy_of_the_engine_is_the_trainers(out: Path) -> None:
    """On-policy, the update sees the distributions that were sampled from, so it reports a ratio of 1."""
    steps = [r for r in rows(out / "metrics.jsonl") if "train/ratio_mean" in r]
    assert steps
    for row in steps:
        assert row["train/ratio_mean"] == 1.0
        assert row["train/mismatch_max_nats"] < 1e-3


def test_summary_says_what_the_files_say(out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text())
    scores = [r for r in rows(out / "metrics.jsonl") if "eval/avg_at_k" in r]
    assert summary["num_steps"] == 4
    assert summary["heldout"]["before"]["avg_at_k"] == scores[0]["eval/avg_at_k"]
    assert summary["heldout"]["after"]["avg_at_k"] == scores[-1]["eval/avg_at_k"]
    assert [s["max_response_tokens"] for s in summary["stages"]] == [96, 160]
    assert summary["peak_memory_bytes"] > 0


def test_a_finished_run_is_left_as_it_is(out: Path) -> None:
    def contents() -> dict[str, str]:
        files = [p for p in sorted(out.rglob("*")) if p.is_file() and p.name != "lock"]
        return {
            str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files if "tensorboard" not in str(p)
        }

    before = contents()
    assemble.train(run_config(), out)
    assert contents() == before


def test_another_configuration_is_refused_by_key(out: Path) -> None:
    with pytest.raises(RunFolderError, match="seed"):
        assemble.train(run_config(seed=2), out)


def test_held_out_problems_must_not_be_trained_on(tmp_path: Path) -> None:
    data = [{"task": "arithmetic", "num_problems": 64, "max_difficulty": 3}]
    with pytest.raises(Or1Error, match="held-out questions are also trained on"):
        assemble.train(run_config(evaluation={"data": data, "num_problems": 6}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": {"truncation_mask": "after"}, "entropy": {"mode": "fixed", "initial": 1e-3}},
        {"loss": {"truncation_mask": "before", "clip_high": 0.28}, "rollout": {"oversample": 2.0}},
        {"loss": {"average": "sequence", "kl_coefficient": 1e-3}, "rollout": {"max_refills": 1}},
        {"loss": {"importance_cap": 2.0, "reject_zero_advantage": False}, "rollout": {"temperature": 0.6}},
        {"entropy": {"mode": "off"}, "system": {"threads": 1, "deterministic": True}},
        {"model": {"path": "builtin:tiny", "dtype": "bfloat16"}},
        {
            "stages": [
                {
                    "max_response_tokens": 128,
                    "num_steps": 2,
                    "num_problems": 6,
                    "group_size": 4,
                    "num_minibatches": 3,
                    "num_reuses": 2,
                }
            ]
        },
    ],
    ids=["after", "before", "sequence", "cap", "deterministic", "bfloat16", "reuse"],
)
def test_every_switch_of_the_experiments_runs(changes: dict[str, Any], tmp_path: Path) -> None:
    """Each ablation of the paper is a setting: the run ends, updates were applied, numbers are finite."""
    assemble.train(run_config(**changes), tmp_path / "run")
    steps = [r for r in rows(tmp_path / "run" / "metrics.jsonl") if "train/loss" in r]
    assert steps
    for row in steps:
        assert isinstance(row["train/grad_norm"], float)
        assert row["train/grad_norm"] > 0


def test_a_run_that_starves_loses_no_step(tmp_path: Path) -> None:
    """Of three steps without a group to train on, the last is sampled again by the resumed run."""
    stages = [{"max_response_tokens": 2, "num_steps": 9, "num_problems": 4, "group_size": 2}]
    config = run_config(stages=stages, max_empty_steps=3, checkpoint={"every": 100})
    for _ in range(2):
        with pytest.raises(StarvedError, match="3 steps in a row, up to step 3"):
            assemble.train(config, tmp_path / "run")
        assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step_000002"]
