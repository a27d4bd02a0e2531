"""Rows of raw sources become records: columns found, texts normalised, problems made.

A row that is no problem is not an error here: it becomes a record and a decision that says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import xxhash

from or1.curate.config import BenchmarkConfig, ColumnsConfig, CurateConfig, SourceConfig
from or1.curate.layouts import LAYOUTS, NotWantedError
from or1.curate.records import Decision, Record
from or1.curate.statement import normalise, statement
from or1.errors import ConfigError, DataError
from or1.tasks import code, math
from or1.tasks.columns import has_column, with_columns
from or1.tasks.hub import Hub, HubPath
from or1.tasks.rows import Row, find_files, is_data_file, read_rows, require_characters
from or1.types import Message, Problem
from or1_verify.code import parse_tests

_SOLUTIONS = ("solution", "solutions", "completion", "canonical_solution", "code", "response")
_IDS = ("id", "source_id", "unique_id", "task_id", "question_id", "ID", "idx", "uuid", "url")


UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Read:
    """A row that was read: a record, and why it leaves at once if it does."""

    record: Record
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """A benchmark's problem."""

    benchmark: str
    place: str
    question: str
    title: str = ""


def files_of(path: str, root: str, hub: Hub, split: str = "train") -> list[Path]:
    """The files behind a path of a recipe, which may start at the recipe's root folder.

    Raises:
        DataError: there is nothing there that can be read.
    """
    local = Path(root).expanduser() / path
    if local.exists() or HubPath.parse(path, is_data_file) is None:
        if not local.exists() and "*" not in path:
            raise DataError(f"{local} does not exist: set data.root to the folder where {path} lies")
        return find_files(str(local), "train", hub, "data.root")
    return find_files(path, "heldout" if split == "heldout" else "train", hub, "path")


def source_files(config: CurateConfig, hub: Hub) -> dict[str, list[Path]]:
    """Source name -> its files, all there before any work begins."""
    found = {}
    for source in config.sources:
        path = source.path or LAYOUTS[source.adapter].path
        if path is None:
            raise ConfigError(
                f"sources.{source.name}.path is missing: plain columns need a file or a hub name"
            )
        found[source.name] = files_of(path, config.data.root, hub)
    return found


def read_source(source: SourceConfig, files: list[Path], first_row: int) -> Iterator[Read]:
    """The records of one source, in the order of its rows, numbered from `first_row`.

    Raises:
        DataError: a file cannot be read; no row at all has a column that the recipe names.
    """
    named = [path for path in source.columns.model_dump().values() if path is not None]
    for number, row in enumerate(islice(_rows_of_all(files), source.num_rows), start=first_row):
        named = [path for path in named if not has_column(row.content, path)]
        yield read_row(source, row, number)
    if named:
        raise DataError(
            f"source {source.name}: no row has the column {named[0]} (the last has "
            f"{', '.join(row.content)}): fix its columns in the recipe"
        )


def read_readable(source: SourceConfig, files: list[Path], first_row: int) -> Iterator[Read]:
    """The records of one source, as `read_source` reads them.

    Raises:
        DataError: as `read_source`, or none of the rows can be read.
    """
    read, is_readable = None, False
    for read in read_source(source, files, first_row):
        is_readable = is_readable or read.decision is None or read.decision.reason != UNREADABLE
        yield read
    if read is not None and read.decision is not None and not is_readable:
        raise DataError(
            f"source {source.name}: no row can be read ({read.decision.evidence['error']}): set columns of "
            f"sources.{source.name}, or its adapter"
        )


def _rows_of_all(files: list[Path]) -> Iterator[Row]:
    for file in files:
        for row in read_rows(file, half_characters=True):
            yield _without_folder(row, file)


def read_benchmark(benchmark: BenchmarkConfig, files: list[Path]) -> Iterator[Protected]:
    """The problems of a benchmark.

    Raises:
        DataError: a row without a question.
    """
    for row in _rows_of_all(files):
        try:
            content = _mapped(row.content, benchmark.columns)
        except DataError as error:
            raise DataError(f"{row.place}: {error}: fix columns of benchmark {benchmark.name}") from error
        question = statement(content)
        if not question:
            raise DataError(
                f"{row.place}: no question: set columns.question of benchmark {benchmark.name} "
                f"(the row has {', '.join(row.content)})"
            )
        yield Protected(
            benchmark=benchmark.name,
            place=row.place,
            question=question,
            title=str(content.get("title") or ""),
        )


