"""Opening a run folder: what is written, what is refused and in which words."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from or1.errors import RunFolderError
from or1.storage.jsonl import read_rows
from or1.storage.run_folder import (
    FREE_FLOOR_BYTES,
    RunFolder,
    last_checkpoint_bytes,
    recorded_changes,
    require_free,
)
from or1.tracking.metrics import STAGE_INDEX
from or1.types import RunState, StageProgress
from tests.runs import description, play, run_config


def refusal(path: Path, **changes: object) -> str:
    """The one line with which a folder made for the plain fake run is refused."""
    with pytest.raises(RunFolderError) as caught, RunFolder.open(path, description(run_config(**changes))):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_folder_holds_its_description(tmp_path: Path) -> None:
    wanted = description(run_config())
    with RunFolder.open(tmp_path / "deep" / "run", wanted) as folder:
        assert folder.checkpoints.is_dir()
    assert RunFolder.read(tmp_path / "deep" / "run") == json.loads(json.dumps(wanted))


def test_the_same_run_opens_again_and_its_description_stays(tmp_path: Path) -> None:
    for _ in range(2):
        RunFolder.open(tmp_path, description(run_config())).close()
    first = (tmp_path / "config.json").read_bytes()
    RunFolder.open(tmp_path, description(run_config())).on_restore(RunState(step=3))
    assert (tmp_path / "config.json").read_bytes() == first


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    stages = [{"max_response_tokens": 8, "num_steps": 4, "num_problems": 3, "group_size": 8}]
    said = refusal(tmp_path, optimizer={"learning_rate": 1e-3}, stages=stages)
    assert "optimizer.learning_rate is 1e-06 there, 0.001 here" in said
    assert "optimizer.learning_rate" in said
    assert "stages.0.group_size" in said
    assert "stages.1.num_steps" in said  # a stage that is gone differs too
    assert "loss.clip_low" not in said


def resumed(path: Path, step: int, *, accept: bool = False, stage: int = 0, **changes: object) -> None:
    """Open the folder with these settings and restore a checkpoint."""
    wanted = description(run_config(**changes))
    wanted["provenance"]["config_hash"] = f"of {sorted(changes)}"
    with RunFolder.open(path, wanted, accept_changes=accept) as folder:
        folder.on_restore(RunState(step=step, stage=StageProgress(index=stage)))


def changes_in(path: Path) -> list[tuple[object, ...]]:
    provenance = RunFolder.read(path)["provenance"]
    return [tuple(change.values()) for change in recorded_changes(provenance)]


def test_free_settings_change_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    resumed(tmp_path, 0)
    changed = {
        "tracking": {"console": True, "tensorboard": True, "rollouts_every": 2},
        "checkpoint": {"every": 1, "keep": 9},
        "evaluation": {"every": None},
        "verify": {"num_workers": 7},
    }
    resumed(tmp_path, 3, **changed)
    assert changes_in(tmp_path) == []
    assert caplog.text == ""
    assert RunFolder.read(tmp_path)["config"]["checkpoint"]["every"] == 1
    assert RunFolder.read(tmp_path)["provenance"]["config_hash"] == f"of {sorted(changed)}"


def test_settings_of_the_machine_change_and_are_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resumed(tmp_path, 0)
    machine = {"system": {"threads": 2, "tokens_per_microbatch": 99, "recompute_activations": True}}
    resumed(tmp_path, 3, **machine, rollout={"max_running": 8})
    assert changes_in(tmp_path) == [
        (3, "rollout.max_running", 512, 8, "machine"),
        (3, "system.recompute_activations", False, True, "machine"),
        (3, "system.threads", None, 2, "machine"),
        (3, "system.tokens_per_microbatch", 16_384, 99, "machine"),
    ]
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith("changed from step 4 on: rollout.max_running 512 -> 8, ")
    assert "system.threads null -> 2" in said
    assert "may differ in the last bits" in said


def test_settings_of_the_training_change_on_request_and_are_recorded(tmp_path: Path) -> None:
    faster = {"optimizer": {"learning_rate": 1e-5}, "max_empty_steps": 99}
    resumed(tmp_path, 0)
    said = refusal(tmp_path, **faster)
    assert (
        "(max_empty_steps is 10 there, 99 here; optimizer.learning_rate is 1e-06 there, 1e-05 here)" in said
    )
    assert (
        f"add --accept-changes to resume it with these, or resume it as it is with or1 train {tmp_path}"
        in said
    )
    assert "--from" not in said
    resumed(tmp_path, 6, accept=True, **faster)
    assert RunFolder.read(tmp_path)["config"] == description(run_config(**faster))["config"]
    resumed(tmp_path, 9, **faster)  # the same settings again
    expected = [
        (6, "max_empty_steps", 10, 99, "science"),
        (6, "optimizer.learning_rate", 1e-6, 1e-5, "science"),
    ]
    assert changes_in(tmp_path) == expected
    resumed(tmp_path, 3, **faster)  # the checkpoint of step 6 was damaged
    assert changes_in(tmp_path) == [(3, *change[1:]) for change in expected]


def test_a_change_is_recorded_only_once_it_takes_effect(tmp_path: Path) -> None:
    resumed(tmp_path, 0)
    before = (tmp_path / "config.json").read_bytes()
    RunFolder.open(
        tmp_path, description(run_config(system={"threads": 3}))
    ).close()  # killed before it resumed
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"seed": 2}, "--from"),
        ({"data": [{"task": "math"}]}, "--from"),
        ({"model": {"path": "none", "dtype": "float32"}}, "--from"),
        ({"model": {"path": "none", "chat": {"system_prompt": "x"}}}, "--from"),
        ({"model": {"path": "none", "implementation": "transformers"}}, "--out"),
        ({"model": {"path": "none", "lora": {}}}, "--out"),
    ],
)
def test_another_model_data_or_seed_is_always_refused(
    tmp_path: Path, changes: dict[str, object], remedy: str
) -> None:
    """A checkpoint fits a run with another seed; it does not fit other layers."""
    resumed(tmp_path, 0)
    with pytest.raises(RunFolderError) as caught:
        resumed(tmp_path, 3, accept=True, **changes)
    remedies = {
        "--from": f"start another run from its checkpoint: add --from {tmp_path} and another --out",
        "--out": "choose another folder with --out",
    }
    begin, _, end = str(caught.value).partition(f"resume it as it is with or1 train {tmp_path}, or ")
    assert begin.endswith("which never change in a run: ")
    assert end == remedies[remedy]


def test_a_stage_that_has_begun_stays(tmp_path: Path) -> None:
    resumed(tmp_path, 0)
    before = (tmp_path / "config.json").read_bytes()
    one_stage = {"stages": [{"max_response_tokens": 8, "num_steps": 40, "num_problems": 3, "group_size": 4}]}
    with pytest.raises(
        RunFolderError, match="step 5 is in stage 2 and the settings have 1: repeat the stages"
    ):
        resumed(tmp_path, 5, stage=1, accept=True, **one_stage)
    assert (tmp_path / "config.json").read_bytes() == before
    resumed(tmp_path, 3, accept=True, **one_stage)
    assert (3, "stages.0.num_steps", 4, 40, "science") in changes_in(tmp_path)
    assert (3, "stages.1.num_steps", 6, "not set", "science") in changes_in(tmp_path)


def test_a_finished_run_takes_more_steps(tmp_path: Path) -> None:
    play(tmp_path)
    stages = [stage.model_dump() for stage in run_config().stages]
    stages[1]["num_steps"] += 2
    state = play(tmp_path, run_config(stages=stages), accept_changes=True)
    assert state is not None
    assert state.step == 12
    assert changes_in(tmp_path) == [(10, "stages.1.num_steps", 6, 8, "science")]
    assert [row["step"] for row in read_rows(tmp_path / "metrics.jsonl") if STAGE_INDEX in row] == [
        *range(1, 13)
    ]


def test_settings_of_another_version_are_one_line(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    stored = json.loads((tmp_path / "config.json").read_text())
    del stored["config"]["max_empty_steps"]  # a version that does not have it yet: its default
    (tmp_path / "config.json").write_text(json.dumps(stored))
    RunFolder.open(tmp_path, description(run_config())).close()
    stored["config"]["warp"] = 9
    (tmp_path / "config.json").write_text(json.dumps(stored))
    line = refusal(tmp_path)
    assert (
        "config.json holds settings of another version of or1 (warp: Extra inputs are not permitted)" in line
    )
    assert line.endswith(
        "use or1 0, which wrote it (pip install or1==0), or choose another folder with --out"
    )


def test_other_problems_under_the_same_settings_are_refused(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, description(run_config(), data_hash="one")).close()
    with pytest.raises(RunFolderError, match="data"):
        RunFolder.open(tmp_path, description(run_config(), data_hash="two"))


def test_another_commit_goes_on_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    other = description(run_config())
    other["provenance"]["commit"] = "decade"
    with caplog.at_level(logging.WARNING):
        RunFolder.open(tmp_path, other).close()
    assert "another commit" in caplog.text


def test_a_second_run_is_refused_while_the_first_is_open(tmp_path: Path) -> None:
    first = RunFolder.open(tmp_path, description(run_config()))
    assert "in use by process" in refusal(tmp_path)
    first.close()
    RunFolder.open(tmp_path, description(run_config())).close()


def test_a_refused_folder_is_left_unlocked(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    refusal(tmp_path, seed=7)
    RunFolder.open(tmp_path, description(run_config())).close()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"config": {}}', '{"config": {}, "provenance": 3}'])
def test_a_damaged_description_is_one_line(tmp_path: Path, damage: str) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    (tmp_path / "config.json").write_text(damage)
    assert "damaged" in refusal(tmp_path)


def test_a_folder_without_description_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        RunFolder.read(tmp_path)


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert "File exists" in refusal(tmp_path / "taken")


def test_free_space_is_that_of_the_last_checkpoint_and_a_tenth(tmp_path: Path) -> None:
    old, new = tmp_path / "checkpoints" / "step_000002", tmp_path / "checkpoints" / "step_000010"
    for folder, size in ((old, 10), (new, 3_000)):
        (folder / "trainer").mkdir(parents=True)
        (folder / "trainer" / "w").write_bytes(b"x" * size)
    (tmp_path / "checkpoints" / ".step_000012.1.part").mkdir()
    assert last_checkpoint_bytes(tmp_path / "checkpoints") == 3_000
    gigabyte = 1_000_000_000
    require_free(tmp_path, gigabyte, lambda _: 1_100_000_000)
    with pytest.raises(RunFolderError, match=r"1,099 MB free and needs 1,100 MB"):
        require_free(tmp_path, gigabyte, lambda _: 1_099_000_000)
    with pytest.raises(RunFolderError, match="nearly full"):
        require_free(tmp_path, 0, lambda _: FREE_FLOOR_BYTES - 1)


def test_a_nearly_full_disk_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nearly full"):
        RunFolder.open(tmp_path, description(run_config()), free_bytes=lambda _: 0)
    assert not (tmp_path / "config.json").exists()
