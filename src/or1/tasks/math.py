"""Mathematical problems from files: GSM8K, MATH, Skywork-OR1, whatever their columns are called."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from or1.errors import DataError
from or1.tasks.chat import chat_of, first_text, is_text, question_of
from or1.tasks.columns import with_data_columns
from or1.tasks.file_task import FileTask
from or1.tasks.kind import BenchmarkRow, VerifierSettings
from or1.tasks.prompts import with_instruction
from or1.tasks.rows import Row
from or1.types import Gold, Message, Problem
from or1_verify.answer import final_answer
from or1_verify.math import MathVerifier

QUESTIONS = ("problem", "question", "prompt")
_ANSWERS = ("gold", "answer", "final_answer", "ground_truth", "solution")
_SOURCES = ("data_source", "source")
_KEYS = {"question": QUESTIONS[0], "answer": _ANSWERS[0], "source": _SOURCES[0]}
_GSM8K_MARK = "####"


@dataclass(frozen=True)
class MathTask(FileTask):
    """Problems of one file or data set, judged by their final boxed answer.

    A row needs a question (`problem`, `question` or `prompt`: text, or chat messages) and an answer (`gold`,
    `answer`, `final_answer`, `ground_truth`, a box in `solution`, or `reward_model.ground_truth`). An answer
    that ends in `#### 72` is 72; a list of texts, also as JSON in a text, is a list of accepted answers.
    Typed golds (`or1_verify.math.gold`) are kept as they are.
    """

    name: str = "math"
    gold: Callable[[Row], Gold] = field(default=lambda row: gold_of(row))
    """Reads the gold of a row."""

    def _problem(self, row: Row) -> Problem:
        row = with_data_columns(row, self.columns, keys=_KEYS, answer_columns=(*_ANSWERS, "reward_model"))
        named = (row.content[key] for key in _SOURCES if is_text(row.content, key))
        source = next(named, row.source)
        return Problem.make(self.name, _prompt(row, self.instruction), self.gold(row), source)


def _prompt(row: Row, instruction: str) -> tuple[Message, ...]:
    for key in QUESTIONS:
        if is_text(row.content, key):
            return (Message("user", with_instruction(row.content[key], instruction)),)
        if key in row.content and isinstance(row.content[key], list) and row.content[key]:
            return chat_of(row, row.content[key], instruction)
    raise DataError(
        f"{row.place}: no question: give it as {_listed(QUESTIONS)} (the row has {_listed(row.content)})"
    )


def gold_of(row: Row) -> Gold:
    """The answer of a row, wherever it stands in it.

    Raises:
        DataError: there is none.
    """
    content = row.content
    if "reward_model" in content and isinstance(content["reward_model"], dict):
        content = content | content["reward_model"]
    for key in _ANSWERS:
        gold = _accepted(content[key], in_box_only=key == "solution") if key in content else None
        if gold is not None:
            return gold
    raise DataError(
        f"{row.place}: no answer: give it as {_listed(_ANSWERS[:-1])}, or boxed in solution "
        f"(the row has {_listed(row.content)})"
    )


def any_gold(row: Row) -> Gold:
    """The gold of a row as it is, for a task of your own: any JSON in the columns that `gold_of` reads.

    Raises:
        DataError: there is none, or it is not JSON.
    """
    content = row.content
    if "reward_model" in content and isinstance(content["reward_model"], dict):
        content = content | content["reward_model"]
    for key in _ANSWERS:
        if key in content and content[key] is not None:
            gold: Gold = content[key]
            try:
                json.dumps(gold)
            except (TypeError, ValueError) as error:
                raise DataError(f"{row.place}: {key} is not JSON ({error}): write it as text") from error
            return gold
    raise DataError(
        f"{row.place}: no answer: give it as {_listed(_ANSWERS)} (the row has {_listed(row.content)})"
    )


def benchmark_row(row: Row, suffix: str) -> BenchmarkRow:
    """A mathematical question of a benchmark; a row whose answer is empty has the gold "", which cannot be
    judged.

    Raises:
        DataError: a row without question, or without a column for the answer.
    """
    has_column = any(key in row.content for key in (*_ANSWERS, "reward_model"))
    try:
        return _benchmark_row(row, suffix, gold_of(row))
    except DataError:
        if not has_column:
            raise
    return _benchmark_row(row, suffix, "")


def own_benchmark_row(row: Row, suffix: str) -> BenchmarkRow:
    """A question of a benchmark with any gold, for a task of your own.

    Raises:
        DataError: a row without question or gold.
    """
    return _benchmark_row(row, suffix, any_gold(row))


def _benchmark_row(row: Row, suffix: str, gold: Gold) -> BenchmarkRow:
    question, before = question_of(row, QUESTIONS, suffix)
    source = first_text(row, _SOURCES)
    return BenchmarkRow(form="math", question=question, gold=gold, before=before, source=source)


def _accepted(value: Any, in_box_only: bool) -> Gold | None:
    """A gold from a field: text, a number as text, or a list of accepted texts; None if there is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):  # how some programs write that there is none
            return None
        return str(int(value)) if value.is_integer() else str(value)
    if _is_typed(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, list):
        golds = [_accepted_of_list(each) for each in value]
        return None if None in golds else _one_or_all(golds)
    if not isinstance(value, str) or not value.strip():
        return None
    if r"\boxed" in value or in_box_only:
        return final_answer(value)
    if _GSM8K_MARK in value:
        return value.rpartition(_GSM8K_MARK)[2].strip() or None
    return _one_or_all(_texts_in_json(value)) or value.strip()


def _accepted_of_list(value: Any) -> Gold | None:
    """One of several accepted golds; None if it is none."""
    if isinstance(value, list):
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    return _accepted(value, in_box_only=False)


def _texts_in_json(value: str) -> list[str]:
    """The texts of a JSON list of texts. An interval such as [1,2] is JSON too, but of numbers: not this."""
    if not value.lstrip().startswith("["):
        return []
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return content if all(isinstance(each, str) and each.strip() for each in content) else []


def _is_typed(value: Any) -> bool:
    """A gold with its type, as `or1_verify.math.gold` describes it."""
    return isinstance(value, dict) and {"type", "value"} <= value.keys()


def _one_or_all(golds: list[Any]) -> Gold | None:
    stripped: list[Any] = [gold.strip() if isinstance(gold, str) else gold for gold in golds]
    if len(stripped) > 1:
        return stripped
    return stripped[0] if stripped else None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def problem_of(row: Row) -> Problem:
    """The problem that one row holds, without an instruction.

    Raises:
        DataError: a row without question or answer.
    """
    return MathTask("")._problem(row)


def verifier_of(settings: VerifierSettings) -> MathVerifier:
    """The verifier of mathematical answers."""
    return MathVerifier(
        unboxed=settings.unboxed_answers,
        min_gold_digits=settings.math.min_gold_digits,
        min_answer_digits=settings.math.min_answer_digits,
        ratio_as_fraction=settings.math.ratio_as_fraction,
    )
