"""Training problems selected by how often a model solved them."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from or1.config import DataConfig
from or1.errors import ConfigError, DataError
from or1.recipes import load
from or1.tasks.difficulty import recorded_difficulty, select
from or1.tasks.load import load_problems
from or1.types import Message, Problem

MODEL = "DeepSeek-R1-Distill-Qwen-7B"


def rows(folder: Path, wrong: list[int]) -> Path:
    lines = [
        {
            "prompt": [{"role": "user", "content": f"Find {n} + 1."}],
            "reward_model": {"ground_truth": json.dumps([str(n + 1)])},
            "extra_info": {"model_difficulty": {MODEL: number, "other": 3}},
        }
        for n, number in enumerate(wrong)
    ]
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def golds(**settings: object) -> list[object]:
    source = DataConfig.model_validate({"task": "math", **settings})
    return [problem.gold for problem in load_problems((source,), 0).problems]


def test_never_and_always_solved_problems_leave(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Wrong samples are recorded: 0 wrong is always solved, 16 wrong never. Taking the count for correct
    samples would pass a test with symmetric bounds alone."""
    path = str(rows(tmp_path, [0, 1, 8, 15, 16]))
    with caplog.at_level(logging.WARNING):
        assert golds(path=path, difficulty_model=MODEL) == ["2", "3", "4"]
    assert (
        "3 of 5 problems with 1 to 15 correct samples of DeepSeek-R1-Distill-Qwen-7B: 60.0% (paper: 46.2%)"
        in (caplog.text)
    )
    assert golds(path=path, difficulty_model=MODEL, min_right=8) == ["2", "3"]
    assert golds(path=path, difficulty_model=MODEL, min_right=0, max_right=1) == ["4", "5"]
    assert len(golds(path=path)) == 5


def test_counts_of_fewer_samples_are_taken_as_shares_of_sixteen() -> None:
    """8 of 8 is always solved: read as 8 of 16 it would stay."""
    counts = [(0, 8), (1, 8), (8, 8), (4, 4), (3, 4), (1, 16)]
    problems = [
        replace(Problem.make("math", (Message("user", f"{n}?"),), str(n)), difficulty={"m": pair})
        for n, pair in enumerate(counts)
    ]
    source = DataConfig.model_validate({"task": "math", "path": "rows", "difficulty_model": "m"})
    assert [problem.gold for problem in select(source, problems)[0]] == ["1", "4", "5"]


def test_a_model_that_was_not_measured_is_named_with_those_that_were(tmp_path: Path) -> None:
    path = str(rows(tmp_path, [4]))
    with pytest.raises(DataError, match=rf"no count .* for some-8B: set .* was measured \({MODEL}, other\)"):
        golds(path=path, difficulty_model="some-8B")
    with pytest.raises(ConfigError, match="none of 1 problems with 14 to 15 correct"):
        golds(path=path, difficulty_model=MODEL, min_right=14)


@pytest.mark.parametrize(
    "said", [None, {}, {"model_difficulty": "x"}, {"model_difficulty": {"m": 17, "n": True}}]
)
def test_what_is_no_count_is_left_out(said: object) -> None:
    assert recorded_difficulty(said) == {}


@pytest.mark.parametrize(
    ("recipe", "size"),
    [("or1-7b", "7B"), ("or1-math-7b", "7B"), ("or1-32b", "32B"), ("or1-32b-as-released", "32B")],
)
def test_the_recipes_of_the_paper_select_by_their_start_model(recipe: str, size: str) -> None:
    for source in load(recipe).data:
        assert (source.difficulty_model, source.min_right, source.max_right) == (
            f"DeepSeek-R1-Distill-Qwen-{size}",
            1,
            15,
        )
