"""A folder that is locked and belongs to one description, whatever its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1.curate.store import Store
from or1.errors import RunFolderError
from or1.storage.folder import Folder


class Notebook(Folder):
    FILE = "notebook.json"
    KIND = "a notebook"


def hold(path: Path, description: dict[str, Any]) -> Notebook:
    return Notebook.hold(path, lambda found: description)


def test_the_description_becomes_what_describe_makes_of_the_one_found(tmp_path: Path) -> None:
    seen: list[dict[str, Any] | None] = []

    def count(found: dict[str, Any] | None) -> dict[str, Any]:
        seen.append(found)
        return {"opened": found["opened"] + 1 if found else 1}

    for _ in range(2):
        Notebook.hold(tmp_path, count).close()
    assert seen == [None, {"opened": 1}]
    assert Notebook.read(tmp_path) == {"opened": 2}


def test_an_unchanged_description_is_not_written_again(tmp_path: Path) -> None:
    hold(tmp_path, {"sizes": (1, 2)}).close()  # a tuple is a list in JSON
    before = (tmp_path / "notebook.json").stat().st_ino
    hold(tmp_path, {"sizes": (1, 2)}).close()
    assert (tmp_path / "notebook.json").stat().st_ino == before


def test_a_folder_that_describe_refuses_is_unlocked_and_unchanged(tmp_path: Path) -> None:
    hold(tmp_path, {"seed": 1}).close()

    def refuse(found: dict[str, Any] | None) -> dict[str, Any]:
        raise RunFolderError("of other settings")

    with pytest.raises(RunFolderError, match="of other settings"):
        Notebook.hold(tmp_path, refuse)
    with hold(tmp_path, {"seed": 1}) as folder:
        assert folder.description == {"seed": 1}


def test_opening_deletes_what_a_killed_process_left_but_not_the_users_files(tmp_path: Path) -> None:
    hold(tmp_path, {}).close()
    (tmp_path / ".notebook.json.99.part").write_text('{"se')
    (tmp_path / "draft.part").write_text("mine")
    hold(tmp_path, {}).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["draft.part", "lock", "notebook.json"]


def test_a_folder_in_use_is_refused_with_its_process(tmp_path: Path) -> None:
    with hold(tmp_path, {}), pytest.raises(RunFolderError, match=r"is in use by process \d+ on .*--out"):
        hold(tmp_path, {})


def test_a_curation_locks_its_folder_as_a_run_does(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path, {"seed": 1}),
        pytest.raises(RunFolderError, match=r"is in use by process \d+"),
        Store.open(tmp_path, {"seed": 1}),
    ):
        pass


def test_work_begun_with_other_settings_is_cleared_until_all_sources_are_read(tmp_path: Path) -> None:
    with Store.open(tmp_path, {"seed": 1}) as store:
        store.save("read/000000.json", {})
    with Store.open(tmp_path, {"seed": 2}) as store:
        assert store.load("read/000000.json") is None
        store.save("read/done.json", {"part_rows": [3]})
    with pytest.raises(RunFolderError, match="seed is 2 there, 3 here"), Store.open(tmp_path, {"seed": 3}):
        pass
    assert json.loads((tmp_path / "state.json").read_text()) == {"format": 1, "seed": 2}


@pytest.mark.parametrize("version", [0, 2])
def test_work_of_another_format_is_refused_by_name_and_kept(version: int, tmp_path: Path) -> None:
    with Store.open(tmp_path, {"seed": 2}):
        pass
    (tmp_path / "state.json").write_text(stored := json.dumps({"format": version, "seed": 3}))
    line = (
        f"{tmp_path} has format {version} and this or1 reads format 1: use the version of or1 that wrote it"
    )
    with pytest.raises(RunFolderError, match=line), Store.open(tmp_path, {"seed": 3}):
        pass
    assert (tmp_path / "state.json").read_text() == stored


def test_a_folder_without_a_format_has_the_first(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"seed": 2}')
    with Store.open(tmp_path, {"seed": 2}):
        assert json.loads((tmp_path / "state.json").read_text()) == {"seed": 2}  # opened, and not rewritten


def test_a_format_that_is_no_number_is_damage(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"format": "two"}')
    with pytest.raises(RunFolderError, match=r"state\.json is damaged"), Store.open(tmp_path, {"seed": 2}):
        pass
