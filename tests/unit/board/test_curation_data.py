"""The page of a curation: the funnel adds up, and each reason has rows that it took."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from or1.board.curation_data import curation_data, curation_rows
from or1.cli.report import report
from or1.curate.curate import curate
from or1.curate.inspect import read_dataset
from or1.errors import DataError
from tests.unit.curate.corpus import Silent, config, files_under, plain, problems, write_lines

ROWS = problems(60, seed=2)
PROOF = {"problem": "Prove that 2 is even.", "answer": "5"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """73 rows: 60 kept, one proof, one without an answer, eleven copies; five are a benchmark's problems."""
    place = tmp_path_factory.mktemp("curation")
    write_lines(place / "first.jsonl", [*ROWS[:40], {"problem": "No answer."}, PROOF])
    write_lines(place / "second.jsonl", [*ROWS[30:], ROWS[50]])
    write_lines(place / "guard.jsonl", [*ROWS[:5], *problems(3, seed=9)])
    sources = [plain("first", "first.jsonl"), plain("second", "second.jsonl", license="MIT")]
    guard = {"name": "guard", "path": "guard.jsonl"}
    curate(config(place, *sources, benchmarks=[guard]), place / "out", Silent())
    return place / "out"


def rows(folder: Path, **room: int) -> list[dict[str, Any]]:
    columns = curation_rows(read_dataset(folder), **room)["columns"]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_the_funnel_leads_from_the_rows_read_to_those_kept(folder: Path) -> None:
    data = curation_data(read_dataset(folder))
    left = data["num_read"]
    for stage in data["stages"]:
        left -= sum(reason["rows"] for reason in stage["reasons"])
        assert stage["left"] == left
    assert (data["num_read"], left, data["num_kept"]) == (73, 55, 55)
    taken = {(s["stage"], r["reason"]): r["rows"] for s in data["stages"] for r in s["reasons"]}
    assert taken == {
        ("adapted", "unreadable"): 1,
        ("contamination", "contaminated"): 5,
        ("verifiable", "proof"): 1,
        ("exact_duplicates", "exact_duplicate"): 11,
    }
    assert data["sources"] == [["first", "unknown", 42, 35, 1.0], ["second", "MIT", 31, 20, 1.0]]
    assert data["benchmarks"] == [["guard", 8, 5, 5]]


def test_rows_are_those_of_the_ledger(folder: Path) -> None:
    found = rows(folder)
    assert Counter(row["reason"] for row in found) == {
        **{"unreadable": 1, "contaminated": 5, "proof": 1, "exact_duplicate": 11, "kept": 55}
    }
    (proof,) = [row for row in found if row["reason"] == "proof"]
    assert (proof["source"], proof["place"], proof["text"]) == (
        "first",
        "first.jsonl line 42",
        PROOF["problem"],
    )
    ((name, evidence),) = proof["evidence"]
    assert name == "found"
    assert evidence.startswith("Prove that")
    kept = {row["text"]: row["gold"] for row in found if row["reason"] == "kept"}
    assert kept == {row["problem"]: row["answer"] for row in ROWS[5:]}


def test_a_sample_has_a_part_of_every_reason(folder: Path) -> None:
    """Three of the eleven copies, not the first three, and each in the order of the sources."""
    found = rows(folder, most=3)
    assert Counter(row["reason"] for row in found)["exact_duplicate"] == 3
    assert {row["reason"] for row in found} == {
        "unreadable",
        "contaminated",
        "proof",
        "exact_duplicate",
        "kept",
    }
    lines = [int(row["place"].split()[-1]) for row in found if row["reason"] == "exact_duplicate"]
    assert lines == sorted(lines)
    assert lines != [1, 2, 3]


def test_the_page_lies_beside_the_data_set_which_stays_as_it_is(folder: Path) -> None:
    before = files_under(folder)
    report([folder], None)
    assert files_under(folder) == before
    assert '"kind":"curation"' in folder.with_name("out-report.html").read_text()


def test_a_changed_data_set_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name, content in files_under(folder).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content + b"x" * (name == "contamination.jsonl"))
    with pytest.raises(DataError, match=r"contamination.jsonl was changed"):
        report([copy], None)
