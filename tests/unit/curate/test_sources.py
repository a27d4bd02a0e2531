"""Rows of known data sets and of plain columns, and what becomes of rows that are no problems."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.curate import text_index
from or1.curate.config import BenchmarkConfig, SourceConfig
from or1.curate.layouts import LAYOUTS
from or1.curate.records import as_table, decisions_from, decisions_table, from_rows
from or1.curate.sources import (
    Read,
    files_of,
    normalise,
    read_benchmark,
    read_readable,
    read_row,
    read_source,
    statement,
)
from or1.errors import DataError
from or1.tasks.hub import HuggingFaceHub
from or1.tasks.rows import Row, read_rows
from tests.unit.curate.corpus import write_lines


def read(tmp_path: Path, row: dict[str, Any], **source: Any) -> Read:
    path = write_lines(tmp_path / "rows.jsonl", [row])
    config = SourceConfig.model_validate({"name": "s", "path": str(path), **source})
    (found,) = read_source(config, [path], 0)
    return found


LEETCODE = {
    "task_id": "add-two",
    "query": "Return the sum of two numbers given as a list.\nExample 1:\nInput: [1, 2]\n"
    "Please complete the following python code precisely:\n```python\nclass Solution:\n```",
    "prompt": "from typing import *",
    "completion": "class Solution:\n    def add(self, a):\n        return sum(a)\n",
    "entry_point": "Solution().add",
    "test": "def check(candidate):\n    assert candidate(a = [1, 2]) == 3\n",
}
TACO = {
    "question": "Read two numbers from the first line and print their sum.",
    "input_output": json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]}),
    "solutions": json.dumps(["print(sum(map(int, input().split())))"]),
    "time_limit": "2.5 seconds",
    "name": "add them up",
    "picture_num": "0",
}


def test_numinamath_says_itself_what_is_no_problem(tmp_path: Path) -> None:
    row = {
        "problem": "Add 2 and 3.",
        "answer": "5",
        "solution": r"\boxed{5}",
        "question_type": "math-word-problem",
    }
    fine = read(
        tmp_path, {**row, "problem_is_valid": "Yes", "solution_is_valid": "Yes"}, adapter="numinamath-1.5"
    )
    assert fine.decision is None
    assert (fine.record.gold, fine.record.solutions) == ("5", (r"\boxed{5}",))
    for change, reason in (
        ({"question_type": "proof"}, "proof"),
        ({"question_type": "MCQ"}, "choice"),
        ({"solution_is_valid": "Incomplete"}, "marked_invalid"),
        ({"answer": "notfound"}, "no_gold"),
    ):
        left = read(tmp_path, {**row, **change}, adapter="numinamath-1.5").decision
        assert left is not None
        assert left.reason == reason


def test_leetcode_keeps_statement_title_tests_and_solution(tmp_path: Path) -> None:
    record = read(tmp_path, LEETCODE, adapter="leetcode").record
    assert record.question == "Return the sum of two numbers given as a list."
    assert (record.task, record.title) == ("code", "add-two")
    assert record.solutions == (LEETCODE["completion"],)
    assert record.problem.gold["entry_point"] == "Solution().add"  # type: ignore[index, call-overload]


def test_taco_has_its_texts_in_json(tmp_path: Path) -> None:
    record = read(tmp_path, TACO, adapter="taco").record
    assert record.title == "add them up"
    assert record.solutions == ("print(sum(map(int, input().split())))",)
    assert isinstance(record.gold, dict)
    assert (record.gold["inputs"], record.gold["time_limit_s"]) == (["1 2\n"], 2.5)
    for change, reason in (({"picture_num": "2"}, "figure"), ({"input_output": "{}"}, "no_tests")):
        left = read(tmp_path, {**TACO, **change}, adapter="taco").decision
        assert left is not None
        assert left.reason == reason


def test_the_reference_counts_wrong_ones(tmp_path: Path) -> None:
    row = {
        "data_source": "train-math-deepscaler",
        "prompt": [{"role": "user", "content": "Add 2 and 3."}],
        "ability": "math",
        "reward_model": {"ground_truth": '["5"]', "style": "rule"},
        "extra_info": {"index": 7, "model_difficulty": {"small": 12, "large": 0}},
    }
    record = read(tmp_path, row, adapter="skywork-or1").record
    assert (record.task, record.gold, record.source_id) == ("math", "5", "7")
    assert record.difficulty == {"small": (4, 16), "large": (16, 16)}


def test_columns_are_mapped_by_dotted_names(tmp_path: Path) -> None:
    columns = {"question": "data.ask", "gold": "data.key", "id": "number"}
    row = {"data": {"ask": "Add 2 and 3.", "key": 5}, "number": 12, "question": "not this"}
    record = read(tmp_path, row, task="math", columns=columns).record
    assert (record.question, record.gold, record.source_id) == ("Add 2 and 3.", "5", "12")
    assert record.prompt[-1].content == "Add 2 and 3."


def test_a_row_that_cannot_be_read_is_a_line_of_the_ledger(tmp_path: Path) -> None:
    found = read(tmp_path, {"question": "Add 2 and 3."}, task="math")
    assert found.decision is not None
    assert found.decision.reason == "unreadable"
    assert "no answer" in found.decision.evidence["error"]
    assert found.record.question == "Add 2 and 3."


@pytest.mark.parametrize("suffix", ["jsonl", "json", "jsonl.gz", "json.gz", "parquet", "csv"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    rows = [{"question": "Add 2, and 3.", "answer": "5"}, {"question": 'Say "six".', "answer": "6"}]
    path = tmp_path / f"rows.{suffix}"
    text = "".join(json.dumps(r) + "\n" for r in rows) if "jsonl" in suffix else json.dumps(rows)
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "csv":
        path.write_text('question,answer\n"Add 2, and 3.",5\n"Say ""six"".",6\n', encoding="utf-8")
    else:
        path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    assert files_of(path.name, str(tmp_path), HuggingFaceHub()) == [path]
    assert [row.content for row in read_rows(path)] == rows


def test_instructions_and_invisible_signs_are_gone() -> None:
    boxed = "Let's think step by step and output the final answer within \\boxed{}."
    assert normalise(f"Problem 3: Add\u200b 2 and\u00a03.\r\n{boxed}") == "Add 2 and 3."
    assert normalise("Put 2 coins. How many?") == "Put 2 coins. How many?"


def test_the_statement_of_a_function_is_its_docstring() -> None:
    docstring = '""" Return the sum of all numbers.\n    >>> add([1])\n    1\n    """'
    code = f"from typing import List\n\ndef add(a: List[int]) -> int:\n    {docstring}\n"
    assert statement({"prompt": code}) == "Return the sum of all numbers."


def test_a_benchmark_without_questions_is_refused_by_its_place(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "b.jsonl", [{"statement": "Add 2 and 3."}])
    benchmark = BenchmarkConfig(name="b", path=str(path))
    with pytest.raises(
        DataError, match=r"b\.jsonl line 1: no question: set columns\.question of benchmark b"
    ):
        list(read_benchmark(benchmark, [path]))
    with pytest.raises(DataError, match=r"nowhere\.jsonl does not exist: set data\.root"):
        files_of("nowhere.jsonl", str(tmp_path), HuggingFaceHub())


SAID = {"role": "user", "content": "Add 2 and 3."}
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2.5, float("nan"), float("inf"), 10**400, "", "x", "code", "5", "\ud800", "(" * 3_000,
    '["5"]', "[" * 3_000, "assert f(1", "def f(:", "def f(x): return x", b"\xff", [], [None], [[]],
    ["assert f(1"], [SAID], [{"role": "user"}], {}, {"a": 1}, {"a": {"b": 2}}, {"a": [1, 2]}, {"a": [3, 2]},
    {"inputs": 1}, {"inputs": ["1"], "outputs": ["2"]}, {"ground_truth": 5}, {"model_difficulty": [1]},
    {"model_difficulty": {"m": float("nan")}}, {"model_difficulty": {"m": 99}},
)  # fmt: skip
"""Values that no column is meant to have."""
NAMES = (
    "problem", "question", "prompt", "query", "question_content", "answer", "gold", "solution", "solutions",
    "difficulty", "title", "id", "task", "ability", "extra_info", "reward_model", "tests", "test_list",
    "test", "entry_point", "code", "input_output", "name", "picture_num", "time_limit", "metadata",
    "public_test_cases",
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD), max_size=7),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from((None, "math", "code")),
)
@settings(max_examples=400)
def test_no_row_ends_the_reading_whatever_its_columns_hold(
    odd: dict[str, Any], adapter: str, task: str | None
) -> None:
    known = {
        "problem": "How many apples are left of $5$?",
        "answer": "3",
        "input_output": TACO["input_output"],
    }
    config = SourceConfig.model_validate({"name": "s", "adapter": adapter, "task": task})
    found = read_row(config, Row("f line 1", {**known, **odd}), 0)
    assert from_rows(as_table([found.record]).to_pylist()) == [found.record], "it can be written"
    if found.decision is None:
        assert len(text_index.index([found.record])) == 1
    else:
        assert decisions_from(decisions_table([found.decision])) == [found.decision]


def test_columns_of_a_known_name_that_hold_something_else_are_left_alone(tmp_path: Path) -> None:
    row = {"problem": "Add 2 and 3.", "answer": 5, "difficulty": {"level": 3, "m": [1, 4], "n": [5, 4]}}
    assert read(tmp_path, row, task="math").record.difficulty == {"m": (1, 4)}
    extra = {"model_difficulty": {"a": 12, "b": float("nan"), "c": 99, "d": True}}
    reference = {"prompt": [SAID], "ability": "math", "reward_model": {"ground_truth": "5"}}
    record = read(tmp_path, {**reference, "extra_info": extra}, adapter="skywork-or1").record
    assert record.difficulty == {"a": (4, 16)}
    listed = read(tmp_path, {**TACO, "solutions": json.dumps(["print(1)", "", 7])}, adapter="taco").record
    assert listed.solutions == ("print(1)",)
    as_text = read(tmp_path, {**TACO, "solutions": "print(1)"}, adapter="taco").record
    assert as_text.solutions == (), "not one program for each character"


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), None, "", []])
def test_a_missing_answer_is_none_in_every_format(tmp_path: Path, answer: Any) -> None:
    left = read(tmp_path, {"problem": "Add 2 and 3.", "answer": answer}, task="math").decision
    assert left is not None
    assert "no answer" in left.evidence["error"]


def test_half_a_character_is_unreadable_and_told_in_the_ledger(tmp_path: Path) -> None:
    found = read(tmp_path, {"problem": "Add 2 and \ud800 3.", "answer": "5"}, task="math")
    assert found.decision is not None
    assert found.decision.reason == "unreadable"
    assert found.decision.evidence["error"].endswith(r"line 1: half a character ('\ud800'): fix it")
    assert found.record.question == "Add 2 and ? 3."


WHOLE = "".join(json.dumps({"question": f"Add 2 and {n}.", "answer": "5"}) + "\n" for n in range(30))
PACKED = gzip.compress(WHOLE.encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("r.csv", b"", "r.csv holds no problems: it is empty"),
        ("r.csv", b"question,answer\n", "r.csv holds no problems: it is empty"),
        (
            "r.csv",
            b"question,answer\ncaf\xe9,5\n",
            "r.csv is not a CSV file ('utf-8' codec can't decode byte 0xe9",
        ),
        ("r.csv", b'question,answer\n"a,1\nb,2\n', "r.csv is not a CSV file (unexpected end of data)"),
        ("r.json.gz", gzip.compress(b"[]", mtime=0), "r.json.gz holds no problems: it is empty"),
        (
            "r.json.gz",
            gzip.compress(b"[" * 100_000, mtime=0),
            "r.json.gz: nested too deeply to be read",
        ),
        ("r.json.gz", PACKED[:100], "r.json.gz cannot be unpacked (Compressed file ended"),
        (
            "r.json.gz",
            PACKED[:60] + b"\xff" * 30,
            "r.json.gz cannot be unpacked (Error -3 while",
        ),
        ("r.jsonl.gz", PACKED[:100], "r.jsonl.gz cannot be unpacked (Compressed file ended"),
        ("r.jsonl", WHOLE.encode()[:-9], "r.jsonl line 30: not JSON"),
        ("r.jsonl", WHOLE.encode() + b"caf\xe9\n", "r.jsonl line 31 is not UTF-8 text"),
        ("r.jsonl", WHOLE.encode() + b"[" * 100_000 + b"\n", "r.jsonl line 31: nested too deeply to be read"),
        (
            "r.jsonl",
            b'{"answer": ' + b"9" * 5_000 + b"}\n",
            "r.jsonl line 1: cannot be read (Exceeds the",
        ),
        ("r.jsonl.zst", b"x", "convert it to one of .jsonl, .json, .parquet, .csv, .jsonl.gz, .json.gz"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_with_its_name(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        [row for file in files_of(name, str(tmp_path), HuggingFaceHub()) for row in read_rows(file)]
    assert complaint in str(caught.value)


def test_a_parquet_file_damaged_inside_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(pa.table({"question": [f"Add 2 and {n}." for n in range(99)]}), path)
    content = path.read_bytes()
    path.write_bytes(content[:30] + b"\xff" * 80 + content[110:])
    with pytest.raises(DataError, match=r"r\.parquet cannot be read|r\.parquet is damaged"):
        list(read_rows(path))


def test_the_mark_in_front_of_a_text_is_no_part_of_it(tmp_path: Path) -> None:
    for name in ("r.jsonl", "r.json"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (WHOLE if "jsonl" in name else '[{"a": 1}]').encode())
        assert len(list(read_rows(tmp_path / name))) == (30 if "jsonl" in name else 1)


def test_a_column_that_no_row_has_is_a_mistake_of_the_recipe(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [{"ask": "Add 2 and 3.", "key": "5"}, {"ask": "Add 2 and 4."}])
    some = {"name": "s", "task": "math", "columns": {"question": "ask", "gold": "key"}}
    found = list(read_source(SourceConfig.model_validate(some), [path], 0))
    assert [read.decision is None for read in found] == [True, False], "one row without it is only a row"
    wrong = SourceConfig.model_validate({**some, "columns": {"question": "asked", "gold": "key"}})
    with pytest.raises(
        DataError, match=r"source s: no row has the column asked \(the last has ask\): fix its"
    ):
        list(read_source(wrong, [path], 0))
    benchmark = BenchmarkConfig.model_validate({"name": "b", "path": "r.jsonl", "columns": {"title": "slug"}})
    with pytest.raises(DataError, match=r"r\.jsonl line 1: no column slug .*: fix columns of benchmark b"):
        list(read_benchmark(benchmark, [path]))


def test_a_source_without_a_readable_row_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [{"problem": "Add 2 and 3."}, {"problem": "Add 2 and 4."}])
    source = SourceConfig.model_validate({"name": "s", "task": "math"})
    with pytest.raises(
        DataError, match=r"source s: no row can be read \(.*line 2: no answer.*: set columns of"
    ):
        list(read_readable(source, [path], 0))
    path = write_lines(
        tmp_path / "r.jsonl", [{"problem": "Add."}, {"problem": "Add 2 and 4.", "answer": "6"}]
    )
    assert [read.decision is None for read in read_readable(source, [path], 0)] == [False, True]
