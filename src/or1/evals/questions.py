"""The problems of a benchmark, asked as a protocol asks them.

A question is first freed of the prompt that its file put around it, so that every source of a benchmark gives
the same prompts, and a problem keeps its key whatever the protocol.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from or1.errors import ConfigError, DataError
from or1.evals.benchmark import Benchmark, Form, Protocol
from or1.tasks.arithmetic import ArithmeticTask
from or1.tasks.chat import chat_of, is_text
from or1.tasks.code import QUESTIONS as CODE_QUESTIONS
from or1.tasks.code import tests_of
from or1.tasks.math import QUESTIONS as MATH_QUESTIONS
from or1.tasks.math import gold_of
from or1.tasks.rows import Hub, HuggingFaceHub, Row, find_files, read_rows
from or1.types import Gold, Message, Problem
from or1_verify.code import parse_tests

_NAME = re.compile(r"\{(question|solution|starter_code|first_test)\}")
ARITHMETIC_OPERATIONS = 5
"""Longest chain of the benchmark `arithmetic` [operations]: as long as those of the recipe `tiny`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One problem of a benchmark."""

    problem: Problem
    """Its id is the key: the data's own name for it, else a hash of question and gold."""
    question: str
    """The bare question."""
    prompt_hash: str
    """First 16 hex digits of sha256 over the messages."""
    difficulty: str | None
    date: str | None

    @property
    def key(self) -> str:
        return self.problem.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """A benchmark, read."""

    benchmark: Benchmark
    asked: tuple[Asked, ...]
    data: tuple[str, ...]
    """Where they come from."""
    data_hash: str
    """First 16 hex digits of sha256 over key, question and gold of every problem."""


def load_questions(
    benchmark: Benchmark,
    protocol: Protocol,
    *,
    data: Sequence[str] = (),
    num_problems: int | None = None,
    hub: Hub | None = None,
) -> Questions:
    """Read a benchmark's problems.

    Args:
        benchmark: what to read.
        protocol: how to ask.
        data: files or hub names in place of the benchmark's own.
        num_problems: this many from the start [problems]; None = all.
        hub: source of data sets by name; None = the Hugging Face hub.

    Raises:
        DataError: a file or a row of it cannot be used, or no problem is left.
        ConfigError: data is given for the built-in task.
    """
    prompts = protocol.prompts(benchmark)
    if benchmark.task == "arithmetic":
        if data:
            raise ConfigError(f"benchmark {benchmark.name} makes its problems: leave --data out")
        found = _arithmetic(num_problems or benchmark.num_problems or 1, prompts["arithmetic"])
        sources: tuple[str, ...] = ()
    else:
        sources = tuple(data) or benchmark.files()
        found = islice(_read(benchmark, sources, prompts, hub or HuggingFaceHub()), num_problems)
    asked, content = [], hashlib.sha256()
    keys: set[str] = set()
    for one in found:
        if one.key in keys:  # some files hold a problem twice: both are used, under two keys
            one = replace(one, problem=replace(one.problem, id=_free_key(one.key, keys)))
        keys.add(one.key)
        asked.append(one)
        content.update(json.dumps([one.key, one.question, one.problem.gold], sort_keys=True).encode())
    if not asked:
        raise DataError(
            f"benchmark {benchmark.name}: no problem of {', '.join(sources)} has a date in its window: "
            "choose another window, or problems with dates"
        )
    return Questions(
        benchmark=benchmark, asked=tuple(asked), data=sources, data_hash=content.hexdigest()[:16]
    )


def _free_key(key: str, taken: Set[str]) -> str:
    return next(new for number in count(2) if (new := f"{key}#{number}") not in taken)


def _arithmetic(num_problems: int, prompt: str) -> Iterator[Asked]:
    task = ArithmeticTask(split="heldout", num_problems=num_problems, max_difficulty=ARITHMETIC_OPERATIONS)
    for problem in task.problems():
        question = problem.prompt[-1].content
        filled = _filled(prompt, {"question": question})
        yield _asked("arithmetic", question, problem.gold, filled, source=problem.source)


def _read(
    benchmark: Benchmark, sources: Sequence[str], prompts: Mapping[Form, str], hub: Hub
) -> Iterator[Asked]:
    for source in sources:
        for file in find_files(source, "heldout", hub, setting="--data"):
            for row in read_rows(file):
                if _is_inside(benchmark, row):
                    yield _of_row(benchmark, row, file, prompts)


