"""The command `or1-verify FILE`: verdicts in the order of the rows, and one line for bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from or1_verify.cli import run
from or1_verify.file import FileTally
from or1_verify.types import Outcome, Verdict

SEVEN = {"kind": "math", "gold": "7", "response": r"\boxed{7}", "id": "é"}
SLOW = {"kind": "math", "gold": r"\sqrt{2}+\sqrt{3}", "response": r"\boxed{\sqrt{5+2\sqrt{6}}}"}
WRONG = {"kind": "math", "gold": ["1", "2"], "response": r"\boxed{3}", "reason": "overwritten"}


def write(path: Path, rows: list[Any]) -> Path:
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_verdicts_in_the_order_of_the_rows(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first row is judged last: it needs a worker."""
    file = write(tmp_path / name, [SLOW, SEVEN, WRONG])
    assert run([str(file), "--workers", "1"]) == 0
    out = tmp_path / f"{name}.verdicts.jsonl"
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["reason"] for row in found] == ["right", "right", "wrong_value"]
    assert [row["reward"] for row in found] == [1.0, 1.0, 0.0]
    assert found[1]["id"] == "é"
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1].split() == ["math", "all", "3", "100.0", "%", "0.6667"]
    assert str(out) in printed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.verdicts.jsonl"]


@pytest.mark.parametrize(
    ("words", "rewards"),
    [
        ([], [0.0, 0.0]),
        (["--min-gold-digits", "2"], [1.0, 0.0]),
        (["--ratio-as-fraction"], [0.0, 1.0]),
    ],
)
def test_policies_are_options(words: list[str], rewards: list[float], tmp_path: Path) -> None:
    rows = [
        {"kind": "math", "gold": "0.33", "response": r"\boxed{1/3}"},
        {"kind": "math", "gold": "5:8", "response": r"\boxed{5/8}"},
    ]
    out = tmp_path / "out.jsonl"
    assert run([str(write(tmp_path / "rows.jsonl", rows)), "--out", str(out), *words]) == 0
    assert [json.loads(line)["reward"] for line in out.read_text().splitlines()] == rewards


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "rows.jsonl has no rows"),
        (b'{"kind": "math"', "line 1: not JSON"),
        (b"\xff", "line 1: not UTF-8 (byte 0)"),
        (b"[1]", "line 1: not an object with named fields"),
        (b'{"kind": "\\ud800"}', "line 1: half a surrogate pair"),
        (b'\n{"kind": "poem"}', "line 2: kind is 'poem': it must be one of math, code"),
        (b'{"kind": "math", "gold": "1"}', "line 1: no response"),
        (b'{"kind": "math", "response": "1"}', "line 1: no gold, which kind math needs"),
        (b'{"kind": "code", "response": "1"}', "line 1: no tests, which kind code needs"),
    ],
)
def test_a_bad_row_is_one_line_before_anything_is_judged(
    content: bytes, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(content)
    assert run([str(file)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.startswith("or1-verify: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("places", [[0], [1], [2], [0, 2]])
def test_a_row_whose_tests_cannot_be_used_is_not_judged_and_the_others_are(
    places: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In any place of the file, also where no row is judged after it."""
    bad = {
        "kind": "code",
        "tests": {"mode": "asserts", "tests": ["f(1)"]},
        "response": "```python\ndef f(x): ...\n```",
    }
    file = write(tmp_path / "rows.jsonl", [bad if place in places else SEVEN for place in range(3)])
    out = tmp_path / "out.jsonl"
    assert run([str(file), "--out", str(out)]) == 0
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["outcome"], row["reward"]) for row in found] == [
        ("not_judged", None) if place in places else ("right", 1.0) for place in range(3)
    ]
    assert {row["reason"] for row in found} == {"bad_tests", "right"}
    assert "cannot fail" in found[places[0]]["detail"]
    assert "not_judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "complaint"), [("missing.jsonl", "does not exist"), ("rows.csv", "is not JSON lines")]
)
def test_a_file_that_cannot_be_read_is_one_line(
    name: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(tmp_path / name)]) == 2
    assert complaint in capsys.readouterr().err


def test_no_workers_at_all_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(["rows.jsonl", "--workers", "0"])
    assert "'0' is not a whole number of at least 1" in capsys.readouterr().err


def test_the_table_counts_reasons_and_averages_only_what_was_judged() -> None:
    tally = FileTally()
    for outcome, reward, reason in (
        (Outcome.WRONG, 0.0, "time_limit"),
        (Outcome.WRONG, 0.25, "wrong_answer"),
        (Outcome.WRONG, 0.25, "wrong_answer"),
        (Outcome.NOT_JUDGED, None, "sandbox_error"),
        (Outcome.RIGHT, 1.0, ""),
    ):
        tally.add("code", Verdict(outcome=outcome, reward=reward, reason=reason))
    rows = [line.split() for line in tally.table().splitlines()]
    assert rows == [
        ["kind", "outcome", "reason", "responses", "share", "reward"],
        ["code", "right", "right", "1", "20.0", "%"],
        ["code", "wrong", "wrong_answer", "2", "40.0", "%"],
        ["code", "wrong", "time_limit", "1", "20.0", "%"],
        ["code", "not_judged", "sandbox_error", "1", "20.0", "%"],
        ["code", "all", "5", "100.0", "%", "0.3750"],  # 1.5 over the four with a reward; over five: 0.3
    ]
