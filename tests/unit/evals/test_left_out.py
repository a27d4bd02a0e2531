"""Questions whose gold cannot be judged leave the score of every model alike, and the number is said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from or1.config import VerifyConfig
from or1.errors import DataError, RunFolderError
from or1.evals import report
from or1.evals.compare import compare
from or1.evals.golds import leave_out_bad_golds
from or1.evals.pipeline import judge
from or1.evals.questions import Questions
from or1.evals.results import DESCRIPTION, RESPONSES, EvalFolder, ResponseRow, read
from or1.evals.tables import tabulate
from or1_verify.math import MathVerifier
from tests.unit.evals.small import ENVIRONMENT, ROWS, SETTINGS, Silent, opened, play, pool, questions

BAD = [
    {"problem": "Bad?", "answer": r"\int_0^1 f(x)\,dx", "source": "hard"},
    {"problem": "Worse?", "answer": "???", "source": "easy"},
]


def asked(folder: Path, rows: Sequence[Mapping[str, object]]) -> Questions:
    (checked,) = leave_out_bad_golds(
        VerifyConfig(num_workers=1),
        {"math": MathVerifier()},
        [questions(folder, [dict(row) for row in rows])],
    )
    return checked


def said(question: str, sample: int) -> str:
    """Right on the easy ones; a left-out question is never asked."""
    assert question in {"One?", "Two?", "Half?"}
    return {"One?": r"\boxed{1}", "Two?": r"\boxed{2}"}.get(question, r"\boxed{0}")


def right_on_all(question: str, sample: int) -> str:
    answers = {row["problem"]: row["answer"] for row in [*ROWS, *BAD]}
    return f"\\boxed{{{answers[question]}}}"


def test_the_rest_is_scored_and_the_number_is_beside_the_score(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    some = asked(tmp_path, [*ROWS, *BAD])
    play(tmp_path / "out", some, said)
    rows = {row.row: row for row in tabulate(tmp_path / "out")}
    assert rows["all"].score == pytest.approx(2 / 3)  # over all five: 2/5
    assert [(rows[name].num_problems, rows[name].num_left_out) for name in ("all", "easy", "hard")] == [
        (3, 2), (2, 1), (1, 1),
    ]  # fmt: skip
    assert rows["all"].bounds.low == rows["all"].bounds.high == pytest.approx(2 / 3)
    assert len(list(read(tmp_path / "out" / RESPONSES, ResponseRow))) == 6
    assert report.cells(rows["all"])[2] == "3 (2 left out)"
    (warned,) = [record.getMessage() for record in caplog.records]
    assert warned.startswith("benchmark math500: 2 of 5 golds cannot be judged: p3: gold ")
    description = EvalFolder.read(tmp_path / "out")
    assert json.loads((tmp_path / "out" / DESCRIPTION).read_text()) == {"format": 1, **description}
    assert list(description["benchmarks"]["math500"]["left_out"]) == ["p3", "p4"]
    (note,) = [note for note in report.notes(description) if "scored" in note]
    assert note.startswith(
        "math500: 3 of 5 problems are scored; the golds of 2 cannot be judged: p3 (bad_gold: "
    )
    report.write_report(tmp_path / "out", description, list(rows.values()))
    assert "3 (2 left out)" in (tmp_path / "out" / report.SCORES_MD).read_text()
    assert json.loads((tmp_path / "out" / report.SCORES_JSON).read_text())["scores"][0]["num_left_out"] == 2


def test_a_model_that_gives_the_text_of_the_gold_gets_nothing_for_it(tmp_path: Path) -> None:
    """Its own text alone would match such a gold: no other model could be right."""
    some = asked(tmp_path, [*ROWS, BAD[0]])
    play(tmp_path / "one", some, said)
    play(tmp_path / "two", some, right_on_all)
    scores = [tabulate(tmp_path / name)[0] for name in ("one", "two")]
    assert [(s.num_problems, s.num_left_out) for s in scores] == [(3, 1), (3, 1)]
    assert scores[1].score == 1.0
    (compared,) = compare(tmp_path / "one", tmp_path / "two")
    assert (compared.num_problems, compared.notes) == (3, ())


def test_a_gold_that_becomes_readable_is_missing_until_it_is_sampled(tmp_path: Path) -> None:
    every = questions(tmp_path, [*ROWS, {"problem": "Three?", "answer": "3", "source": "easy"}])
    left = Questions(
        benchmark=every.benchmark, kind=every.kind, asked=every.asked, data=every.data,
        data_hash=every.data_hash, left_out={"p3": "bad_gold"},
    )  # fmt: skip
    play(tmp_path / "out", left, said)
    before = tabulate(tmp_path / "out")[0]
    with opened(tmp_path / "out", every, 2) as folder:
        judge(pool(), [every], folder, Silent())
    with pytest.raises(DataError, match="2 of 8 samples are missing"):
        tabulate(tmp_path / "out")
    with pytest.raises(RunFolderError, match=r"1 problems of math500 were scored .*: p3 \(bad_gold\)"):
        opened(tmp_path / "out", left, 2)
    options = (SETTINGS, [left], {"math500": 2}, ENVIRONMENT)
    with EvalFolder.open(tmp_path / "out", *options, afresh=True) as folder:
        judge(pool(), [left], folder, Silent(), afresh=True)
    assert tabulate(tmp_path / "out")[0] == before


@pytest.mark.parametrize("answer", ["", None, "  ", [], r"\boxed{"])
def test_a_row_with_an_empty_answer_is_left_out(answer: object, tmp_path: Path) -> None:
    some = asked(tmp_path, [*ROWS, {"problem": "Empty?", "answer": answer}])
    assert list(some.left_out) == ["p3"]
    assert "the gold is empty" in some.left_out["p3"]


def test_a_row_without_a_column_for_the_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 4: no answer"):
        questions(tmp_path, [*ROWS, {"problem": "None?"}])


def test_a_comparison_says_when_the_left_out_problems_differ(tmp_path: Path) -> None:
    every = questions(tmp_path)
    left = Questions(
        benchmark=every.benchmark, kind=every.kind, asked=every.asked, data=every.data,
        data_hash=every.data_hash, left_out={"p2": "bad_gold"},
    )  # fmt: skip
    play(tmp_path / "one", every, said)
    play(tmp_path / "two", left, said)
    (compared,) = compare(tmp_path / "one", tmp_path / "two")
    assert compared.num_problems == 2
    assert "0 and 1 problems are left out" in compared.notes


def test_a_benchmark_without_a_usable_gold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"2 of 2 golds cannot be judged: p0: .* check the column of the answers"
    ):
        asked(tmp_path, BAD)


def test_an_evaluation_of_an_earlier_version_has_left_nothing_out(tmp_path: Path) -> None:
    play(tmp_path / "out", questions(tmp_path), said)
    file = tmp_path / "out" / DESCRIPTION
    description = json.loads(file.read_text())
    del description["benchmarks"]["math500"]["left_out"]
    file.write_text(json.dumps(description))
    assert tabulate(tmp_path / "out")[0].num_left_out == 0
