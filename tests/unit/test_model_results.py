"""The table of trained models says what the run and its evaluations say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from or1.evals.compare import BenchmarkComparison
from or1.evals.statistics import Estimate
from tools import model_results


def test_rows_show_scores_and_paired_gains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_results, "FOLDER", tmp_path)

    def gain(start: int, end: int, mean: float) -> dict[str, object]:
        return {
            "from": start,
            "to": end,
            "difference": {"mean": mean, "low": mean - 0.02, "high": mean + 0.02},
        }

    def evaluation(step: int, mean: float) -> dict[str, object]:
        score = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05}
        return {"step": step, "score": score, "truncated_fraction": 0.25, "tokens_mean": 271.6}

    kept = {
        "command": "or1 train x",
        "model": "M-0.5B",
        "seed": 3,
        "commit": "c0ffee00" * 5,
        "evaluations": [evaluation(0, 0.2), evaluation(30, 0.23), evaluation(60, 0.3)],
        "gains": [gain(0, 30, 0.03), gain(30, 60, 0.07), gain(0, 60, 0.1)],
    }
    (tmp_path / "m.json").write_text(json.dumps(kept))
    first, _, last = model_results.section().splitlines()[-3:]
    assert first.startswith("| `or1 train x` with M-0.5B | 3 | 0 | 0.200 [0.150, 0.250] |  | 0.250 | 272 |")
    assert "| +0.070 [+0.050, +0.090] since step 30; +0.100 [+0.080, +0.120] since step 0 |" in last
    assert last.endswith("| `c0ffee00` |")


def test_the_last_evaluation_is_compared_with_the_first_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def compare(first: Path, second: Path) -> list[BenchmarkComparison]:
        seen.append((first.name, second.name))
        difference = Estimate(0.1, 0.0, 0.2)
        return [
            BenchmarkComparison(
                benchmark="b", num_problems=3, first=0.1, second=0.2, problems=difference, run=None,
                num_better=2, num_worse=1, notes=(),
            )
        ]  # fmt: skip

    monkeypatch.setattr(model_results, "FOLDER", tmp_path / "models")
    monkeypatch.setattr(model_results, "compare", compare)
    monkeypatch.setattr(model_results, "facts_of", lambda run, command: {"command": command})
    monkeypatch.setattr(model_results, "_evaluation", lambda step, folder: {"step": step})
    folders = [(0, tmp_path / "start"), (30, tmp_path / "middle"), (60, tmp_path / "end")]
    model_results.add(tmp_path, "m", "or1 train x", "M", folders)
    assert seen == [("start", "middle"), ("middle", "end"), ("start", "end")]
    gains = json.loads((tmp_path / "models/m.json").read_text())["gains"]
    assert [(each["from"], each["to"]) for each in gains] == [(0, 30), (30, 60), (0, 60)]
    assert (gains[0]["num_better"], gains[0]["num_worse"]) == (2, 1)
