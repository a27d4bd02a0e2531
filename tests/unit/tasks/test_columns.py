"""Columns of `[[data]]` by the names that a recipe gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1.config import DataConfig
from or1.errors import ConfigError, DataError
from or1.tasks.load import load_problems
from or1.types import Problem

TESTS = [{"input": "1 2", "output": "3"}]


def loaded(path: Path, row: dict[str, Any], columns: dict[str, str], task: str = "math") -> Problem:
    path.write_text(json.dumps(row) + "\n")
    data = DataConfig.model_validate({"task": task, "path": str(path), "columns": columns})
    (problem,) = load_problems((data,), seed=1).problems
    return problem


def test_named_columns_win_over_those_of_usual_names(tmp_path: Path) -> None:
    row = {
        "problem": "the wrong question", "gold": "8", "reward_model": {"gold": "9", "ground_truth": "10"},
        "source": "the wrong source", "body": {"text": "1+1?"}, "key": 2, "set": "ours",
    }  # fmt: skip
    columns = {"question": "body.text", "answer": "key", "source": "set"}
    problem = loaded(tmp_path / "rows.jsonl", row, columns)
    assert (problem.prompt[-1].content, problem.gold, problem.source) == ("1+1?", "2", "ours")


def test_a_column_may_be_called_with_a_dot(tmp_path: Path) -> None:
    row = {"a.b": "1+1?", "a": {"b": "2+2?"}, "gold": "2"}
    assert loaded(tmp_path / "rows.jsonl", row, {"question": "a.b"}).prompt[-1].content == "1+1?"


def test_chat_messages_may_stand_in_a_named_column(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    problem = loaded(tmp_path / "rows.jsonl", {"turns": turns, "gold": "2"}, {"question": "turns"})
    assert [(m.role, m.content) for m in problem.prompt] == [("system", "Be brief."), ("user", "1+1?")]


def test_the_tests_of_a_program_are_its_answer(tmp_path: Path) -> None:
    row = {"question": "Add two numbers.", "input_output": [{"input": "5", "output": "5"}], "checks": TESTS}
    problem = loaded(tmp_path / "rows.jsonl", row, {"answer": "checks"}, task="code")
    assert problem.gold["inputs"] == ["1 2"]


@pytest.mark.parametrize("task", ["math", "code"])
def test_a_missing_column_is_one_line_with_the_file_and_the_columns_that_exist(
    tmp_path: Path, task: str
) -> None:
    with pytest.raises(DataError) as caught:
        loaded(tmp_path / "rows.jsonl", {"problem": "1+1?", "gold": "2"}, {"answer": "final_answer"}, task)
    assert str(caught.value) == (
        f"{tmp_path}/rows.jsonl line 1: no column final_answer (the row has problem, gold): "
        "correct data.columns"
    )


def test_a_named_answer_that_cannot_be_used_is_not_replaced_by_another_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: no answer"):
        loaded(tmp_path / "rows.jsonl", {"problem": "1+1?", "answer": "3", "key": None}, {"answer": "key"})


def test_a_named_question_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: column ask holds no text: .* data\.columns\.question"):
        loaded(tmp_path / "rows.jsonl", {"problem": "1+1?", "gold": "2", "ask": 7}, {"question": "ask"})


def test_columns_have_no_effect_on_the_built_in_task() -> None:
    data = DataConfig.model_validate({"task": "arithmetic", "columns": {"question": "x"}})
    with pytest.raises(ConfigError, match=r'data\.columns has no effect on task = "arithmetic"'):
        load_problems((data,), seed=1)
