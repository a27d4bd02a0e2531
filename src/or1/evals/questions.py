"""The problems of a benchmark, asked as a protocol asks them.

A question is first freed of the prompt that its file put around it, so that every source of a benchmark gives
the same prompts, and a problem keeps its key whatever the protocol.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count, islice

from or1.config import DataConfig
from or1.errors import ConfigError, DataError
from or1.evals.benchmark import Benchmark, Protocol
from or1.recipes.check import choices
from or1.tasks.chat import first_text
from or1.tasks.hub import Hub, HuggingFaceHub
from or1.tasks.kind import TaskKind
from or1.tasks.registry import task_kind
from or1.tasks.rows import Row, find_files, read_rows
from or1.types import Gold, Message, Problem

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

    @property
    def content(self) -> tuple[str, str]:
        """Prompt and gold: equal for rows that hold the same problem."""
        return self.prompt_hash, json.dumps(self.problem.gold, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """A benchmark, read."""

    benchmark: Benchmark
    kind: TaskKind
    """Judges the responses."""
    asked: tuple[Asked, ...]
    data: tuple[str, ...]
    """Where they come from."""
    data_hash: str
    """First 16 hex digits of sha256 over key, question and gold of every problem."""
    repeats: int = 1
    """How often the data hold each problem: the number of samples, where none is given."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Key -> why its gold cannot be judged: these problems are neither sampled nor scored."""


def load_questions(
    benchmark: Benchmark,
    protocol: Protocol,
    *,
    data: Sequence[str] = (),
    num_problems: int | None = None,
    hub: Hub | None = None,
    task: str | None = None,
) -> Questions:
    """Read a benchmark's problems.

    Args:
        benchmark: what to read.
        protocol: how to ask.
        data: files or hub names in place of the benchmark's own.
        num_problems: this many from the start [problems]; None = all.
        hub: source of data sets by name; None = the Hugging Face hub.
        task: judge by this task instead of the benchmark's own.

    Raises:
        DataError: a file or a row of it cannot be used, or no problem is left.
        ConfigError: data for a task that makes its problems, no such task, or no prompt for a question.
    """
    prompts = protocol.prompts(benchmark)
    reader = task_kind(benchmark.task, f"benchmark {benchmark.name}: task")
    kind = task_kind(task, "task") if task else reader
    if reader.makes_problems:
        if data:
            raise ConfigError(f"benchmark {benchmark.name} makes its problems: leave --data out")
        num_made = num_problems or benchmark.num_problems or 1
        found = _made(reader, num_made, _prompt(benchmark, prompts, reader.name), hub or HuggingFaceHub())
        sources: tuple[str, ...] = ()
    elif reader.benchmark_row is None:
        raise ConfigError(f"benchmark {benchmark.name}: task {reader.name} reads no benchmarks")
    else:
        sources = tuple(data) or benchmark.files()
        found = _read(benchmark, reader, sources, prompts, hub or HuggingFaceHub())
    rows, repeats = _without_repeats(found, num_problems)
    asked, content = [], hashlib.sha256()
    keys: set[str] = set()
    for one in rows:
        if one.key in keys:  # some files hold one problem twice: both are used, under two keys
            one = replace(one, problem=replace(one.problem, id=_free_key(one.key, keys)))
        keys.add(one.key)
        one = replace(one, problem=replace(one.problem, task=kind.name))
        asked.append(one)
        content.update(json.dumps([one.key, one.question, one.problem.gold], sort_keys=True).encode())
    if not asked:
        raise DataError(
            f"benchmark {benchmark.name}: no problem of {', '.join(sources)} has a date in its window: "
            "choose another window, or problems with dates"
        )
    return Questions(
        benchmark=benchmark,
        kind=kind,
        asked=tuple(asked),
        data=sources,
        data_hash=content.hexdigest()[:16],
        repeats=repeats,
    )


def _prompt(benchmark: Benchmark, prompts: Mapping[str, str], form: str) -> str:
    if form not in prompts:
        raise ConfigError(
            f"benchmark {benchmark.name}: the protocol has no prompt for questions of the form {form}: "
            f"{choices(form, prompts)}"
        )
    return prompts[form]


def _without_repeats(found: Iterator[Asked], num_problems: int | None) -> tuple[list[Asked], int]:
    """The first problems, and how many times the data hold each: n if all stand there n times, else 1, and
    each row is a problem.

    All rows are read only if there is a repeat among the first.
    """
    rows = list(islice(found, num_problems))
    if len({one.content for one in rows}) == len(rows):
        return rows, 1
    rows += found
    counts = Counter(one.content for one in rows)
    if len(set(counts.values())) > 1:
        return rows[:num_problems], 1
    distinct = {one.content: one for one in reversed(rows)}
    return [distinct[content] for content in counts][:num_problems], counts[rows[0].content]


def notes_on_repeats(questions: Sequence[Questions]) -> list[str]:
    """A remark on each benchmark whose data hold every problem several times."""
    return [
        f"{q.benchmark.name}: the data hold each problem {q.repeats} times: taken as samples of one problem."
        for q in questions
        if q.repeats > 1
    ]


def _free_key(key: str, taken: Set[str]) -> str:
    return next(new for number in count(2) if (new := f"{key}#{number}") not in taken)


def _made(kind: TaskKind, num_problems: int, prompt: str, hub: Hub) -> Iterator[Asked]:
    """The problems of a task that makes its own."""
    assert kind.load is not None, "a task that makes problems has a loader"
    source = DataConfig(
        task=kind.name, split="heldout", num_problems=num_problems, max_difficulty=ARITHMETIC_OPERATIONS
    )
    for problem in kind.load(source, 1, hub):
        question = problem.prompt[-1].content
        filled = _filled(prompt, {"question": question})
        yield _asked(kind.name, question, problem.gold, filled, source=problem.source)


def _read(
    benchmark: Benchmark, kind: TaskKind, sources: Sequence[str], prompts: Mapping[str, str], hub: Hub
) -> Iterator[Asked]:
    for source in sources:
        for file in find_files(source, "heldout", hub, setting="--data"):
            for row in read_rows(file):
                if _is_inside(benchmark, row):
                    yield _of_row(benchmark, kind, row, prompts)


def _is_inside(benchmark: Benchmark, row: Row) -> bool:
    date = first_text(row, benchmark.date)
    try:
        return benchmark.holds(date)
    except ValueError as error:
        raise DataError(f"{row.place}: date {date!r} is not a date: write 2025-01-31") from error


def _of_row(benchmark: Benchmark, kind: TaskKind, row: Row, prompts: Mapping[str, str]) -> Asked:
    assert kind.benchmark_row is not None, "load_questions has refused this task"
    read = kind.benchmark_row(row, benchmark.suffix)
    return _asked(
        kind.name,
        read.question,
        read.gold,
        _filled(_prompt(benchmark, prompts, read.form), {**read.values, "question": read.question}),
        source=read.source or benchmark.name,
        before=read.before,
        key=first_text(row, benchmark.id),
        difficulty=read.difficulty or first_text(row, benchmark.difficulty),
        date=first_text(row, benchmark.date),
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
