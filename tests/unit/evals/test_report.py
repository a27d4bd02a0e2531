"""What people, programs and model cards are shown; comparisons; imports; what is known of the training."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from or1.config import ChatConfig
from or1.errors import ConfigError, DataError
from or1.evals import report
from or1.evals.benchmark import load_benchmark
from or1.evals.chat_notes import chat_notes
from or1.evals.compare import compare
from or1.evals.contamination import TRAINING, contamination_notes
from or1.evals.imports import import_livecodebench
from or1.evals.pipeline import judge
from or1.evals.plot import plot_evaluation
from or1.evals.results import DESCRIPTION, EvalFolder
from or1.evals.settings import EvalRunConfig
from or1.evals.tables import budget_curve, tabulate
from or1.recipes.schema import with_defaults
from or1.storage.manifest import MANIFEST
from or1.testing import Scripted
from tests.unit.evals.small import ENVIRONMENT, ROWS, SETTINGS, Silent, play, pool, questions
from tests.unit.evals.test_evaluation import said

DATA = Path(__file__).parents[3] / "../shared/data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    play(tmp_path / "out", questions(tmp_path), said)
    return tmp_path / "out"


def test_every_format_has_every_score(folder: Path) -> None:
    description, rows = EvalFolder.read(folder), tabulate(folder)
    report.write_report(folder, description, rows)
    whole = json.loads((folder / report.SCORES_JSON).read_text())
    assert [score["score"] for score in whole["scores"]] == [row.score for row in rows]
    assert whole["scores"][0]["run"]["low"] == rows[0].run.low
    assert whole["benchmarks"]["math500"]["data_hash"] == description["benchmarks"]["math500"]["data_hash"]
    lines = list(csv.DictReader(io.StringIO((folder / report.SCORES_CSV).read_text())))
    assert [float(line["score"]) for line in lines] == pytest.approx([row.score for row in rows])
    assert lines[0]["pass_at_k"].startswith("1:0.833333")
    card = (folder / report.SCORES_MD).read_text()
    assert "| math500 | all | 3 | avg@2 | 83.3 |" in card
    assert "c0ffee" in card
    assert description["benchmarks"]["math500"]["data_hash"] in card


def test_the_protocol_stands_with_the_score(folder: Path) -> None:
    line = report.protocol_line(EvalFolder.read(folder))
    assert "reference" in line
    assert "temperature 1, top-p 1, 60 tokens, seed 7; scripted" in line


def test_chat_settings_stand_with_the_score(folder: Path) -> None:
    described = EvalFolder.read(folder)
    described["settings"]["model"]["chat"] = ChatConfig(system_prompt="Be brief.").model_dump(mode="json")
    assert report.protocol_line(described).endswith('scripted; chat system_prompt = "Be brief.".')


def test_a_part_of_a_benchmark_is_said_to_be_one(folder: Path) -> None:
    assert report.notes(EvalFolder.read(folder)) == ["math500: 3 problems; the whole benchmark has 500."]


def test_two_on_the_same_problems(folder: Path, tmp_path: Path) -> None:
    def better(question: str, sample: int) -> str:
        return "\\boxed{1}" if question == "One?" else said(question, sample)

    play(tmp_path / "better", questions(tmp_path), better)
    (found,) = compare(folder, tmp_path / "better")
    assert (found.first, found.second, found.num_problems) == (pytest.approx(5 / 6), 1.0, 3)
    assert (found.num_better, found.num_worse) == (1, 0)
    assert found.problems.mean == pytest.approx(1 / 6)
    assert found.run is not None
    assert found.run.low < 1 / 6 < found.run.high
    assert found.notes == ()


def test_what_makes_a_comparison_unfair_is_said(folder: Path, tmp_path: Path) -> None:
    play(tmp_path / "more", questions(tmp_path), said, k=4)
    described = json.loads((tmp_path / "more" / DESCRIPTION).read_text())
    described["settings"]["sampling"] = {**SETTINGS["sampling"], "temperature": 0.6}  # type: ignore[dict-item]
    (tmp_path / "more" / DESCRIPTION).write_text(json.dumps(described))
    (found,) = compare(folder, tmp_path / "more")
    assert found.notes == ("k is 2 and 4", "settings differ: sampling.temperature")


def test_a_comparison_of_models_says_which_chat_settings_differ(folder: Path, tmp_path: Path) -> None:
    play(tmp_path / "other", questions(tmp_path), said)
    described = json.loads((tmp_path / "other" / DESCRIPTION).read_text())
    described["settings"]["model"] = {"path": "another", "chat": {"system_prompt": "Be brief."}}
    (tmp_path / "other" / DESCRIPTION).write_text(json.dumps(described))
    (found,) = compare(folder, tmp_path / "other")
    assert found.notes == ("settings differ: model.chat.system_prompt",)


def test_other_golds_under_the_same_questions_are_said(folder: Path, tmp_path: Path) -> None:
    rows = [{**row, "answer": "9"} for row in ROWS]
    play(tmp_path / "golds", questions(tmp_path, rows), said)
    (found,) = compare(folder, tmp_path / "golds")
    assert found.notes == ("the questions, golds or tests differ",)


def test_a_comparison_with_missing_samples_is_refused_or_says_so(folder: Path, tmp_path: Path) -> None:
    play(
        tmp_path / "lossy",
        questions(tmp_path),
        lambda question, sample: Scripted(said(question, sample), lost=question == "Two?"),
    )
    with pytest.raises(DataError, match="lossy: math500: 2 of 6 samples are missing"):
        compare(folder, tmp_path / "lossy")
    (found,) = compare(folder, tmp_path / "lossy", bounds=True)
    assert found.num_problems == 2
    assert found.notes[0] == "0 and 2 samples are missing or not judged, and left out"


def test_nothing_in_common_is_refused(folder: Path, tmp_path: Path) -> None:
    play(tmp_path / "other", questions(tmp_path, name="gsm8k"), said)
    with pytest.raises(DataError, match="no benchmark in common"):
        compare(folder, tmp_path / "other")


def test_a_picture_and_a_page_that_stands_alone(folder: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra board")
    picture = plot_evaluation(folder, folder / "scores.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    page = (folder / "scores.html").read_text()
    assert "data:image/png;base64," in page
    assert "<td>83.3</td>" in page
    assert 'src="http' not in page


def test_empty_responses_are_in_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra board")
    play(tmp_path / "out", questions(tmp_path), lambda q, sample: "" if sample else said(q, sample))
    drawn = []

    def curve(rows: list[Any], budgets: list[int]) -> list[float]:
        drawn.append(budget_curve(rows, budgets))
        return drawn[-1]

    monkeypatch.setattr("or1.evals.plot.budget_curve", curve)
    plot_evaluation(tmp_path / "out", tmp_path / "out" / "scores.png")
    # the curve ends at the score: three right of six, of which three are empty
    assert drawn[0][-1] == tabulate(tmp_path / "out")[0].score == 0.5
    # nothing but empty ones
    play(tmp_path / "none", questions(tmp_path), lambda q, sample: "")
    assert plot_evaluation(tmp_path / "none", tmp_path / "none" / "scores.png").exists()


def graded(number: int, *verdicts: bool, **more: Any) -> dict[str, Any]:
    return {
        "question_id": f"q{number}",
        "contest_date": "2024-09-01T00:00:00",
        "difficulty": "easy",
        "platform": "atcoder",
        "code_list": ["print(1)"] * len(verdicts),
        "graded_list": list(verdicts),
        **more,
    }


def import_rows(tmp_path: Path, *rows: dict[str, Any], benchmark: str = "livecodebench:release_v5") -> Path:
    file = tmp_path / "verdicts.json"
    tmp_path.mkdir(exist_ok=True)
    file.write_text(json.dumps(list(rows)))
    import_livecodebench(file, load_benchmark(benchmark), tmp_path / "imported")
    return tmp_path / "imported"


def test_imported_verdicts_are_tabulated(tmp_path: Path) -> None:
    slow = {"metadata": ["{}", json.dumps({"error_code": -3})]}
    out = import_rows(tmp_path, graded(0, True, False, **slow), graded(1, True, True))
    row = tabulate(out)[0]
    assert (row.score, row.k, row.num_problems) == (0.75, 2, 2)
    # what a tool says besides its verdict decides nothing
    odd = import_rows(tmp_path / "odd", graded(0, False, True, metadata=["{killed", 3]))
    assert tabulate(odd)[0].score == 0.5
    assert '"reason": "time_limit"' in (out / "results.jsonl").read_text()
    assert report.protocol_line(EvalFolder.read(out)).startswith("Imported from verdicts.json")


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([{"question_id": "q"}], "no contest_date"),
        ([graded(0, True), graded(1, True, False)], r"different numbers of samples, 1 \(.*1\) and 2 \(.*2\)"),
        ([graded(0), graded(1)], "entry 1: 0 verdicts"),
        ([graded(0, True), graded(0, False)], "entry 2: question_id q0 stands in .* entry 1 too"),
        ([graded(0, True, graded_list=None)], "entry 1: graded_list must be a list of true or false"),
        ([graded(0, True, graded_list=[1])], "entry 1: graded_list must be a list of true or false"),
        ([graded(0, True, code_list=[None])], "entry 1: code_list must be a list of texts"),
        ([graded(0, True, contest_date=None)], "entry 1: contest_date None is no date"),
        ([graded(0, True, contest_date="soon")], "entry 1: contest_date 'soon' is no date"),
        ([graded(0, True, contest_date="2020-01-01")], "no problem is in the window"),
        ([graded(0, True, code_list=[])], "1 verdicts .* of 0 programs"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(
    rows: list[dict[str, Any]], part: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=part):
        import_rows(tmp_path, *rows, benchmark="livecodebench:release_v5:2024-01-01..")
    assert not (tmp_path / "imported").exists()


def test_verdicts_of_livecodebench_are_of_no_other_benchmark(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none of humaneval: give --benchmark livecodebench:release_v5"):
        import_rows(tmp_path, graded(0, True), benchmark="humaneval")


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data, which is not part of the project")
def test_o1_mini_on_livecodebench_is_tabulated_as_its_authors_do(tmp_path: Path) -> None:
    file = DATA / "code/lcb_o1_mini_verdicts.json"
    import_livecodebench(file, load_benchmark("livecodebench:release_v5"), tmp_path / "out")
    rows = {row.row: row for row in tabulate(tmp_path / "out")}
    assert (rows["all"].num_problems, f"{rows['all'].score:.3f}") == (880, "0.684")
    window = [rows[f"v5 window{part}"] for part in ("", " easy", " medium", " hard")]
    assert [row.num_problems for row in window] == [279, 67, 89, 123]
    assert [f"{100 * row.score:.1f}" for row in window[1:]] == ["91.0", "67.4", "19.5"]
    # the same dates by name, and what is published of it
    import_livecodebench(file, load_benchmark("livecodebench-v5"), tmp_path / "named")
    named = {row.row: row for row in tabulate(tmp_path / "named")}
    assert named["all"].score == window[0].score
    listed = report.published_rows([("livecodebench-v5", row) for row in named])
    published = {(cells[1], cells[2]): cells[3] for cells in listed}
    assert published["hard", "o1-mini"] == f"{100 * named['hard'].score:.1f}"
    # and the same beside the whole release, where it is a part of another name
    listed = report.published_rows([("livecodebench:release_v5", row) for row in rows])
    published = {(cells[1], cells[2]): cells[3] for cells in listed}
    assert published["v5 window hard", "o1-mini"] == "19.5"
    assert published["all", "o1-mini"] == "68.4"
    assert published["v5 window", "Skywork-OR1-7B"] == "47.6"


def trained_on(tmp_path: Path, *texts: str) -> Path:
    data = tmp_path / "train" / "math.jsonl"
    data.parent.mkdir()
    data.write_text("".join(json.dumps({"problem": text, "answer": "1"}) + "\n" for text in texts))
    model = tmp_path / "model"
    model.mkdir()
    (model / TRAINING).write_text(json.dumps({"config": {"data": [{"path": str(data)}, {"path": None}]}}))
    return model


def test_questions_that_stand_in_the_training_data_are_counted(tmp_path: Path) -> None:
    model = trained_on(tmp_path, "one?", "Another.")
    (note,) = contamination_notes(str(model), [questions(tmp_path)])
    assert "1 of 3 questions of math500 stand in" in note
    assert "manifest" not in note
    manifest = {"config": {"benchmarks": [{"name": "MATH-500"}]}}
    (tmp_path / "train" / MANIFEST).write_text(json.dumps(manifest))
    (note,) = contamination_notes(str(model), [questions(tmp_path)])
    assert note.endswith(" It was cleaned of MATH-500.")


def test_questions_are_found_inside_of_prompts_and_not_by_their_words_alone(tmp_path: Path) -> None:
    asked = ["Compute $2-3$.", "A farmer has 3 red hens and 4 white hens. How many hens are there?"]
    rows = [{"problem": question, "answer": "1"} for question in asked]

    def num_found(*texts: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (note,) = contamination_notes(str(trained_on(folder, *texts)), [questions(folder, rows)])
        return note.split()[1]

    assert num_found(f"Solve this.\n{asked[1]}\nPut the number in \\boxed{{}}.") == "1"
    assert num_found(f"{asked[0]} Please reason step by step.") == "1"
    assert num_found("Compute $2+3$.", "Compute $2-3+4$.", asked[1].replace("4", "5")) == "0"


def test_questions_are_looked_for_in_the_column_that_the_recipe_names(tmp_path: Path) -> None:
    model = trained_on(tmp_path, "Another.")
    (tmp_path / "train" / "math.jsonl").write_text(json.dumps({"problem": "x", "body": {"ask": "One?"}}))
    source = {"path": str(tmp_path / "train" / "math.jsonl"), "columns": {"question": "body.ask"}}
    (model / TRAINING).write_text(json.dumps({"config": {"data": [source]}}))
    (note,) = contamination_notes(str(model), [questions(tmp_path)])
    assert "1 of 3 questions of math500 stand in" in note


def test_other_chat_settings_than_in_training_are_said(tmp_path: Path) -> None:
    trained = ChatConfig(system_prompt="Be brief.", template="{{ x }}").model_dump(mode="json")
    (tmp_path / TRAINING).write_text(json.dumps({"config": {"model": {"chat": trained}}}))
    assert chat_notes(str(tmp_path), ChatConfig(system_prompt="Be brief.")) == []
    assert chat_notes(str(tmp_path), ChatConfig()) == [
        'chat: model.chat.system_prompt is "" here; the model was trained with "Be brief.".'
    ]
    assert chat_notes("Qwen/Qwen2.5-0.5B", ChatConfig()) == []


@pytest.mark.parametrize(
    ("chat", "endpoint", "line"),
    [
        ({"template": "{{ x }}"}, {}, r"template does not reach a server: .*--chat-template"),
        ({"template_kwargs": {"x": 1}}, {"dialect": "openai"}, r"openai.* take neither"),
        ({"stop_tokens": [7]}, {"dialect": "openai"}, r"openai.* take neither"),
        ({}, {"request_fields": {"chat_template_kwargs": {}}}, r"set model\.chat\.template_kwargs instead"),
    ],
)
def test_chat_settings_that_a_server_would_not_get_are_refused(
    chat: dict[str, Any], endpoint: dict[str, Any], line: str
) -> None:
    server = {"url": "http://localhost/v1", "model": "m", **endpoint}
    with pytest.raises(ValueError, match=line):
        EvalRunConfig.model_validate({"model": {"path": "m", "chat": chat}, "endpoint": server})


def test_what_is_not_known_of_the_training_is_not_said(tmp_path: Path) -> None:
    assert contamination_notes("Qwen/Qwen2.5-0.5B", [questions(tmp_path)]) == []
    model = trained_on(tmp_path, "One?")
    (tmp_path / "train" / "math.jsonl").unlink()
    (note,) = contamination_notes(str(model), [questions(tmp_path)])
    assert "was not looked for" in note


def test_pictures_of_imported_verdicts_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra board")
    out = import_rows(tmp_path, graded(0, True))
    with pytest.raises((DataError, ConfigError), match="no lengths to draw"):
        plot_evaluation(out, out / "scores.png")


def test_settings_that_decide_a_verdict_are_said(folder: Path, tmp_path: Path) -> None:
    """Those of the machine are not."""
    change = {"num_workers": 7, "code": {"extraction": "livecodebench"}, "math": {"min_gold_digits": 2}}
    play(tmp_path / "other", questions(tmp_path), said)
    for where, verify in ((folder, {}), (tmp_path / "other", change)):
        described = json.loads((where / DESCRIPTION).read_text())
        described["settings"]["verify"] = with_defaults({"verify": verify}, EvalRunConfig)["verify"]
        (where / DESCRIPTION).write_text(json.dumps(described))
    (found,) = compare(folder, tmp_path / "other")
    assert found.notes == ("settings differ: verify.code.extraction, verify.math.min_gold_digits",)


def test_other_golds_are_said_where_one_side_has_fewer_problems(folder: Path, tmp_path: Path) -> None:
    fewer = [{**ROWS[0], "answer": "9"}, {**ROWS[1], "answer": "9"}]
    play(tmp_path / "same", questions(tmp_path, ROWS[:2]), said)
    (found,) = compare(folder, tmp_path / "same")
    assert found.notes == ("2 problems of 3 and 2 are common and compared",)
    play(tmp_path / "golds", questions(tmp_path, fewer), said)
    (found,) = compare(folder, tmp_path / "golds")
    assert found.notes == (
        "2 problems of 3 and 2 are common and compared",
        "the questions, golds or tests differ",
    )


def test_verdicts_of_two_versions_are_said_until_one_judges_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = questions(tmp_path)
    play(tmp_path / "out", asked, said)
    monkeypatch.setattr("or1.evals.results.commit", lambda: "cafe")
    play(tmp_path / "out", asked, said, k=3)
    (note,) = [each for each in report.notes(EvalFolder.read(tmp_path / "out")) if "verdicts" in each]
    assert note.startswith("the verdicts are those of or1 ")
    assert "(commit cafe): `or1 eval rescore " in note
    settings, k = EvalFolder.read(tmp_path / "out")["settings"], {"math500": 3}
    with EvalFolder.open(tmp_path / "out", settings, [asked], k, ENVIRONMENT, afresh=True) as folder:
        judge(pool(), [asked], folder, Silent(), afresh=True)
    description = EvalFolder.read(tmp_path / "out")
    assert not any("verdicts" in note for note in report.notes(description))
    assert "commit c0ffee" in report.as_markdown(description, tabulate(tmp_path / "out"))
    assert "judged by or1 " in report.as_markdown(description, tabulate(tmp_path / "out"))
