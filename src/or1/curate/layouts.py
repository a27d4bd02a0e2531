"""How the rows of known data sets say what or1 needs: one small adapter each.

An adapter takes a row's columns and gives them back under the names that `or1.tasks` reads, or says why the
row is none. It never invents: what a data set does not say stays unset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from or1.tasks.difficulty import recorded_difficulty

Columns = dict[str, Any]


class NotWantedError(Exception):
    """The row says itself that it is no problem with a checkable answer: its text is the reason."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set that is known by its columns."""

    path: str | None
    """Where its training rows lie on the hub; None for plain columns."""
    task: Literal["math", "code"] | None
    """None: each row says."""
    adapt: Callable[[Columns], Columns] = lambda row: row


def _numinamath(row: Columns) -> Columns:
    kind = row.get("question_type")
    if kind == "proof" or row.get("answer") == "proof":
        raise NotWantedError("proof")
    if kind == "MCQ":
        raise NotWantedError("choice")
    if "Yes" not in (row.get("problem_is_valid", "Yes"),) or "Yes" not in (
        row.get("solution_is_valid", "Yes"),
    ):
        raise NotWantedError("marked_invalid")
    if row.get("answer") in (None, "", "notfound"):
        raise NotWantedError("no_gold")
    return row


def _aime(row: Columns) -> Columns:
    """Also with the capitalised columns of its copies on the hub."""
    named = {"Question": "problem", "Answer": "answer", "ID": "id"}
    return {named.get(key, key): value for key, value in row.items()}


def _gsm8k(row: Columns) -> Columns:
    return {**row, "solution": row["answer"]} if "answer" in row else row


def _math(row: Columns) -> Columns:
    return {("subject" if key == "type" else key): value for key, value in row.items()}


def _omni_math(row: Columns) -> Columns:
    """A solution that is nothing but the boxed answer is none."""
    bare = isinstance(row.get("solution"), str) and row["solution"].strip().startswith("\\boxed{")
    return {key: value for key, value in row.items() if not (bare and key == "solution") and key != "source"}


def _taco(row: Columns) -> Columns:
    """Texts in JSON, pictures counted, limits with their unit."""
    if row.get("picture_num") not in (None, "", "0", 0):
        raise NotWantedError("figure")
    found = dict(row)
    tests = _parsed(found.pop("input_output", None))
    if not isinstance(tests, Mapping) or not tests.get("inputs") or not tests.get("outputs"):
        raise NotWantedError("no_tests")
    seconds = str(found.pop("time_limit", "") or "").split(" ")[0]
    found["tests"] = dict(tests) | ({"time_limit_s": float(seconds)} if _is_positive(seconds) else {})
    solutions = _parsed(found.pop("solutions", None))
    found["solutions"] = solutions if isinstance(solutions, list) else []
    if found.get("name"):
        found["title"] = found["name"]
    return found


def _skywork(row: Columns) -> Columns:
    """`model_difficulty` counts the wrong ones of 16. Source: paper 6.2, and the released data set."""
    found = dict(row)
    extra = found.get("extra_info")
    if isinstance(extra, Mapping):
        found["difficulty"] = recorded_difficulty(extra)
        found["id"] = str(extra.get("index", ""))
    found["task"] = row.get("ability")
    return found


def _leetcode(row: Columns) -> Columns:
    return {**row, "title": row["task_id"]} if "task_id" in row else row


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < 1_000
    except ValueError:
        return False


LAYOUTS: Mapping[str, Layout] = {
    "plain": Layout(None, None),
    "numinamath-1.5": Layout("AI-MO/NuminaMath-1.5", "math", _numinamath),
    "deepscaler": Layout("agentica-org/DeepScaleR-Preview-Dataset", "math"),
    "still-3": Layout("RUC-AIBOX/STILL-3-Preview-RL-Data", "math"),
    "omni-math": Layout("hf://KbsdJames/Omni-MATH/test.jsonl", "math", _omni_math),
    "aime": Layout("di-zhang-fdu/AIME_1983_2024", "math", _aime),
    "gsm8k": Layout("openai/gsm8k", "math", _gsm8k),
    "math": Layout("DigitalLearningGmbH/MATH-lighteval", "math", _math),
    "leetcode": Layout("hf://newfacade/LeetCodeDataset/LeetCodeDataset-train.jsonl", "code", _leetcode),
    "taco": Layout("BAAI/TACO", "code", _taco),
    "mbpp": Layout("hf://google-research-datasets/mbpp/sanitized/train-*.parquet", "code"),
    "skywork-or1": Layout("hf://Skywork/Skywork-OR1-RL-Data/data/*.parquet", None, _skywork),
}
"""name in a recipe -> layout."""