def _is_inside(benchmark: Benchmark, row: Row) -> bool:
    date = _first(row, benchmark.date)
    try:
        return benchmark.holds(date)
    except ValueError as error:
        raise DataError(f"{row.place}: date {date!r} is none: write 2025-01-31") from error


def _of_row(benchmark: Benchmark, row: Row, file: Path, prompts: Mapping[Form, str]) -> Asked:
    values: dict[str, str] = {}
    before: tuple[Message, ...] = ()
    if benchmark.task == "math":
        form: Form = "math"
        gold = gold_of(row)
        question, before = _question(row, MATH_QUESTIONS, benchmark.suffix)
        source = _first(row, ("data_source", "source")) or benchmark.name
    elif benchmark.task == "process":
        form, source = "process", file.stem
        question, _ = _question(row, ("problem",), "")
        values["solution"] = _paragraphs(row)
        gold = _label(row)
    else:
        gold = _tests(row)
        form = gold["mode"]
        question, before = _question(row, CODE_QUESTIONS, benchmark.suffix)
        question = question.strip()
        values["starter_code"] = _first(row, ("starter_code",)) or ""
        values["first_test"] = str(gold["tests"][0]).strip() if form == "asserts" else ""
        source = _first(row, ("platform", "data_source", "source")) or benchmark.name
    return _asked(
        benchmark.task,
        question,
        gold,
        _filled(prompts[form], {**values, "question": question}),
        source=source,
        before=before,
        key=_first(row, benchmark.id),
        difficulty=_half(gold) if form == "process" else _first(row, benchmark.difficulty),
        date=_first(row, benchmark.date),
    )


def _asked(
    task: str,
    question: str,
    gold: Gold,
    prompt: str,
    *,
    source: str,
    before: tuple[Message, ...] = (),
    key: str | None = None,
    difficulty: str | None = None,
    date: str | None = None,
) -> Asked:
    turns = (*before, Message("user", prompt))
    problem = Problem.make(task, turns, gold, source)
    own = Problem.make(task, (Message("user", question),), gold).id
    listed = json.dumps([[m.role, m.content] for m in turns], ensure_ascii=False)
    return Asked(
        problem=replace(problem, id=key or own),
        question=question,
        prompt_hash=hashlib.sha256(listed.encode("utf-8", "replace")).hexdigest()[:16],
        difficulty=difficulty,
        date=date,
    )


def _filled(prompt: str, values: Mapping[str, str]) -> str:
    """The prompt with values in place of their names, in one pass: nothing inside a value is read as a name.

    >>> _filled("{question}/{solution}", {"question": "{solution}", "solution": "1"})
    '{solution}/1'
    """
    return _NAME.sub(lambda found: values[found[1]], prompt)


def _question(row: Row, columns: Sequence[str], suffix: str) -> tuple[str, tuple[Message, ...]]:
    """The bare question, and the messages before it.

    Raises:
        DataError: the row has none.
    """
    for column in columns:
        if is_text(row.content, column):
            return row.content[column].replace("\r\n", "\n").removesuffix(suffix), ()
        if column in row.content and isinstance(row.content[column], list) and row.content[column]:
            *before, last = chat_of(row, row.content[column], "")
            return last.content.removesuffix(suffix), tuple(before)
    raise DataError(f"{row.place}: no question: give it as {', '.join(columns)}")


def _tests(row: Row) -> dict[str, Any]:
    try:
        return parse_tests(tests_of(row.content)).model_dump(mode="json", exclude_none=True)
    except DataError as error:
        raise DataError(f"{row.place}: {error}") from error


def _label(row: Row) -> int:
    """Index of the first wrong paragraph, -1 when all are right."""
    label = row.content.get("label")
    last = len(row.content["steps"]) - 1
    if isinstance(label, bool) or not isinstance(label, int) or not -1 <= label <= last:
        raise DataError(
            f"{row.place}: label is {label!r}: it must be the index of a paragraph, up to {last}, or -1"
        )
    return label


def _half(label: Gold) -> str:
    """ProcessBench scores solutions with an error apart from those without."""
    return "correct" if label == -1 else "error"


def _paragraphs(row: Row) -> str:
    steps = row.content.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise DataError(f"{row.place}: steps must be a list of texts")
    tagged = (f"<paragraph_{i}>\n{step}\n</paragraph_{i}>" for i, step in enumerate(steps))
    return "\n\n".join(tagged)


def _first(row: Row, columns: Sequence[str]) -> str | None:
    """Value of the first of the columns that the row has, as text."""
    for column in columns:
        if column in row.content and row.content[column] not in (None, ""):
            return str(row.content[column])
    return None
