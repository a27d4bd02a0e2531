"""Where numbers come from: hashes that change when they should, a commit only for our own checkout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import or1
from or1.storage import provenance
from or1.storage.provenance import describe, hash_json, hash_problems
from or1.testing import make_problem
from tests.runs import run_config


def test_the_order_of_keys_does_not_matter_and_values_do() -> None:
    assert hash_json({"a": 1, "b": [1, 2]}) == hash_json({"b": [1, 2], "a": 1})
    assert hash_json({"a": 1}) != hash_json({"a": 2})
    assert hash_json({"a": 1}) != hash_json({"a": "1"})


def test_data_hash_sees_content_number_and_order() -> None:
    problems = [make_problem(i) for i in range(3)]
    hashes = {
        hash_problems(problems),
        hash_problems(problems[:2]),
        hash_problems(problems[::-1]),
        hash_problems([*problems[:2], make_problem(2, gold="other")]),
    }
    assert len(hashes) == 4
    assert hash_problems(problems) == hash_problems([make_problem(i) for i in range(3)])


def test_a_description_is_json_and_holds_where_it_comes_from() -> None:
    config = run_config().model_dump(mode="json")
    described = json.loads(json.dumps(describe(config, "data")))
    assert described["config"] == config
    assert described["provenance"]["data_hash"] == "data"
    assert described["provenance"]["config_hash"] == hash_json(config)
    assert described["provenance"]["or1_version"] == or1.__version__
    assert "numpy" in described["provenance"]["packages"]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_checkout_of_something_else_is_not_ours(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "file").write_text("x")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "x")
    assert provenance.commit(tmp_path) == "unknown"


def test_changes_beside_the_commit_show(tmp_path: Path) -> None:
    git(tmp_path, "init")
    tracked = tmp_path / Path(provenance.__file__).name
    tracked.write_text("x")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    clean = provenance.commit(tmp_path)
    assert len(clean) == 40
    tracked.write_text("y")
    assert provenance.commit(tmp_path) == clean + "+changes"


def test_no_checkout_is_unknown(tmp_path: Path) -> None:
    assert provenance.commit(tmp_path / "missing") == "unknown"
