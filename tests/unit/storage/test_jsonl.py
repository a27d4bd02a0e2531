"""Appending, cutting and reading JSON lines."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.errors import DataError
from or1.storage.jsonl import JsonLines, encode, parse_rows, read_rows, write_rows

VALUES = st.integers() | st.floats() | st.text() | st.lists(st.integers())


def same(a: object, b: object) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(), VALUES.filter(lambda v: v not in ("nan", "inf", "-inf")))))
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "log.jsonl"
    log = JsonLines(path)
    for row in rows:
        log.append(row)
    log.close()
    found = list(read_rows(path))
    assert [list(r) for r in found] == [list(r) for r in rows]
    assert all(same(f[k], r[k]) for f, r in zip(found, rows, strict=True) for k in r)


def test_not_finite_is_strict_json() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    line = encode({"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.5})
    assert json.loads(line, parse_constant=refuse) == {"a": "nan", "b": "inf", "c": "-inf", "d": 1.5}


def test_half_a_line_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2')
    assert list(read_rows(path)) == [{"step": 1}]


@pytest.mark.parametrize(
    ("line", "why"), [("{", "line 2 is damaged"), ("[1]", "not a JSON object"), ('{"b": 1}', "no 'a'")]
)
def test_a_damaged_line_is_named_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n')
    rows = parse_rows(path, lambda row: row["a"])
    assert next(rows) == 1
    with pytest.raises(DataError, match=why) as caught:
        next(rows)
    assert str(caught.value).startswith(f"{path} line 2 is damaged (")


def test_only_rows_of_numbers_turn_nan_into_a_number(tmp_path: Path) -> None:
    """A model can answer "nan"."""
    write_rows(tmp_path / "rows.jsonl", [{"answer": "nan"}])
    assert list(parse_rows(tmp_path / "rows.jsonl", dict)) == [{"answer": "nan"}]
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert math.isnan(row["answer"])


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 200_000])
def test_opening_removes_half_a_line_of_any_length(tmp_path: Path, length: int) -> None:
    """The end of the last line is searched from the end of the file, 65,536 bytes at a time."""
    path = tmp_path / "log.jsonl"
    for whole in (b"", b'{"a": 1}\n{"b": 2}\n'):
        path.write_bytes(whole + b"x" * length)
        JsonLines(path).close()
        assert path.read_bytes() == whole


def test_no_file_has_no_rows(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path / "none.jsonl")) == []


def test_cut_and_go_on_gives_the_same_bytes(tmp_path: Path) -> None:
    straight, cut = JsonLines(tmp_path / "a"), JsonLines(tmp_path / "b")
    for step in range(3):
        straight.append({"step": step})
    cut.append({"step": 0})
    offset = cut.sync()
    cut.append({"step": 99, "long": "x" * 100})
    cut.cut(offset)
    cut.append({"step": 1})
    cut.append({"step": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert straight.size == cut.size
    straight.close()
    cut.close()


def test_cutting_to_rows_drops_half_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n{"c": 3}\n{"d')
    log = JsonLines(path)
    assert log.num_rows() == 3
    log.cut_rows(2)
    assert path.read_bytes() == b'{"a": 1}\n{"b": 2}\n'
    log.cut_rows(0)
    assert path.read_bytes() == b""
    log.close()


def test_too_few_rows_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = JsonLines(tmp_path / "log")
    log.append({"a": 1})
    with caplog.at_level(logging.WARNING):
        log.cut_rows(2)
    log.close()
    assert "holds 1 rows instead of 2" in caplog.text


def test_reopening_appends(tmp_path: Path) -> None:
    for step in range(2):
        log = JsonLines(tmp_path / "log")
        log.append({"step": step})
        log.close()
    assert [r["step"] for r in read_rows(tmp_path / "log")] == [0, 1]


def test_a_log_shorter_than_its_checkpoint_is_said_and_ends_on_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"step": 0}\n{"st')
    log = JsonLines(path)
    with caplog.at_level(logging.WARNING):
        log.cut(1000)
    log.append({"step": 1})
    log.close()
    assert [r["step"] for r in read_rows(path)] == [0, 1]
    assert "rows are missing" in caplog.text
