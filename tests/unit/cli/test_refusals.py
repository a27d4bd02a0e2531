"""Bad input gets one line that names the thing, the value and a remedy; nothing is written or lost."""

import json
import shutil
from pathlib import Path

import pytest

from or1.cli.app import dispatch, guarded
from or1.config import RunConfig
from or1.errors import RunFolderError
from or1.recipes import load
from or1.storage.provenance import describe
from or1.storage.run_folder import RunFolder

TINY = Path(__file__).parents[3] / "src/or1/models/tiny"


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    assert guarded(lambda: dispatch(words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "lock"
    }


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["stages.0.group_size=99999999999999999999"], "at most 65,536"),
        (["evaluation.benchmarks=aime24"], 'evaluation.benchmarks must be a list: write ["aime24"]'),
        (["num_steps=12"], "did you mean stages.0.num_steps?"),
        (["rollout.num_problems=4"], "did you mean data.0.num_problems or stages.0.num_problems or evaluat"),
        (["a.b=1"], "unknown key a: a run has name, seed"),
        (
            ["model.dtype=float32", *(f"stages.{i}.max_response_tokens=1000000" for i in (0, 1))],
            "the run needs about 1,0",
        ),
    ],
)
def test_settings(
    settings: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "tiny", *(word for each in settings for word in ("--set", each))]
    assert line in refused(words, capsys)
    assert contents(tmp_path) == {}


def test_a_remedy_can_be_applied() -> None:
    assert load("tiny", ["stages.0.num_steps=12"]).stages[0].num_steps == 12
    assert load("tiny", ['evaluation.benchmarks=["aime24"]']).evaluation.benchmarks == ("aime24",)


def test_a_folder_of_other_files_is_never_a_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rollouts").mkdir()
    (tmp_path / "rollouts/mine.txt").write_text("mine")
    line = refused(["train", "tiny", "--out", str(tmp_path)], capsys)
    assert f"{tmp_path} holds rollouts/mine.txt and is not a run folder" in line
    assert contents(tmp_path) == {"rollouts/mine.txt": b"mine"}


def opened(path: Path, run: RunConfig) -> None:
    RunFolder.open(path, describe(run.model_dump(mode="json"), "0" * 16)).close()


def test_an_evaluation_does_not_go_into_a_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(tmp_path, load("tiny"))
    before = contents(tmp_path)
    words = ["eval", "run", "builtin:tiny", "--benchmark", "arithmetic", "--out", str(tmp_path)]
    assert "holds config.json and is not" in refused(words, capsys)
    assert contents(tmp_path) == before


def test_a_run_that_lost_its_checkpoints_is_not_emptied(tmp_path: Path) -> None:
    run = load("tiny", ["checkpoint.every=10"])
    opened(tmp_path, run)
    rows = [json.dumps({"step": step, "stage/index": 0}) + "\n" for step in range(12)]
    (tmp_path / "metrics.jsonl").write_text("".join(rows[:11]))
    opened(tmp_path, run)  # killed while its first checkpoint was saved: it starts again
    (tmp_path / "metrics.jsonl").write_text("".join(rows))
    with pytest.raises(RunFolderError, match=r"metrics up to step 11 and no checkpoint: put its checkpoints"):
        opened(tmp_path, run)
    (tmp_path / "checkpoints/step_000010").mkdir()
    opened(tmp_path, run)


@pytest.mark.parametrize(
    ("out", "line"),
    [
        ("rows.jsonl", "is the input: nothing is overwritten"),
        ("sub/../rows.jsonl", "is the input: nothing is overwritten"),
        ("sub", "is a folder: name a file in it"),
        ("none/v.jsonl", "there is no folder"),
    ],
)
def test_verdicts_replace_no_input(
    out: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    row = {"kind": "math", "gold": "1", "response": "1"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    before = contents(tmp_path)
    words = ["verify", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / out)]
    assert line in refused(words, capsys)
    assert contents(tmp_path) == before


def test_a_model_folder_without_its_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its files transformers makes a tokenizer without tokens, and every response scores 0."""
    shutil.copytree(TINY, tmp_path / "m", ignore=shutil.ignore_patterns("tokenizer.json"))
    words = ["eval", "run", str(tmp_path / "m"), "--benchmark", "arithmetic", "--out", str(tmp_path / "e")]
    assert "has no tokenizer that reads text ('12 + 34 = 46' becomes 0 tokens)" in refused(words, capsys)
    assert contents(tmp_path / "e") == {}


def test_a_tokenizer_that_is_larger_than_the_embedding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(TINY, tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())
    size = config["vocab_size"]
    (tmp_path / "m/config.json").write_text(json.dumps(config | {"vocab_size": size - 1}))
    words = ["eval", "run", str(tmp_path / "m"), "--benchmark", "arithmetic", "--out", str(tmp_path / "e")]
    line = refused(words, capsys)
    assert f"has token {size - 1}, and the model's embedding has {size - 1} rows: use the tokenizer" in line


def test_a_name_without_an_owner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "run", "gpt2", "--benchmark", "arithmetic", "--out", str(tmp_path / "e")]
    assert "no model folder at gpt2: a model of the hub is named owner/gpt2" in refused(words, capsys)


def test_help_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: dispatch(["help", "eval"])) == 0
    assert "rescore" in capsys.readouterr().out
