"""The data of the report: curves, words and settings of a run played on fakes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from or1.board.page import json_block, page
from or1.board.report_data import report_data
from or1.board.words import sentences
from or1.cli.report import report
from or1.recipes.load import load
from or1.storage.jsonl import JsonLines, read_rows
from or1.storage.run_folder import METRICS
from or1.tracking.run_data import read_run
from or1.tracking.summary import summarize
from tests.runs import play, run_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole run: ten steps in two stages, scores at 0, 2, ... 10."""
    path = tmp_path / "run"
    play(path)
    return path


def data_of(folder: Path) -> dict[str, Any]:
    """Data of its one run."""
    run: dict[str, Any] = report_data([folder])["runs"][0]
    return run


def test_curves_are_the_rows_of_the_run(folder: Path) -> None:
    rows = [row for row in read_rows(folder / METRICS) if "stage/index" in row]
    run = data_of(folder)
    assert run["steps"] == list(range(1, 11))
    assert run["series"]["rollout/reward_mean"] == pytest.approx(
        [r["rollout/reward_mean"] for r in rows], rel=1e-5
    )
    assert [s["step"] for s in run["scores"]] == [0, 2, 4, 6, 8, 10]
    assert run["scores"][1]["avg_at_k"] == pytest.approx(0.4)


def test_a_value_that_a_step_lacks_is_null_and_shifts_no_other(folder: Path) -> None:
    rows = list(read_rows(folder / METRICS))
    for row in rows:
        if row["step"] == 3:
            row.pop("rollout/reward_mean", None)
        if row["step"] == 4 and "train/grad_norm" in row:
            row["train/grad_norm"] = math.inf
    (folder / METRICS).unlink()
    log = JsonLines(folder / METRICS)
    for row in rows:
        log.append(row)
    log.close()
    series = data_of(folder)["series"]
    assert series["rollout/reward_mean"][2] is None
    assert None not in series["rollout/reward_mean"][3:]
    assert series["train/grad_norm"][3] is None


def test_seconds_of_phases_add_up_to_the_step(folder: Path) -> None:
    """Verification overlaps with the rollout: with it, the stack would be higher than the step."""
    panel = next(p for p in report_data([folder])["panels"] if p["id"] == "seconds")
    assert [curve["label"] for curve in panel["curves"]] == ["rollout", "update", "publish", "between"]


def test_settings_that_differ_from_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "run"
    play(path, load("tiny", ["seed=7", "stages.0.num_steps=2", "stages.1.num_steps=2", "evaluation.every=2"]))
    settings = data_of(path)["settings"]
    differ = {
        row["key"]: (row["value"], row["default"])
        for row in settings["rows"]
        if row["value"] != row["default"]
    }
    assert settings["beside"] == "recipe tiny"
    assert differ["seed"][0] == "7"
    assert differ["stages.0.num_steps"] == ("2", "40")
    assert not {"loss.clip_low", "data.0.columns.answer"} & set(differ)


def words_of(before: tuple[float, float], after: tuple[float, float], folder: Path) -> str:
    """Sentences of a run whose first and last score have these intervals."""
    run = read_run(folder)
    summary = summarize(run)
    for side, (low, high) in (("before", before), ("after", after)):
        summary["heldout"][side] |= {"avg_at_k": (low + high) / 2, "avg_at_k_low": low, "avg_at_k_high": high}
    summary["heldout"]["gain"] = sum(after) / 2 - sum(before) / 2
    return " ".join(sentences(run, summary))


@pytest.mark.parametrize(
    ("before", "after", "verb"),
    [
        ((0.1, 0.2), (0.3, 0.4), "rose"),
        ((0.3, 0.4), (0.1, 0.2), "fell"),
        ((0.1, 0.3), (0.2, 0.4), "did not change"),
    ],
)
def test_a_change_within_the_intervals_is_no_change(
    folder: Path, before: tuple[float, float], after: tuple[float, float], verb: str
) -> None:
    assert f"The held-out score {verb}" in words_of(before, after, folder)


def test_unfinished_run_says_so(tmp_path: Path) -> None:
    play(tmp_path / "run", dies_after=6)
    run = data_of(tmp_path / "run")
    assert not run["finished"]
    assert "Stage 2 (budget 16 tokens) is at step 6." in run["sentences"]


def test_run_without_a_step(tmp_path: Path) -> None:
    play(tmp_path / "run", run_config(), dies_after=1)
    (tmp_path / "run" / METRICS).unlink()
    run = data_of(tmp_path / "run")
    assert run["sentences"] == ["No step is complete yet."]
    assert page(report_data([tmp_path / "run"]))


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\u2028\u2029",
    "\x00",
    "\ud800",
    "\u202e",
    "]]>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_ends_its_block(text: str) -> None:
    block = json_block({"text": text})
    assert "<" not in block
    assert json.loads(block) == {"text": text}


def test_the_command_writes_one_file_that_names_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report([folder], None)
    path = folder / "report.html"
    assert capsys.readouterr().out == f"{path}\n"
    text = path.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert "src=" not in text.split("<body>")[0]
    assert "unsafe" not in text.split("<body>")[0]
