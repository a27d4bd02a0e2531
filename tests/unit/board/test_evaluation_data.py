"""The page of an evaluation: scores, every sample in its place, texts where there is room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1.board.evaluation_data import evaluation_data, evaluation_samples
from or1.cli.report import live, report
from or1.errors import ConfigError
from or1.evals.results import RESPONSES, RESULTS
from tests.unit.evals.small import play, questions

SAID = {
    ("One?", 0): "so \\boxed{1}",
    ("One?", 1): "so \\boxed{3}",
    ("Two?", 0): "no idea",
    ("Half?", 0): "\\boxed{0.5}",
    ("Half?", 1): "\\boxed{\\frac{1}{2}}",
}
CUT = "x" * 61


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    asked = questions(tmp_path)
    play(tmp_path / "eval", asked, lambda question, sample: SAID.get((question, sample), CUT))
    return tmp_path / "eval"


def rows(packed: dict[str, Any]) -> list[dict[str, Any]]:
    columns = packed["columns"]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_every_sample_has_its_place_verdict_and_text(folder: Path) -> None:
    packed = evaluation_samples(folder)
    found = [(row["problem"], row["index"], row["outcome"]) for row in rows(packed)]
    assert found == [
        *[(0, 0, "right"), (0, 1, "wrong"), (1, 0, "no_answer"), (1, 1, "truncated")],
        *[(2, 0, "right"), (2, 1, "right")],
    ]
    assert packed["columns"]["response"][:2] == ["so \\boxed{1}", "so \\boxed{3}"]
    assert packed["columns"]["detail"][:2] == ["1", "3"]
    assert packed["columns"]["finish"][3] == "length"
    assert [problem["question"] for problem in packed["problems"]] == ["One?", "Two?", "Half?"]
    assert [problem["gold"] for problem in packed["problems"]] == ["1", "2", "\\frac{1}{2}"]


def test_score_and_intervals_are_those_of_the_table(folder: Path) -> None:
    data = evaluation_data(folder)
    whole = data["scores"][0]
    assert whole["is_whole"]
    assert whole["score"] == 0.5
    low, high = whole["run"]
    assert 0.0 <= low < 0.5 < high <= 1.0
    assert whole["cells"][4] == "50.0"
    assert whole["cells"][5] == f"{100 * low:.1f} to {100 * high:.1f}"


def test_without_its_data_a_page_has_no_questions(folder: Path) -> None:
    """Other data under the same path are not the questions that were asked."""
    file = folder.parent / "rows.jsonl"
    file.write_text(file.read_text().replace("Two?", "Three?"))
    assert [problem["question"] for problem in evaluation_samples(folder)["problems"]] == ["", "", ""]
    file.unlink()
    assert [problem["question"] for problem in evaluation_samples(folder)["problems"]] == ["", "", ""]


def test_room_is_given_to_whole_problems(folder: Path) -> None:
    """Room for the two samples of one problem at least, not for all six samples."""
    texts = evaluation_samples(folder, characters=100)["columns"]["response"]
    by_problem = [{text is None for text in texts[at : at + 2]} for at in (0, 2, 4)]
    assert all(len(each) == 1 for each in by_problem)
    assert {True} in by_problem
    assert {False} in by_problem


def test_samples_without_a_row_are_said(folder: Path) -> None:
    """One sample is not judged, one was not generated: the score lies between two bounds."""
    for name, left in ((RESULTS, 4), (RESPONSES, 5)):
        lines = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:left]))
    outcomes = [row["outcome"] for row in rows(evaluation_samples(folder))]
    assert outcomes[4:] == ["not_judged", "missing"]
    whole = evaluation_data(folder)["scores"][0]
    assert whole["bounds"] == pytest.approx([1 / 6, 3 / 6], rel=1e-5)
    assert whole["cells"][4] == "16.7 to 50.0 (2 unknown)"


def test_an_evaluation_is_shown_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report([folder], None)
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert '"kind":"evaluation"' in (folder / "report.html").read_text()
    other = folder.with_name("other")
    other.mkdir()
    with pytest.raises(ConfigError, match="is an evaluation: its page shows it alone"):
        report([other, folder], None)
    with pytest.raises(ConfigError, match="--live follows runs alone"):
        live([folder], 0)


def test_settings_are_texts(folder: Path) -> None:
    facts = {title: dict(found) for title, found in evaluation_data(folder)["facts"]}
    assert facts["Settings"]["sampling.temperature"] == "1.0"
    assert facts["Environment"]["commit"] == "c0ffee"
    assert facts["Benchmarks"]["math500.samples"] == "2"
    assert json.dumps(facts)
