"""The stages that ask a model, inside a curation: what leaves, what is written down, what is asked again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from or1.config import DataConfig
from or1.curate.curate import curate
from or1.curate.model_stages import Models
from or1.errors import ConfigError, DataError
from or1.tasks.load import load_problems
from or1.types import Finish, Problem, Sampling, Text
from tests.unit.curate.corpus import Silent, config, files_under, ledger, plain, problems, write_lines

ROWS = problems(9, seed=11)
ANSWERS = {row["problem"]: row["answer"] for row in ROWS}
DIFFICULTY = {"model": "small", "looks": [2, 4], "max_response_tokens": 50}
SERVER = {"endpoint": {"url": "http://127.0.0.1:9/v1", "model": "small"}}


class Knows:
    """Right on the problems of some rows always, on others every other time, else never."""

    def __init__(self, always: Sequence[int], sometimes: Sequence[int]) -> None:
        self.always = {ROWS[at]["problem"] for at in always}
        self.sometimes = {ROWS[at]["problem"] for at in sometimes}
        self.num_texts = 0

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        for problem in problems:
            question = problem.prompt[-1].content
            for index in range(sampling.group_size):
                self.num_texts += 1
                is_right = question in self.always or (question in self.sometimes and index % 2 == 0)
                said = f"\\boxed{{{ANSWERS[question] if is_right else '-1'}}}"
                yield Text(problem_id=problem.id, index=index, text=said, finish=Finish.STOP, num_tokens=5)


class Votes:
    """Votes against one problem, for the others."""

    def __init__(self, against: int) -> None:
        self.against = ROWS[against]["problem"]

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        for problem in problems:
            is_bad = any(self.against in message.content for message in problem.prompt)
            said = "\n".join(
                f"{what}: {'no' if is_bad else 'yes'}" for what in ("wording", "completeness", "format")
            )
            for index in range(sampling.group_size):
                yield Text(problem_id=problem.id, index=index, text=said, finish=Finish.STOP, num_tokens=5)


def make(folder: Path, models: Models, out: str = "out", **more: Any) -> Path:
    write_lines(folder / "rows.jsonl", ROWS)
    curate(config(folder, plain("rows", "rows.jsonl"), **more), folder / out, Silent(), models)
    return folder / out


def test_too_easy_and_too_hard_leave_and_the_rest_is_written_down(tmp_path: Path) -> None:
    solver = Knows(always=(0, 1), sometimes=(2, 3, 4, 5))
    out = make(tmp_path, Models(solver), difficulty=DIFFICULTY, solver=SERVER)
    reasons = [line["reason"] for line in ledger(out)]
    assert reasons == ["too_easy"] * 2 + [""] * 4 + ["too_hard"] * 3
    evidence = json.loads(ledger(out)[0]["evidence"])
    assert (evidence["model"], evidence["num_right"], evidence["num_counted"]) == ("small", 4, 4)
    assert list(json.loads(ledger(out)[2]["notes"])) == ["measured"]
    loaded = load_problems((DataConfig(task="math", path=str(out)),), seed=1)
    assert {problem.difficulty["small"] for problem in loaded.problems} == {(1, 2)}, (
        "decided at the first look"
    )
    assert solver.num_texts == 4 * 2 + 5 * 4
    assert (out / "difficulty.jsonl").is_file()


def test_two_measurements_have_the_same_bytes_and_none_is_asked_twice(tmp_path: Path) -> None:
    first = make(tmp_path, Models(Knows((0,), (2, 3))), "one", difficulty=DIFFICULTY, solver=SERVER)
    again = Knows((0,), (2, 3))
    second = make(tmp_path, Models(again), "two", difficulty=DIFFICULTY, solver=SERVER)
    assert files_under(first) == files_under(second)
    make(tmp_path, Models(again), "two", difficulty=DIFFICULTY, solver=SERVER)
    assert again.num_texts == 2 * 2 + 7 * 4


def test_answers_of_another_model_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    out = make(tmp_path, Models(Knows((0,), (2, 3))), difficulty=DIFFICULTY, solver=SERVER)
    journal = (out / "difficulty.jsonl").read_bytes()
    shutil.rmtree(out)
    out.mkdir()
    (out / "difficulty.jsonl").write_bytes(journal)
    other = {"endpoint": {**SERVER["endpoint"], "model": "other"}}
    with pytest.raises(
        DataError, match=r"journal of other settings \(solver\.endpoint\.model is small there"
    ):
        make(tmp_path, Models(Knows((), ())), difficulty=DIFFICULTY, solver=other)


def test_votes_take_what_is_badly_put(tmp_path: Path) -> None:
    judge = {"url": "http://127.0.0.1:9/v1", "model": "judge"}
    quality = {"judges": [judge], "votes_per_judge": 3, "min_votes": 2}
    out = make(tmp_path, Models(None, {"judge": Votes(against=4)}), quality=quality)
    lines = ledger(out)
    assert [line["row"] for line in lines if not line["kept"]] == [4]
    assert lines[4]["stage"] == "quality"
    assert (out / "quality.jsonl").is_file()


def test_a_stage_without_its_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="difficulty needs a model"):
        make(tmp_path, Models(), difficulty=DIFFICULTY, solver=SERVER)
