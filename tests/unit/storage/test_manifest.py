"""A data set's manifest: made from its files, and every difference from it is known by name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import or1
from or1.errors import DataError
from or1.storage.manifest import (
    MANIFEST,
    Manifest,
    checked_manifest,
    hash_file,
    is_data_set,
    read_manifest,
    write_manifest,
)
from or1.tasks.hub import HuggingFaceHub
from or1.tasks.rows import find_files

FILES = {
    "data/problems-00000.jsonl": b'{"question": "1+1?", "answer": "2"}\n',
    "data/problems-00001.jsonl": b'{"question": "2+2?", "answer": "4"}\n',
    "ledger.parquet": b"PAR1",
    "README.md": b"# A data set\n",
}
ROLES = {name: "problems" if "problems" in name else "other" for name in FILES}


def _data_set(folder: Path) -> Manifest:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    raw = folder.parent / "raw.jsonl"
    raw.write_bytes(b"raw\n")
    return write_manifest(
        folder,
        name="small",
        config={"seed": 1, "sources": [{"name": "raw"}]},
        counts={"rows_in": 3, "rows_out": 2},
        inputs={"raw/raw.jsonl": raw},
        outputs=ROLES,
        packages=("pytest", "no-such-package"),
    )


def test_everything_is_in_it(tmp_path: Path) -> None:
    made = _data_set(tmp_path / "set")
    content = json.loads((tmp_path / "set" / MANIFEST).read_text())
    assert content["config"] == {"seed": 1, "sources": [{"name": "raw"}]}
    assert content["counts"] == {"rows_in": 3, "rows_out": 2}
    assert content["inputs"] == [
        {"path": "raw/raw.jsonl", "num_bytes": 4, "sha256": hashlib.sha256(b"raw\n").hexdigest()}
    ]
    assert [(f["path"], f["role"]) for f in content["outputs"]] == list(ROLES.items())
    assert content["outputs"][2]["sha256"] == hashlib.sha256(b"PAR1").hexdigest()
    assert content["versions"]["or1"] == or1.__version__
    assert content["versions"].keys() >= {"commit", "python", "pyarrow", "pytest"}
    assert "no-such-package" not in content["versions"]
    assert read_manifest(tmp_path / "set") == checked_manifest(tmp_path / "set") == made
    assert made.files("problems") == ("data/problems-00000.jsonl", "data/problems-00001.jsonl")


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    _data_set(tmp_path / "a" / "set")
    _data_set(tmp_path / "b" / "set")
    assert (tmp_path / "a" / "set" / MANIFEST).read_bytes() == (
        tmp_path / "b" / "set" / MANIFEST
    ).read_bytes()


@settings(max_examples=30)
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_any_changed_byte_is_known_by_its_file(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("set")
    _data_set(folder / "set")
    content = bytearray(FILES[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (folder / "set" / name).write_bytes(content)
    with pytest.raises(DataError, match=f"/{name} was changed"):
        checked_manifest(folder / "set")


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda f: (f / "README.md").write_bytes(b""), "README.md was changed"),
        (lambda f: (f / "README.md").write_bytes(FILES["README.md"] + b" "), "README.md was changed"),
        (lambda f: (f / "data" / "problems-00001.jsonl").unlink(), "problems-00001.jsonl is missing"),
        (lambda f: (f / "data" / "more.jsonl").write_bytes(b""), "data/more.jsonl is not in manifest.json"),
        (lambda f: _in_folder(f / "further" / "more.jsonl"), "further/more.jsonl is not in manifest.json"),
        (lambda f: (f / "README.md").rename(f / "CARD.md"), "README.md is missing"),
        (lambda f: (f / MANIFEST).unlink(), "holds no manifest.json"),
        (lambda f: (f / MANIFEST).write_text("{"), "manifest.json is damaged"),
        (
            lambda f: (f / MANIFEST).write_text('{"format": 2}'),
            "has format 2 and this or1 reads format 1: use the version of or1 that wrote it, or make",
        ),
    ],
)
def test_every_difference_is_one_line_that_names_the_file(damage: object, line: str, tmp_path: Path) -> None:
    _data_set(tmp_path / "set")
    assert callable(damage)
    damage(tmp_path / "set")
    with pytest.raises(DataError, match=line) as caught:
        checked_manifest(tmp_path / "set")
    assert str(tmp_path / "set") in str(caught.value)
    assert "\n" not in str(caught.value)


def _in_folder(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")


def test_of_several_the_first_is_named_and_the_others_counted(tmp_path: Path) -> None:
    _data_set(tmp_path / "set")
    for name in FILES:
        (tmp_path / "set" / name).write_bytes(b"other")
    with pytest.raises(DataError, match=r"problems-00000.jsonl was changed .*\(and 3 more\)"):
        checked_manifest(tmp_path / "set")


def test_hidden_files_are_nobodys_business(tmp_path: Path) -> None:
    _data_set(tmp_path / "set")
    (tmp_path / "set" / ".DS_Store").write_bytes(b"x")
    _in_folder(tmp_path / "set" / ".cache" / "x")
    checked_manifest(tmp_path / "set")


def test_a_file_that_is_not_there_gets_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=r"nowhere.jsonl cannot be read"):
        write_manifest(
            tmp_path / "set",
            name="x",
            config={},
            counts={},
            inputs={"x": tmp_path / "nowhere.jsonl"},
            outputs={},
        )
    assert not (tmp_path / "set" / MANIFEST).exists()


def test_problems_are_read_from_a_checked_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    _data_set(folder)
    hub = HuggingFaceHub()
    shards = [folder / name for name in ROLES if ROLES[name] == "problems"]
    assert find_files(str(folder), "train", hub) == shards
    assert find_files(str(shards[1]), "train", hub) == shards[1:]
    assert find_files(str(folder / MANIFEST), "train", hub) == shards
    (folder / "ledger.parquet").write_bytes(b"PAR2")
    for path in (folder, folder / MANIFEST, shards[1]):
        with pytest.raises(DataError, match=r"ledger.parquet was changed"):
            find_files(str(path), "train", hub)


def test_what_others_call_a_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(FILES["data/problems-00000.jsonl"])
    (tmp_path / MANIFEST).write_text('{"name": "an extension", "version": "1"}')
    assert not is_data_set(tmp_path)
    assert find_files(str(tmp_path / "rows.jsonl"), "train", HuggingFaceHub()) == [tmp_path / "rows.jsonl"]
    with pytest.raises(DataError, match="no data set of or1 curate"):
        find_files(str(tmp_path), "train", HuggingFaceHub())
    (tmp_path / MANIFEST).write_text('{"format": 1, "outp')
    with pytest.raises(DataError, match="damaged"):
        find_files(str(tmp_path / "rows.jsonl"), "train", HuggingFaceHub())


def test_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert hash_file(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