def read_row(source: SourceConfig, row: Row, number: int) -> Read:
    """The record of one row, whatever its columns hold; a row that is no problem comes with the reason."""
    layout = LAYOUTS[source.adapter]
    raw_hash = xxhash.xxh3_128_hexdigest(json.dumps(row.content, sort_keys=True, default=str).encode())
    common: dict[str, Any] = {"row": number, "source": source.name, "place": row.place, "raw_hash": raw_hash}
    content: Mapping[str, Any] = row.content
    try:
        require_characters(row)
        content = layout.adapt(_mapped(row.content, source.columns))
        task = _task(source, content)
        problem = _problem(task, Row(row.place, dict(content), source.name))
    except (NotWantedError, DataError) as error:
        reason = str(error) if isinstance(error, NotWantedError) else UNREADABLE
        question = statement(content).encode(errors="replace").decode()
        record = Record(**common, task=source.task or layout.task or "", question=question)
        return Read(record, Decision(row=number, reason=reason, evidence={"error": str(error)}))
    record = Record(
        **common,
        source_id=next((str(content[key]) for key in _IDS if content.get(key) not in (None, "")), ""),
        license=source.license,
        task=task,
        question=statement(content),
        title=str(content.get("title") or ""),
        prompt=problem.prompt,
        gold=problem.gold,
        solutions=_solutions(task, content, problem),
        difficulty=_difficulty(content),
    )
    return Read(record, None)


def _difficulty(content: Mapping[str, Any]) -> Mapping[str, tuple[int, int]]:
    """(correct, sampled) by model; a column of this name may say anything else."""
    known = content.get("difficulty")
    return {
        model: (counts[0], counts[1])
        for model, counts in (known.items() if isinstance(known, Mapping) else ())
        if isinstance(counts, list | tuple)
        and len(counts) == 2
        and all(type(number) is int for number in counts)
        and 0 <= counts[0] <= counts[1]
    }


def _without_folder(row: Row, file: Path) -> Row:
    """Places are published with the data set: the file's name will do."""
    return Row(row.place.replace(str(file), file.name, 1), row.content, row.source)


def _mapped(content: Mapping[str, Any], columns: ColumnsConfig) -> dict[str, Any]:
    """The columns that the recipe names, under the names that are looked for first."""
    keys = columns.model_dump(exclude_none=True)
    return with_columns(
        content, {("question_content" if key == "question" else key): path for key, path in keys.items()}
    )


def _task(source: SourceConfig, content: Mapping[str, Any]) -> str:
    task = source.task or LAYOUTS[source.adapter].task or content.get("task")
    if task not in ("math", "code"):
        raise DataError(f"task is {task!r}: set sources.{source.name}.task to math or code")
    return str(task)


def _problem(task: str, row: Row) -> Problem:
    if task == "code":
        return code.problem_of(row)
    content = dict(row.content)
    if isinstance(content.get("question_content"), str):
        content["problem"] = content["question_content"]
    found = math.problem_of(Row(row.place, content, row.source))
    last = Message(found.prompt[-1].role, normalise(found.prompt[-1].content))
    return Problem.make(task, (*found.prompt[:-1], last), found.gold)


def _solutions(task: str, content: Mapping[str, Any], problem: Problem) -> tuple[str, ...]:
    if task == "code":
        ideal = parse_tests(problem.gold).solution
        listed = content["solutions"] if isinstance(content.get("solutions"), list) else []
        programs = [each for each in listed if isinstance(each, str) and each.strip()]
        return tuple(dict.fromkeys([*([ideal] if ideal else []), *programs]))
    found = [content[key] for key in _SOLUTIONS if isinstance(content.get(key), str) and content[key].strip()]
    return tuple(found[:1])
