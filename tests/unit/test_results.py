"""The results page and the table of README.md say what the files of docs/results say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools import results


def test_the_pages_are_those_of_the_files() -> None:
    assert results.PAGE.read_text(encoding="utf-8") == results.page(), "run make results"
    assert results.README.read_text(encoding="utf-8") == results.readme(), "run make results"


def test_every_run_has_seed_commit_hash_and_command() -> None:
    assert len(results.runs()) >= 6
    for run in results.runs():
        assert re.fullmatch(r"[0-9a-f]{40}", run["commit"])
        assert run["data_hash"]
        assert run["command"].startswith("or1 train ")
        assert isinstance(run["seed"], int)


def test_an_added_run_changes_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    for seed, final in ((1, 0.5), (2, 0.7)):
        run = tmp_path / f"run{seed}"
        run.mkdir()
        scores = {"avg_at_k": final, "avg_at_k_low": final - 0.1, "avg_at_k_high": final + 0.1}
        summary = {
            **dict.fromkeys(("commit", "config_hash", "data_hash", "or1_version"), "a" * 40),
            **dict.fromkeys(("num_steps", "reward", "entropy_nats", "seconds"), 3),
            "heldout": {"before": scores, "after": scores},
        }
        (run / "summary.json").write_text(json.dumps(summary))
        described = {"config": {"seed": seed}, "provenance": {"packages": {}}}
        (run / "config.json").write_text(json.dumps(described))
        results.add(run, f"seed{seed}", "or1 train x")
    first, second, mean = results.run_rows()
    assert "0.500 [0.400, 0.600]" in first
    assert "0.700 [0.600, 0.800]" in second
    assert "0.600, standard deviation 0.141" in mean  # over seeds: n - 1; with n it is 0.100
    assert "| `or1 train x` | 2 | 0.600 | 0.600 | 0.141 |" in results.readme()
