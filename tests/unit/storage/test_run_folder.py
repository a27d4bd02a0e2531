"""Opening a run folder: what is written, what is refused and in which words."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from or1.errors import RunFolderError
from or1.storage.run_folder import (
    FREE_FLOOR_BYTES,
    RunFolder,
    last_checkpoint_bytes,
    require_free,
)
from tests.runs import description, run_config


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
    RunFolder.open(tmp_path, description(run_config(checkpoint={"every": 7, "keep": 5}))).close()
    assert (tmp_path / "config.json").read_bytes() == first


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    stages = [{"max_response_tokens": 8, "num_steps": 4, "num_problems": 3, "group_size": 8}]
    said = refusal(tmp_path, optimizer={"learning_rate": 1e-3}, stages=stages)
    assert "optimizer.learning_rate" in said
    assert "stages.0.group_size" in said
    assert "stages.1.num_steps" in said  # a stage that is gone differs too
    assert "--out" in said
    assert "loss.clip_low" not in said


def test_what_only_says_who_watches_may_change(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, description(run_config())).close()
    changed = run_config(tracking={"console": True, "tensorboard": True}, checkpoint={"every": 1, "keep": 9})
    RunFolder.open(tmp_path, description(changed)).close()
    assert "tracking.rollouts_every" in refusal(tmp_path, tracking={"rollouts_every": 2})


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
