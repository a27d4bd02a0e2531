"""A request to train: which settings, which folder, which start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from or1 import recipes
from or1.errors import ConfigError, RunFolderError
from or1.recipes.request import TrainRequest
from or1.storage.origin import Origin
from or1.storage.run_folder import RunFolder
from tests.runs import description, run_config


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    task = {"task": "math", "reward": "mine.py:reward", "task_hash": "0123"}
    RunFolder.open(Path("runs/a"), description(run_config(seed=5, data=[task]))).close()
    return Path("runs/a")


@pytest.mark.parametrize(
    ("text", "run", "step"),
    [("runs/a@20", "runs/a", 20), ("runs/a", "runs/a", None), ("a@b/c@0", "a@b/c", 0)],
)
def test_a_start_is_a_run_and_perhaps_a_step(text: str, run: str, step: int | None) -> None:
    assert Origin.parse(text) == Origin(Path(run), step)
    assert str(Origin.parse(text)) == text


def test_a_folder_may_have_an_at_sign(tmp_path: Path) -> None:
    (tmp_path / "a@20").mkdir()
    assert Origin.parse(f"{tmp_path}/a@20") == Origin(tmp_path / "a@20", None)
    assert Origin.parse(f"{tmp_path}/a@20@30") == Origin(tmp_path / "a@20", 30)


@pytest.mark.parametrize(
    ("recipe", "start", "out", "folder"),
    [
        ("tiny", None, None, "runs/tiny"),
        ("tiny", None, "b", "b"),
        ("runs/a", None, None, "runs/a"),
        ("runs/a/config.json", None, None, "runs/a"),
        (None, "runs/a@20", None, "runs/a-from-20"),
        (None, "runs/a", None, "runs/a-from-newest"),
        ("runs/a", "runs/a@20", None, "runs/a-from-20"),
        ("tiny", "runs/a@20", None, "runs/tiny"),
        (None, "runs/a@20", "b", "b"),
    ],
)
def test_the_folder(run: Path, recipe: str | None, start: str | None, out: str | None, folder: str) -> None:
    request = TrainRequest.of(recipe, start=start, out=out)
    assert request.folder == Path(folder)
    assert (request.origin is None) == (start is None)


def test_the_settings_are_those_of_the_recipe_or_of_the_start(run: Path) -> None:
    assert TrainRequest.of("tiny", start="runs/a").run == recipes.load("tiny")
    started = TrainRequest.of(None, start="runs/a", sets=["max_empty_steps=4"]).run
    assert (started.seed, started.max_empty_steps) == (5, 4)


def test_only_a_resume_needs_the_same_reward(run: Path) -> None:
    assert TrainRequest.of("runs/a").run.data[0].task_hash == "0123"
    assert TrainRequest.of(None, start="runs/a").run.data[0].task_hash is None
    assert TrainRequest.of("runs/a", start="runs/a", out="b").run.data[0].task_hash is None
    own = TrainRequest.of("tiny", start="runs/a", sets=["data.0.task_hash=ab89"])
    assert own.run.data[0].task_hash == "ab89"


@pytest.mark.parametrize(
    ("recipe", "start", "out", "line"),
    [
        (None, None, None, "needs a recipe, a run folder to resume, or --from RUN@STEP"),
        (None, "runs/a@last", None, "--from runs/a@last: write RUN or RUN@STEP, such as runs/tiny@20"),
        (None, "runs/a@20", "runs/a", "--from runs/a@20 starts another run: give its folder with --out"),
        (None, "runs/a@20", "runs/../runs/a", "starts another run: give its folder with --out"),
    ],
)
def test_refusals(run: Path, recipe: str | None, start: str | None, out: str | None, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainRequest.of(recipe, start=start, out=out)
    assert line in str(caught.value)


def test_a_start_that_is_no_run(run: Path) -> None:
    with pytest.raises(RunFolderError, match=r"runs/b is not a run folder: it holds no config\.json"):
        TrainRequest.of("tiny", start="runs/b@20")
    stored = json.loads((run / "config.json").read_text())
    assert stored["config"]["data"][0]["task_hash"] == "0123"
