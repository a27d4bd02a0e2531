"""The start model of a run: which changes of its folder are seen, and when its weights are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from or1.assemble import start_model
from or1.assemble.start_model import keep_side_files, record_of, source_of
from or1.errors import ModelError, RunFolderError
from or1.models import model_folder
from or1.storage.manifest import hash_file
from or1.storage.run_folder import RunFolder, model_differences
from or1.types import RunState
from tests.runs import description, run_config

TINY = Path(model_folder("builtin:tiny"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda m: flip_last_byte(m / "model.safetensors"), "sha256 of model.safetensors"),
        (lambda m: (m / "config.json").write_text("{}"), "sha256 of config.json"),
        (lambda m: (m / "tokenizer.json").write_text("{}"), "sha256 of tokenizer.json"),
        (lambda m: (m / "chat_template.jinja").write_text("{{ x }}"), "sha256 of chat_template.jinja"),
        (lambda m: (m / "generation_config.json").unlink(), "sha256 of generation_config.json"),
        (lambda m: (m / "README.md").write_text("mine"), None),
        (lambda m: os.utime(m / "model.safetensors", ns=(0, 0)), None),
    ],
)
def test_every_file_that_is_read_counts(
    change: Callable[[Path], object], seen: str | None, model: Path
) -> None:
    before = record_of(model)
    change(model)
    found = model_differences(before, record_of(model, before))
    assert [each.key for each in found] == ([] if seen is None else [seen])


def test_another_place_is_the_same_model(model: Path) -> None:
    assert model_differences(record_of(TINY), record_of(model)) == []


def test_a_file_is_read_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(start_model, "hash_file", lambda path: read.append(path.name) or hash_file(path))
    first = record_of(model)
    assert sorted(read) == sorted(first["files"])
    read.clear()
    assert record_of(model, first) == first
    assert read == []
    os.utime(model / "tokenizer.json", ns=(0, 0))
    record_of(model, first)
    assert read == ["tokenizer.json"]
    moved = model.rename(model.with_name("moved"))
    read.clear()
    assert model_differences(first, record_of(moved, first)) == []
    assert sorted(read) == sorted(first["files"]), "another folder may hold other files of the same size"


def test_an_export_reads_no_weights_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of the run holds the hash of each file, with its size and time of change."""
    record = record_of(model)
    read: list[str] = []
    monkeypatch.setattr(start_model, "hash_file", lambda path: read.append(path.name) or hash_file(path))
    assert source_of(tmp_path / "run", run_config(), record, model) == model
    assert read == []
    flip_last_byte(model / "model.safetensors")
    os.utime(model / "model.safetensors", ns=(1, 1))
    with pytest.raises(ModelError, match="is not the start model"):
        source_of(tmp_path / "run", run_config(), record, model)


def test_files_of_the_hub_are_named_by_their_hash(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of the hub: snapshots/COMMIT/FILE -> blobs/SHA256; small files are named by another hash."""
    wanted = record_of(model)
    monkeypatch.setattr(start_model, "hash_file", lambda path: pytest.fail(str(path)))
    snapshot, blobs = model.parent / "hub/snapshots/abc123", model.parent / "hub/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name, facts in wanted["files"].items():
        (model / name).rename(blobs / facts["sha256"])
        (snapshot / name).symlink_to(blobs / facts["sha256"])
    found = record_of(snapshot)
    assert found["revision"] == "abc123"
    assert model_differences(wanted, found) == []


def opened(folder: Path, model: Path) -> None:
    """Open a run folder with this start model and restore its first state."""
    wanted = description(run_config())
    wanted["provenance"]["model"] = record_of(model)
    with RunFolder.open(folder, wanted) as run:
        run.on_restore(RunState())


def test_a_changed_start_model_is_refused_and_a_moved_one_recorded(tmp_path: Path, model: Path) -> None:
    run = tmp_path / "run"
    opened(run, model)
    moved = model.rename(tmp_path / "moved")
    opened(run, moved)
    assert RunFolder.read(run)["provenance"]["model"]["folder"] == str(moved)
    flip_last_byte(moved / "model.safetensors")
    with pytest.raises(RunFolderError) as caught:
        opened(run, moved)
    hashes = [hash_file(folder / "model.safetensors")[:12] for folder in (TINY, moved)]
    assert str(caught.value) == (
        f"{moved} is not the start model of {run} (sha256 of model.safetensors is {hashes[0]} there, "
        f"{hashes[1]} here): put its files back, or choose another folder with --out"
    )


def test_a_newer_revision_of_the_hub_is_refused_with_the_old_one_as_remedy(
    tmp_path: Path, model: Path
) -> None:
    for commit in ("old", "new"):
        (tmp_path / "snapshots").mkdir(exist_ok=True)
        shutil.copytree(model, tmp_path / "snapshots" / commit)
    flip_last_byte(tmp_path / "snapshots/new/model.safetensors")
    opened(tmp_path / "run", tmp_path / "snapshots/old")
    with pytest.raises(RunFolderError, match=r"resume with --set model\.path=none@old, or"):
        opened(tmp_path / "run", tmp_path / "snapshots/new")


def test_small_files_are_kept_and_weights_are_not(tmp_path: Path, model: Path) -> None:
    keep_side_files(model, tmp_path)
    kept = {file.name: file.read_bytes() for file in (tmp_path / "start_model").iterdir()}
    names = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
    assert kept == {name: (model / name).read_bytes() for name in names}
