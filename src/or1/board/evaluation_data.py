"""The data of the page of an evaluation: its scores, and every sample by problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.board.values import (
    LONGEST_TEXT,
    ROOM_CHARACTERS,
    clipped,
    columns_of,
    fact_rows,
    gold_text,
    number,
    order_of,
)
from or1.errors import DataError, Or1Error
from or1.evals.benchmark import load_benchmark, load_protocol
from or1.evals.questions import load_questions
from or1.evals.report import HEAD, cells, notes, protocol_line
from or1.evals.results import (
    PROBLEMS,
    RESPONSES,
    RESULTS,
    EvalFolder,
    Key,
    ProblemRow,
    ResponseRow,
    ResultRow,
    read,
)
from or1.evals.settings import EvalRunConfig
from or1.evals.tables import ScoreRow, tabulate
from or1.recipes.schema import with_defaults
from or1.types import Outcome
from or1_verify import __version__

MISSING = "missing"
"""Outcome of a sample that was not generated."""
LONGEST_GOLD = 2_000
"""The gold of a program is its tests: begin and end are shown [characters]."""
_COLUMNS = (
    *("problem", "index", "outcome", "reward", "reason", "detail", "vote", "finish", "tokens"),
    "response",
)


def evaluation_data(folder: Path) -> dict[str, Any]:
    """Everything in the page but the samples.

    Raises:
        DataError: no sample of a benchmark has been judged.
        RunFolderError: the folder is no evaluation.
    """
    description = EvalFolder.read(folder)
    settings, environment = description["settings"], description["environment"]
    return {
        "kind": "evaluation",
        "version": __version__,
        "title": folder.resolve().name,
        "protocol": protocol_line(description),
        "notes": notes(description),
        "head": HEAD,
        "scores": [_score(row) for row in tabulate(folder, bounds=True)],
        "facts": [
            ["Settings", fact_rows(settings)],
            ["Benchmarks", fact_rows(description["benchmarks"])],
            ["Environment", fact_rows(environment)],
        ],
    }


def _score(row: ScoreRow) -> dict[str, Any]:
    """A line of the table, and its numbers as fractions of 1."""
    ends = {"run": row.run, "problems": row.problems, "bounds": row.bounds}
    return {
        "cells": cells(row),
        "is_whole": row.row in ("all", "mean F1"),
        "score": number(row.score),
        **{name: [number(each.low), number(each.high)] for name, each in ends.items()},
    }


def evaluation_samples(folder: Path, *, characters: int = ROOM_CHARACTERS) -> dict[str, Any]:
    """Every sample of an evaluation: verdicts of all, and texts of as many problems as there is room for.

    Which problems: those with the smallest hash of their id, with all their samples.

    Args:
        characters: room for responses.
    """
    description = EvalFolder.read(folder)
    entries = description["benchmarks"]
    problems = [row for row in read(folder / PROBLEMS, ProblemRow) if row.benchmark in entries]
    judged = {row.key: row for row in read(folder / RESULTS, ResultRow)}
    texts = _texts(folder, characters)
    asked = _questions(description)
    listed, rows = [], list[dict[str, Any]]()
    for place, problem in enumerate(problems):
        entry, key = entries[problem.benchmark], (problem.benchmark, problem.problem)
        question, gold = asked.get(key, ("", ""))
        listed.append(
            {
                "id": problem.problem,
                "benchmark": problem.benchmark,
                "source": problem.source,
                "difficulty": problem.difficulty or "",
                "date": problem.date or "",
                "question": clipped(question),
                "gold": clipped(gold, LONGEST_GOLD),
                "left_out": entry["left_out"].get(problem.problem, ""),
            }
        )
        if problem.problem not in entry["left_out"]:
            rows += [
                _sample(place, index, judged.get((*key, index)), texts.get((*key, index)))
                for index in range(int(entry["samples"]))
            ]
    return {"problems": listed, "columns": columns_of(_COLUMNS, rows)}


def _sample(place: int, index: int, row: ResultRow | None, text: str | None) -> dict[str, Any]:
    if row is None:
        outcome = Outcome.NOT_JUDGED.value if text is not None else MISSING
        judged: dict[str, Any] = dict.fromkeys(("reward", "vote", "finish", "tokens")) | {
            "reason": "",
            "detail": "",
        }
    else:
        outcome = row.outcome.value
        judged = {
            "reward": row.reward,
            "vote": None if row.vote is None else clipped(row.vote, LONGEST_GOLD),
            "finish": row.finish.value,
            "tokens": row.num_tokens,
            "reason": row.reason,
            "detail": clipped(row.answer if row.answer is not None else row.detail),
        }
    return {"problem": place, "index": index, "outcome": outcome, "response": text, **judged}


def _texts(folder: Path, characters: int) -> dict[Key, str]:
    """Responses of the problems that have room; the file may be larger than memory, so it is read twice."""
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for row in read(folder / RESPONSES, ResponseRow):
        sizes[row.benchmark, row.problem] += min(LONGEST_TEXT, len(row.text)) + 1
    shown = set()
    for key in sorted(sizes, key=lambda key: order_of(*key)):
        characters -= sizes[key]
        if characters < 0:
            break
        shown.add(key)
    return {
        row.key: clipped(row.text)
        for row in read(folder / RESPONSES, ResponseRow)
        if (row.benchmark, row.problem) in shown
    }


class _NoHub:
    """A page is made without a network."""

    def list_files(self, dataset: str, revision: str | None) -> Sequence[str]:
        raise DataError(f"{dataset} is not on this machine")

    def fetch(self, dataset: str, file: str, revision: str | None) -> Path:
        raise DataError(f"{dataset} is not on this machine")


def _questions(description: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """(benchmark, problem) -> question and gold, which the folder lacks: from the data of the evaluation,
    where they are files of this machine and have not changed."""
    found = {}
    for name in description["benchmarks"]:
        for key, texts in _questions_of(name, description):
            found[name, key] = texts
    return found


def _questions_of(name: str, description: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    settings, entry = description["settings"], description["benchmarks"][name]
    if "imported" in settings:
        return
    try:
        questions = load_questions(
            load_benchmark(name),
            load_protocol(settings["protocol"]["name"]),
            data=entry["data"],
            num_problems=with_defaults(settings, EvalRunConfig)["num_problems"],
            hub=_NoHub(),
        )
    except (Or1Error, OSError):
        return
    if questions.data_hash == entry["data_hash"]:
        for one in questions.asked:
            yield one.key, (one.question, gold_text(one.problem.gold))
