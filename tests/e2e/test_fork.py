"""Runs that resume under other settings, or start from a checkpoint of another run: by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from or1.assemble import fork, start_model
from or1.cli.app import dispatch, guarded
from or1.models import model_folder
from or1.storage.jsonl import read_rows
from or1.storage.manifest import hash_file
from or1.tracking.metrics import STAGE_INDEX
from or1.trainer import checkpoint
from tests.fault.test_resume import CONFIG

SETTINGS = {
    **CONFIG,
    "stages": [
        {"max_response_tokens": 16, "num_steps": 3, "num_problems": 4, "group_size": 4},
        {"max_response_tokens": 24, "num_steps": 1, "num_problems": 4, "group_size": 4},
    ],
    "evaluation": {"every": None, "num_problems": 2, "samples_per_problem": 2},
    "checkpoint": {"every": 1, "keep": 2},
}
"""4 steps, each with a checkpoint; those of steps 3 and 4 are kept, and 4 is in stage 2."""


def train(*words: str | Path, code: int = 0) -> None:
    assert guarded(lambda: dispatch(["train", *map(str, words)])) == code


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    capsys.readouterr()
    train(*words, code=2)
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, of a model folder beside it."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(model_folder("builtin:tiny"), folder / "model")
    model = {"path": str(folder / "model"), "dtype": "float32"}
    (folder / "recipe.json").write_text(json.dumps(SETTINGS | {"model": model}))
    train(folder / "recipe.json", "--out", folder / "run")
    return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(whole / "run", tmp_path / "run"))


def steps_of(folder: Path) -> list[dict[str, Any]]:
    return [row for row in read_rows(folder / "metrics.jsonl") if STAGE_INDEX in row]


def provenance_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "config.json").read_text())["provenance"])


def weights_of(folder: Path, step: int) -> dict[str, str]:
    trainer = folder / f"checkpoints/step_{step:06d}/trainer"
    return {file.name: hash_file(file) for file in trainer.iterdir()}


def same_training(folder: Path, other: Path) -> bool:
    logs = ["metrics.jsonl", "fingerprints.jsonl"]
    return weights_of(folder, 4) == weights_of(other, 4) and all(
        (folder / name).read_bytes() == (other / name).read_bytes() for name in logs
    )


def test_without_changes_the_new_run_is_the_old_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights, optimizer, state and logs of the checkpoint: every number after it is the same."""
    out = tmp_path / "run-from-3"
    train("--from", f"{run}@3")
    assert same_training(out, run)
    origin = provenance_of(out)["origin"]
    assert (origin["run"], origin["step"], origin["changes"]) == (str(run), 3, [])
    assert origin["checkpoint"] == hash_file(run / "checkpoints/step_000003/manifest.json")
    assert origin["config_hash"] == provenance_of(run)["config_hash"]
    shutil.rmtree(run / "checkpoints")  # a run with a checkpoint of its own does not need its origin
    train("--from", f"{run}@3")
    train(out)
    assert "is a run that did not start from" in refused(capsys, "--from", f"{run}@4", "--out", out)


def test_a_checkpoint_is_hashed_where_it_lies_and_where_it_is_restored(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    hash_files = checkpoint._hash_files

    def noted(folder: Path, names: list[str]) -> dict[str, str]:
        hashed.append(folder)
        return hash_files(folder, names)

    monkeypatch.setattr(checkpoint, "_hash_files", noted)
    # the origin holds the hashes of the start model, whose files are as they were
    monkeypatch.setattr(start_model, "hash_file", lambda path: pytest.fail(f"{path} is hashed again"))
    out = tmp_path / "out"
    train("--from", f"{run}@3", "--out", out)
    name = "checkpoints/step_000003"
    assert [folder for folder in hashed if folder.name == "step_000003"] == [run / name, out / name]


def test_a_copy_that_was_killed_is_made_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def killed(*arguments: object, **rest: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fork.shutil, "copytree", killed)
        train("--from", f"{run}@3", "--out", out, code=130)
    assert list((out / "checkpoints").iterdir()) == []
    train(out)
    assert same_training(out, run)


def test_another_run_may_have_other_data_and_settings(run: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stages = [*SETTINGS["stages"], {"max_response_tokens": 24, "num_steps": 1, "num_problems": 4}]
    (tmp_path / "new.json").write_text(
        json.dumps(json.loads((whole / "recipe.json").read_text()) | {"stages": stages, "seed": 8})
    )
    train(tmp_path / "new.json", "--from", run, "--out", out, "--set", "data.max_difficulty=1")
    rows = steps_of(out)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[:4] == steps_of(run)
    changes = {c["setting"]: (c["from"], c["to"]) for c in provenance_of(out)["origin"]["changes"]}
    assert changes["seed"] == (1, 8)
    assert changes["data.0.max_difficulty"] == (2, 1)
    assert changes["stages.2.num_steps"] == ("not set", 1)
    assert provenance_of(out)["data_hash"] != provenance_of(run)["data_hash"]


def test_refusals_write_nothing(
    run: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    line = refused(capsys, "--from", f"{run}@1", "--out", out)
    assert f"{run} has no checkpoint of step 1: there are those of steps 3, 4" in line
    other = Path(shutil.copytree(whole / "model", tmp_path / "other"))
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    line = refused(capsys, "--from", run, "--out", out, "--set", f"model.path={other}")
    assert f"{run} has another model (sha256 of model.safetensors is " in line
    assert f"set model.path={whole / 'model'}" in line
    line = refused(capsys, "--from", run, "--out", out, "--set", "model.implementation=transformers")
    assert "(model.implementation is auto there, transformers here): a run from its checkpoint keeps" in line
    one_stage = "stages=[{max_response_tokens=16,num_steps=9,num_problems=4,group_size=4}]"
    line = refused(capsys, "--from", f"{run}@4", "--out", out, "--set", one_stage)
    assert f"step 4 of {run} is in stage 2 and the settings have 1: add the stages before it" in line
    assert not out.exists()


def test_every_remedy_is_applied_by_the_same_command(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = (run, "--set", "stages.1.num_steps=2")
    assert f"add --accept-changes to resume it with these, or resume it as it is with or1 train {run}" in (
        refused(capsys, *longer)
    )
    train(*longer, "--accept-changes")
    assert len(steps_of(run)) == 5
    (change,) = provenance_of(run)["changes"]
    assert change == {
        "step": 4,
        "setting": "stages.1.num_steps",
        "from": 1,
        "to": 2,
        "class": "science",
    }
    train(run)
    seed = (run, "--set", "seed=2")
    line = refused(capsys, *seed)
    assert f"or start another run from its checkpoint: add --from {run} and another --out" in line
    train(*seed, "--from", run, "--out", tmp_path / "another")
    assert len(steps_of(tmp_path / "another")) == 5


def test_a_start_model_that_moved_or_changed(
    run: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = Path(shutil.copytree(whole / "model", tmp_path / "moved"))
    longer = (run, "--set", f"model.path={moved}", "--set", "stages.1.num_steps=2", "--accept-changes")
    (moved / "chat_template.jinja").write_text((moved / "tokenizer_config.json").read_text())
    line = refused(capsys, *longer)
    assert f"{moved} is not the start model of {run} (sha256 of chat_template.jinja is not set there" in line
    (moved / "chat_template.jinja").unlink()
    train(*longer)
    assert len(steps_of(run)) == 5
    assert provenance_of(run)["model"]["folder"] == str(moved)
    shutil.rmtree(moved)
    assert guarded(lambda: dispatch(["export", str(run), str(tmp_path / "exported")])) == 0
    assert (tmp_path / "exported/tokenizer.json").is_file()
