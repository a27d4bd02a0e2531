"""`or1 verify`: a verdict for each row, in order, and one line for what cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from or1 import recipes
from or1.cli.app import app, guarded
from or1.errors import ConfigError
from or1.testing import CharTokenizer, make_group
from or1.tracking.rollouts import rollout_table
from or1.types import Message, Problem
from or1_verify.code.program import as_response

SUM = {"inputs": ["1 2"], "outputs": ["3"]}
ROWS: list[dict[str, Any]] = [
    {
        "kind": "code",
        "tests": SUM,
        "response": as_response("import time\ntime.sleep(0.3)\nprint(3)"),
        "id": "slow",
    },
    {"kind": "math", "gold": "42", "response": r"\boxed{42}", "id": "é"},
    {"kind": "math", "gold": ["1", "x^2"], "response": r"\boxed{x \cdot x}", "id": 3},
    {"kind": "math", "gold": 7, "response": r"\boxed{8}", "id": None},
    {"kind": "code", "tests": json.dumps(SUM), "response": as_response("print(4)"), "reason": "overwritten"},
    {"kind": "code", "tests": SUM, "response": "cannot", "nested": {"a": [1]}},
]
WANTED = [
    ("right", 1.0, "right"),
    ("right", 1.0, "right"),
    ("right", 1.0, "right"),
    ("wrong", 0.0, "wrong_value"),
    ("wrong", 0.0, "wrong_answer"),
    ("no_answer", 0.0, "no_code"),
]


def run(*words: str) -> int:
    return guarded(lambda: app(list(words), standalone_mode=False))


def write(path: Path, rows: list[Any]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def verdicts(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("words", [(), ("--min-gold-digits", "2", "--ratio-as-fraction")])
def test_policies_are_options(words: tuple[str, ...], tmp_path: Path) -> None:
    rows = [
        {"kind": "math", "gold": "0.33", "response": r"\boxed{1/3}"},
        {"kind": "math", "gold": "5:8", "response": r"\boxed{5/8}"},
    ]
    file = write(tmp_path / "rows.jsonl", rows)
    for task in ((), ("--task", "math")):
        assert run("verify", str(file), "--workers", "1", *words, *task) == 0
        found = verdicts(tmp_path / "rows.jsonl.verdicts.jsonl")
        assert [row["reward"] for row in found] == [float(bool(words))] * 2


def test_rows_are_judged_in_order_with_their_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", ROWS)
    assert run("verify", str(file)) == 0
    found = verdicts(tmp_path / "rows.jsonl.verdicts.jsonl")
    assert [(row["outcome"], row["reward"], row["reason"]) for row in found] == WANTED
    for given, row in zip(ROWS, found, strict=True):
        assert all(row[key] == given[key] for key in given if key != "reason")
        assert row["seconds"] >= 0
        assert isinstance(row["detail"], str)
    assert found[0]["seconds"] > 0.25
    out, err = capsys.readouterr()
    assert "wrong_answer" in out
    assert "0.3333" in out, "mean reward of the three programs"
    assert "0.6667" in out, "and of the three answers"
    assert "code sandbox: level" in err
    assert len(list(tmp_path.iterdir())) == 2, "nothing half-written stays"


def test_parquet_and_another_place(tmp_path: Path) -> None:
    rows = [{"kind": "math", "gold": str(n % 2), "response": r"\boxed{1}", "n": n} for n in range(50)]
    file = write(tmp_path / "rows.parquet", rows)
    assert run("verify", str(file), "--out", str(tmp_path / "v.jsonl"), "--workers", "1") == 0
    found = verdicts(tmp_path / "v.jsonl")
    assert [row["n"] for row in found] == list(range(50))
    assert [row["reward"] for row in found] == [float(n % 2) for n in range(50)]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"gold": "1", "response": "x"}, "no kind: add one to each row"),
        ({"kind": "poem", "response": "x"}, "kind is 'poem'"),
        ({"kind": "math", "gold": "1"}, "no response"),
        ({"kind": "math", "gold": "1", "response": 7}, "no response"),
        ({"kind": "math", "response": "x"}, "no gold"),
        ({"kind": "code", "gold": "1", "response": "x"}, "no tests"),
        (7, "an object with named fields"),
    ],
)
def test_a_bad_row_is_named_before_anything_is_judged(
    row: Any, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", [ROWS[1], row, ROWS[1]])
    assert run("verify", str(file)) == 2
    error = capsys.readouterr().err
    assert "rows.jsonl line 2: " in error
    assert complaint in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("missing.jsonl", None, "does not exist"),
        ("rows.txt", b"a,b", "a format that cannot be read"),
        ("rows.jsonl", b"", "holds no problems"),
        ("rows.jsonl", b"{]", "not JSON"),
        ("rows.jsonl", b"\xff\xfe", "not UTF-8"),
        ("rows.parquet", b"PAR", "not a parquet file"),
    ],
)
def test_a_bad_file_is_one_line(
    name: str, content: bytes | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run("verify", str(tmp_path / name)) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_weak_sandbox_is_allowed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`or1 train --allow-weak-sandbox` is the setting, and no other."""
    from or1.cli import train

    asked: list[list[str]] = []
    monkeypatch.setattr(train, "train", lambda recipe, sets, out, **_: asked.append(list(sets)))
    assert run("train", "tiny", "--allow-weak-sandbox", "--set", "seed=3") == 0
    assert run("train", "tiny", "--set", "seed=3") == 0
    assert asked == [["seed=3", "verify.code.allow_weak_sandbox=true"], ["seed=3"]]


