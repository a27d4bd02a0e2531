"""Bad input is one line on stderr and exit code 2, before any training and before anything is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from or1 import recipes
from or1.assemble import inputs_of, parts_of, read_model
from or1.assemble.machines import this_machine_alone
from or1.cli import app
from or1.cli.app import guarded
from or1.models import model_folder
from or1.schedule import StopSignal
from or1.storage import provenance
from or1.storage.manifest import write_manifest
from or1.storage.run_folder import RunFolder

TINY = Path(model_folder("builtin:tiny"))
GSM8K_ROWS = [{"question": f"What is {n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"} for n in range(8)]


def refuse(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run the command line in this process; return its one line."""
    assert guarded(lambda: app([*words])) == 2
    line = capsys.readouterr().err
    assert line.startswith("or1: ")
    assert line.count("\n") == 1
    return line


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def on_rows(path: Path, *sets: str) -> list[str]:
    words = ["train", "qwen-0.5b-gsm8k", "--out", str(path.parent / "run")]
    for setting in (f"model.path={TINY}", f"data.path={path}", "evaluation.num_problems=2", *sets):
        words += ["--set", setting]
    return words


def test_missing_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    line = refuse(capsys, "train", "tiny", "--out", str(out), "--set", f"model.path={tmp_path / 'nowhere'}")
    assert str(tmp_path / "nowhere") in line
    assert not out.exists()


def test_unknown_builtin_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refuse(capsys, "train", "tiny", "--out", str(tmp_path / "run"), "--set", "model.path=builtin:big")
    assert "big" in line
    assert "tiny" in line


def test_unknown_architecture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mamba", "architectures": ["MambaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config))
    line = refuse(capsys, "train", "tiny", "--out", str(tmp_path / "run"), "--set", f"model.path={folder}")
    assert "Mamba" in line
    assert "Qwen2" in line, "the line does not say what works"
    assert not (tmp_path / "run").exists()


def test_missing_data_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refuse(capsys, *on_rows(tmp_path / "nowhere.jsonl"))
    assert "nowhere.jsonl" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("by", ["folder", "file"])
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: write_rows(folder / "b.jsonl", GSM8K_ROWS[:3]), "b.jsonl was changed"),
        (lambda folder: (folder / "b.jsonl").unlink(), "b.jsonl is missing"),
        (lambda folder: write_rows(folder / "c.jsonl", GSM8K_ROWS), "c.jsonl is not in manifest.json"),
    ],
)
def test_data_set_that_is_not_as_it_was_made(
    by: str, damage: Callable[[Path], object], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data-set"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        write_rows(folder / name, GSM8K_ROWS)
    roles = {"a.jsonl": "problems", "b.jsonl": "problems"}
    write_manifest(folder, name="x", config={}, counts={}, inputs={}, outputs=roles)
    damage(folder)
    path = folder if by == "folder" else folder / "a.jsonl"
    words = [word.replace(str(folder / "run"), str(tmp_path / "run")) for word in on_rows(path)]
    assert f"{folder}/{named}" in refuse(capsys, *words)
    assert not (tmp_path / "run").exists()


def test_fewer_problems_than_a_step_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_rows(tmp_path / "rows.jsonl", GSM8K_ROWS)
    line = refuse(capsys, *on_rows(path))
    assert f"a step draws 8 problems and there are {len(GSM8K_ROWS) - 2}" in line
    assert not (tmp_path / "run").exists()


def test_row_without_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*GSM8K_ROWS, {"question": "And this?"}]
    line = refuse(capsys, *on_rows(write_rows(tmp_path / "rows.jsonl", rows)))
    assert "rows.jsonl" in line
    assert "9" in line, "the line does not say which row"
    assert not (tmp_path / "run").exists()


def test_row_that_is_not_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_rows(tmp_path / "rows.jsonl", GSM8K_ROWS)
    path.write_text(path.read_text() + '{"question": \n')
    line = refuse(capsys, *on_rows(path))
    assert "rows.jsonl" in line
    assert "9" in line


def test_long_prompts_refused_by_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [*GSM8K_ROWS, {"question": "why " * 400, "answer": "#### 1"}])
    line = refuse(capsys, *on_rows(path, "rollout.long_prompts=refuse"))
    assert "rollout.max_prompt_tokens 512" in line
    assert not (tmp_path / "run").exists()


BAD_GOLD = {"question": "Which?", "answer": "???"}


def test_a_gold_that_cannot_be_judged_is_named_with_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [*GSM8K_ROWS, BAD_GOLD])
    held = write_rows(tmp_path / "held.jsonl", [{"question": "Who?", "answer": "7"}])
    held_out = f'evaluation.data=[{{task="math", path="{held}"}}]'
    line = refuse(capsys, *on_rows(path, held_out))
    assert f'1 of 9 golds cannot be judged: {path} row 9: gold "???": bad_gold (' in line
    assert line.endswith('fix or remove these rows, or set rollout.bad_golds = "drop"\n')
    assert not (tmp_path / "run").exists()


def test_bad_golds_are_dropped_by_setting_and_leave_the_held_out_score(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [*GSM8K_ROWS, BAD_GOLD])
    held = write_rows(tmp_path / "held.jsonl", [{"question": "Who?", "answer": "7"}, BAD_GOLD])
    sets = [f"model.path={TINY}", f"data.path={path}", "rollout.bad_golds=drop"]
    run = recipes.load("qwen-0.5b-gsm8k", [*sets, f'evaluation.data=[{{task="math", path="{held}"}}]'])
    inputs = inputs_of(run, read_model(run.model, run.system))
    assert (len(inputs.train.problems), len(inputs.heldout)) == (8, 1)
    assert inputs.bad_golds == {"train": 1, "heldout": 1}
    said = [record.getMessage() for record in caplog.records if "judged" in record.getMessage()]
    assert [line.split(" golds")[0] for line in said] == ["1 of 9", "held-out problems: 1 of 2"]
    with (
        StopSignal() as stop,
        this_machine_alone(run) as machines,
        parts_of(machines, tmp_path / "run", stop),
    ):
        recorded = json.loads((tmp_path / "run" / "config.json").read_text())
    assert recorded["provenance"]["bad_golds"] == {"train": 1, "heldout": 1}


def test_nothing_left_to_train_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_rows(tmp_path / "rows.jsonl", GSM8K_ROWS)
    line = refuse(capsys, *on_rows(path, "evaluation.num_problems=8"))
    assert "evaluation.num_problems" in line


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("rollout.engine=vllm", "rollout.engine"),
        ("data=[{task='code', path='x.jsonl'}]", "x.jsonl"),
        ("data=[{task='math'}]", "data.path"),
    ],
)
def test_what_is_not_there_is_refused(
    setting: str, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert part in refuse(capsys, "train", "tiny", "--out", str(out), "--set", setting)
    assert not out.exists()


def test_folder_of_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    described = provenance.describe(recipes.load("tiny", ["seed=2"]).model_dump(mode="json"), "other data")
    RunFolder.open(out, described).close()
    line = refuse(capsys, "train", "tiny", "--out", str(out))
    assert "seed" in line
    assert "--out" in line


def test_folder_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    described = provenance.describe(recipes.load("tiny").model_dump(mode="json"), "data")
    with RunFolder.open(out, described):
        assert "in use" in refuse(capsys, "train", "tiny", "--out", str(out))
