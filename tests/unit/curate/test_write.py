"""The data set: complete, reproducible, in both layouts, and read by training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from or1.config import DataConfig
from or1.curate.config import CurateConfig
from or1.curate.curate import curate, settings_of
from or1.curate.inspect import difficulties, histogram, read_dataset, samples
from or1.errors import ConfigError, DataError, RunFolderError
from or1.tasks.load import load_problems
from tests.unit.curate.corpus import (
    Silent,
    config,
    files_under,
    kept_rows,
    ledger,
    plain,
    problems,
    write_lines,
)

ROWS = problems(60, seed=2)
MEASURED = {"difficulty": {"model": "m"}, "solver": {"endpoint": {"url": "http://127.0.0.1:1", "model": "m"}}}
BROKEN = [{"problem": "No answer."}, {"problem": "Prove that 2 is even.", "answer": "5"}]


def sources(folder: Path) -> list[dict[str, Any]]:
    write_lines(folder / "first.jsonl", [*ROWS[:40], *BROKEN])
    write_lines(folder / "second.jsonl", [*ROWS[30:], {**ROWS[50], "model": 1}])
    return [plain("first", "first.jsonl"), plain("second", "second.jsonl", repeats=2.5, license="MIT")]


def make(folder: Path, out: str = "out", **more: Any) -> Path:
    curate(config(folder, *sources(folder), **more), folder / out, Silent())
    return folder / out


def test_the_ledger_has_every_row_once_and_adds_up(tmp_path: Path) -> None:
    out = make(tmp_path)
    lines = ledger(out)
    assert [line["row"] for line in lines] == list(range(42 + 31))
    assert len(kept_rows(lines)) == 60
    reasons = {line["row"]: line["reason"] for line in lines if not line["kept"]}
    assert reasons == {
        40: "unreadable",
        41: "proof",
        **dict.fromkeys(range(42, 52), "exact_duplicate"),
        72: "exact_duplicate",
    }
    assert all(json.loads(line["evidence"]) and line["text"] for line in lines if not line["kept"])
    counts = read_dataset(out).counts
    assert (counts.num_read, counts.num_kept, counts.num_dropped) == (73, 60, 13)
    data = pq.read_table(next((out / "data").glob("*.parquet")))
    assert sorted(data["id"].to_pylist()) == sorted(line["problem_id"] for line in lines if line["kept"])
    card = (out / "README.md").read_text()
    assert "exact_duplicate" in card
    assert "| second | MIT | 31 | 20 | 2.5 |" in card


def test_golds_that_cannot_be_judged_are_said_before_a_model_is_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [{"problem": f"How many are {n} and {n + 1} of them?", "answer": "???"} for n in range(3, 8)]
    write_lines(tmp_path / "rows.jsonl", [*ROWS[:20], *bad])
    wants_a_model = config(tmp_path, plain("rows", "rows.jsonl"), **MEASURED)
    with pytest.raises(ConfigError, match="difficulty needs a model"):
        curate(wants_a_model, tmp_path / "out", Silent())
    (line,) = [record.getMessage() for record in caplog.records if "judged" in record.getMessage()]
    assert line.startswith("5 golds cannot be judged and leave: rows.jsonl line 21: ")
    assert line.count("rows.jsonl line") == 3
    curate(config(tmp_path, plain("first", "rows.jsonl", num_rows=20)), tmp_path / "clean", Silent())
    assert sum("judged" in record.getMessage() for record in caplog.records) == 1


def test_two_runs_have_identical_bytes_and_speed_settings_change_nothing(tmp_path: Path) -> None:
    first = files_under(make(tmp_path, "one"))
    assert files_under(make(tmp_path, "two")) == first
    assert files_under(make(tmp_path, "three", num_workers=2)) == first
    other = files_under(make(tmp_path, "four", batch_rows=12))
    same = [name for name in first if name not in ("manifest.json", "ledger.parquet")]
    assert {name: other[name] for name in same} == {name: first[name] for name in same}
    assert ledger(tmp_path / "four") == ledger(tmp_path / "one")
    reseeded = files_under(make(tmp_path, "five", seed=2))
    assert any(reseeded[name] != first[name] for name in first if name.startswith("data/"))


def test_a_finished_data_set_is_left_as_it_is_and_another_is_refused(tmp_path: Path) -> None:
    out = make(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    make(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with pytest.raises(
        RunFolderError,
        match=r"the recipe changed since \(seed is 1 there, 7 here\): choose another folder with --out",
    ):
        make(tmp_path, seed=7)
    write_lines(tmp_path / "first.jsonl", ROWS[:5])
    with pytest.raises(RunFolderError, match="a source changed since"):
        curate(config(tmp_path, *sources_as_they_are()), out, Silent())


def sources_as_they_are() -> list[dict[str, Any]]:
    return [plain("first", "first.jsonl"), plain("second", "second.jsonl", repeats=2.5, license="MIT")]


def test_training_reads_it_with_its_weights_and_refuses_a_changed_file(tmp_path: Path) -> None:
    out = make(tmp_path)
    loaded = load_problems(
        (DataConfig(task="math", path=str(out), weight=2.0, instruction="Box it."),), seed=1
    )
    assert len(loaded.problems) == 60
    by_source = {problem.source: loaded.weights[problem.id] for problem in loaded.problems}
    assert by_source == {"first": 2.0, "second": 5.0}, "the source's weight times the recipe's"
    assert all(problem.prompt[-1].content.endswith("\nBox it.") for problem in loaded.problems)
    golds = {
        problem.prompt[-1].content.removesuffix("\nBox it."): problem.gold for problem in loaded.problems
    }
    assert golds == {row["problem"]: row["answer"] for row in ROWS}
    with pytest.raises(DataError, match="holds no code problems"):
        load_problems((DataConfig(task="code", path=str(out)),), seed=1)
    file = next((out / "data").glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=rf"{file.name} was changed after the data set was made"):
        load_problems((DataConfig(task="math", path=str(out)),), seed=1)


def test_the_reference_layout_repeats_rows_and_comes_back_the_same(tmp_path: Path) -> None:
    out = make(tmp_path, write={"layout": "reference", "rows_per_file": 40})
    files = sorted((out / "data").glob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert [len(pq.read_table(file)) for file in files[:-1]] == [40] * (len(files) - 1)
    by_source = [row["data_source"] for row in rows]
    assert by_source.count("train-math-first") == 40
    assert 40 < by_source.count("train-math-second") < 60, (
        "2.5 copies of 20: two each, and one more by chance"
    )
    assert by_source != sorted(by_source), "mixed"
    assert {tuple(row) for row in rows} == {
        ("data_source", "prompt", "ability", "reward_model", "extra_info")
    }
    assert json.loads(rows[0]["reward_model"]["ground_truth"]) == [
        str(ROWS_BY_TEXT[rows[0]["prompt"][0]["content"]])
    ]
    again = [{"name": "again", "adapter": "skywork-or1", "path": str(file)} for file in files[:1]]
    curate(config(tmp_path, *again), tmp_path / "again", Silent())
    first = {row["prompt"][0]["content"] for row in rows[:40]}
    found = load_problems((DataConfig(task="math", path=str(tmp_path / "again")),), seed=1).problems
    assert {problem.prompt[-1].content for problem in found} == first
    assert {p.prompt[-1].content: p.gold for p in found} == {text: ROWS_BY_TEXT[text] for text in first}


ROWS_BY_TEXT = {row["problem"]: row["answer"] for row in ROWS}


def test_difficulty_travels_and_is_shown(tmp_path: Path) -> None:
    row = {
        "prompt": [{"role": "user", "content": "Add 2 and 3."}],
        "ability": "math",
        "reward_model": {"ground_truth": '["5"]'},
        "extra_info": {"model_difficulty": {"small": 12}},
    }
    write_lines(tmp_path / "r.jsonl", [row])
    source = {"name": "r", "adapter": "skywork-or1", "path": "r.jsonl"}
    for layout in ("or1", "reference"):
        curate(config(tmp_path, source, write={"layout": layout}), tmp_path / layout, Silent())
        found = read_dataset(tmp_path / layout)
        assert {model: dict(shares) for model, shares in difficulties(found).items()} == {"small": {2: 1}}
        assert samples(found, 3, seed=1)[0].question == "Add 2 and 3."
    assert "0.250 - 0.375         1" in "\n".join(histogram("small", difficulties(found)["small"]))
    loaded = load_problems((DataConfig(task="math", path=str(tmp_path / "or1")),), seed=1)
    assert loaded.problems[0].difficulty == {"small": (4, 16)}


def test_a_folder_of_another_run_is_refused_before_work(tmp_path: Path) -> None:
    settings = config(tmp_path, *sources(tmp_path))
    interrupted_by(settings, tmp_path)
    with pytest.raises(
        RunFolderError, match=r"holds the work of another curation \(config\.seed is 1 there, 3 here\)"
    ):
        curate(config(tmp_path, *sources_as_they_are(), seed=3), tmp_path / "out", Silent())


def interrupted_by(settings: Any, tmp_path: Path) -> None:
    class Leaves(Silent):
        def stage(self, name: str, total: int | None) -> Any:
            if name == "verifiable":
                raise KeyboardInterrupt
            return super().stage(name, total)

    with pytest.raises(KeyboardInterrupt):
        curate(settings, tmp_path / "out", Leaves())


def test_work_goes_on_with_other_numbers_of_workers(tmp_path: Path) -> None:
    plain_run = files_under(make(tmp_path, "whole"))
    settings = config(tmp_path, *sources_as_they_are())
    interrupted_by(settings, tmp_path)
    workers = {"num_workers": 2, "verifiable": {"num_workers": 1}, "programs": {"num_workers": 1}}
    curate(config(tmp_path, *sources_as_they_are(), **workers), tmp_path / "out", Silent())
    assert files_under(tmp_path / "out") == plain_run
    curate(config(tmp_path, *sources_as_they_are(), num_workers=1), tmp_path / "out", Silent())


def test_a_server_may_have_moved_but_not_changed_its_model() -> None:
    def told(**endpoint: Any) -> dict[str, Any]:
        server = {"url": "http://127.0.0.1:1/v1", "model": "m", **endpoint}
        more = {"solver": {"endpoint": server}, "quality": {"judges": [server], "min_votes": 3}}
        source = {"name": "a", "path": "x.jsonl"}
        config = CurateConfig.model_validate({"name": "n", "sources": [source], **more})
        return settings_of(config)

    assert told() == told(url="http://127.0.0.1:2/v1", max_concurrency=2, max_tries=3)
    assert told() != told(model="other")
    assert told() != told(request_fields={"chat_template_kwargs": {"enable_thinking": False}})


def test_nothing_that_lies_in_the_folder_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out/data").mkdir(parents=True)
    mine = tmp_path / "out/data/mine.parquet"
    mine.write_bytes(b"mine")
    with pytest.raises(RunFolderError, match="out holds data, which no curation wrote: give another --out"):
        make(tmp_path)
    assert files_under(tmp_path / "out") == {"data/mine.parquet": b"mine"}
    with pytest.raises(RunFolderError, match=r"mine\.parquet.* is not a folder .* choose another folder"):
        make(tmp_path, "out/data/mine.parquet")


def test_a_mended_source_is_read_anew_where_reading_had_failed(tmp_path: Path) -> None:
    settings = config(tmp_path, *sources(tmp_path))
    whole = (tmp_path / "second.jsonl").read_bytes()
    (tmp_path / "second.jsonl").write_bytes(whole + b"{broken")
    with pytest.raises(DataError, match=r"second\.jsonl line 32: not JSON"):
        curate(settings, tmp_path / "out", Silent())
    (tmp_path / "second.jsonl").write_bytes(whole)
    curate(settings, tmp_path / "out", Silent())
    assert files_under(tmp_path / "out") == files_under(make(tmp_path, "other"))


def test_what_a_kill_left_behind_a_finished_data_set_is_removed(tmp_path: Path) -> None:
    out = make(tmp_path)
    (out / ".work/read").mkdir(parents=True)
    make(tmp_path)
    assert not (out / ".work").exists()


@pytest.mark.parametrize(
    "rows",
    [
        [{"question": "See https://example.org.", "answer": "5"}],
        [{"problem": "Prove that 2 is even.", "answer": "5"}],
    ],
)
def test_a_source_of_which_nothing_stays_has_its_ledger(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    write_lines(tmp_path / "r.jsonl", rows)
    curate(config(tmp_path, plain("r", "r.jsonl")), tmp_path / "out", Silent())
    assert [line["kept"] for line in ledger(tmp_path / "out")] == [False]
    assert read_dataset(tmp_path / "out").counts.num_kept == 0