def test_ranks_are_a_backend_and_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """`or1 train --ranks` is these two settings; the number alone is refused."""
    from or1.cli import train

    asked: list[list[str]] = []
    monkeypatch.setattr(train, "train", lambda recipe, sets, out, **_: asked.append(list(sets)))
    assert run("train", "tiny", "--ranks", "2") == 0
    assert asked == [["system.backend=fsdp", "system.num_ranks=2"]]
    system = recipes.load("tiny", asked[0]).system
    assert (system.backend, system.num_ranks) == ("fsdp", 2)
    with pytest.raises(ConfigError, match="or1 train --ranks sets both"):
        recipes.load("tiny", ["system.num_ranks=2"])
    with pytest.raises(ConfigError, match="does not divide"):
        recipes.load("tiny", [*asked[0], "system.context_parallel=3"])


REWARD = """
def reward(response, gold, problem):
    return float(problem.prompt[-1].content + response == gold)
"""


def test_a_reward_of_your_own_is_tried_on_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_task.py").write_text(REWARD)
    file = write(
        tmp_path / "rows.jsonl", [{"question": q, "response": "b", "gold": "ab"} for q in ("a", "b")]
    )
    monkeypatch.chdir(tmp_path)
    assert run("verify", "rows.jsonl", "--task", "my_task.py:reward", "--workers", "1") == 0
    found = verdicts(file.with_name("rows.jsonl.verdicts.jsonl"))
    assert [(row["kind"], row["reward"]) for row in found] == [
        ("my_task.py:reward", 1.0),
        ("my_task.py:reward", 0.0),
    ]


def test_a_reward_of_your_own_is_tried_on_the_saved_rollouts_of_a_run(tmp_path: Path) -> None:
    """A rollout that ran into its budget is truncated, as in training, whatever its text; golds are JSON."""
    (tmp_path / "my_task.py").write_text("def reward(response, gold, problem):\n    return gold == [4]\n")
    problem = Problem.make("math", (Message("user", "2+2?"),), [4])
    groups = [make_group([0.0, 0.0], problem=problem, truncated={1})]
    table = rollout_table(1, groups, CharTokenizer(), token_numbers=True, advantages={})
    (tmp_path / "run" / "rollouts").mkdir(parents=True)
    pyarrow.parquet.write_table(table, tmp_path / "run" / "rollouts" / "step_000001.parquet")
    task = f"{tmp_path / 'my_task.py'}:reward"
    assert run("verify", str(tmp_path / "run"), "--task", task, "--workers", "1") == 0
    found = verdicts(tmp_path / "run.verdicts.jsonl")
    assert [row["outcome"] for row in found] == ["right", "truncated"]
    assert found[0]["question"] == "2+2?"
    assert "behavior_logprobs" not in found[0]


def test_a_folder_without_rollouts_and_an_unknown_task_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", str(tmp_path)) == 2
    assert "is not a run folder with saved rollouts" in capsys.readouterr().err
    file = write(tmp_path / "rows.jsonl", [{"response": "b", "gold": "ab"}])
    assert run("verify", str(file), "--task", "none.py:reward") == 2
    assert "there is no file" in capsys.readouterr().err
