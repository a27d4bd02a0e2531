"""`or1 verify`: the verdict on each response of a file."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from or1.errors import DataError
from or1.rollout.judged import judged
from or1.storage.atomic import replacing
from or1.tasks.rows import Row, read_rows
from or1.types import Answer, Message, Outcome, Problem, Verdict
from or1_verify.code import CodeVerifier, parse_tests
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.sandbox import detect

_ANSWERS = {"math": "gold", "code": "tests"}
"""kind -> the column that holds what is right."""
_READABLE = (".jsonl", ".json", ".parquet", ".gz")


def verify(file: Path, out: Path | None, num_workers: int | None, allow_weak_sandbox: bool) -> None:
    """Judge every row and write the verdicts in the order of the rows; print a table of outcomes.

    Every row is checked before any is judged.

    Raises:
        DataError: the file, or the first row that cannot be used, in one line.
        SandboxError: there are programs to run and no sandbox that may run them.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist")
    if file.suffix not in _READABLE:
        raise DataError(f"{file} is no format that can be read: convert it to .jsonl or .parquet")
    kinds = Counter(_answer(number, row).problem.task for number, row in enumerate(read_rows(file)))
    console = Console(stderr=True)
    if kinds["code"]:
        level = detect().level
        console.print(f"code sandbox: level {level.value if level else 'none'} of 5", highlight=False)
    verifiers = {"math": MathVerifier(), "code": CodeVerifier(allow_weak_sandbox=allow_weak_sandbox)}
    out = out or file.with_name(f"{file.name}.verdicts.jsonl")
    tally: dict[str, list[Verdict]] = defaultdict(list)
    with (
        ProcessVerifierPool(
            {kind: verifiers[kind] for kind in kinds}, num_workers or os.cpu_count() or 1
        ) as pool,
        replacing(out) as part,
        part.open("w", encoding="utf-8") as lines,
        _progress(console) as progress,
    ):
        bar = progress.add_task("judged", total=kinds.total())
        for content, verdict in _in_order(file, pool, lambda: progress.advance(bar)):
            tally[content["kind"]].append(verdict)
            lines.write(json.dumps(content | _columns(verdict), ensure_ascii=False, default=str) + "\n")
    Console(width=None if console.is_terminal else 100).print(_table(tally))
    console.print(str(out), highlight=False, soft_wrap=True)


def _answer(number: int, row: Row) -> Answer:
    """The response of a row, with its problem.

    Raises:
        DataError: the row lacks something, or its tests cannot be read.
    """
    kind = row.content.get("kind")
    if kind not in _ANSWERS:
        raise DataError(f"{row.place}: kind is {kind!r}: it must be one of {', '.join(_ANSWERS)}")
    text, answer = row.content.get("response"), row.content.get(_ANSWERS[kind])
    if not isinstance(text, str):
        raise DataError(f"{row.place}: no response, or one that is no text")
    if answer is None or isinstance(answer, bool):
        raise DataError(f"{row.place}: no {_ANSWERS[kind]}, which kind {kind} needs")
    try:
        gold = parse_tests(answer).model_dump(mode="json", exclude_none=True) if kind == "code" else answer
    except DataError as error:
        raise DataError(f"{row.place}: {error}") from error
    problem = Problem.make(kind, (Message("user", ""),), gold)
    return Answer(problem=problem, index=number, text=text)


def _in_order(
    file: Path, pool: ProcessVerifierPool, on_verdict: Any
) -> Iterator[tuple[dict[str, Any], Verdict]]:
    """Each row with its verdict, in the order of the file, whatever order the verdicts come in."""
    contents: dict[int, dict[str, Any]] = {}
    verdicts: dict[int, Verdict] = {}

    def answers() -> Iterator[tuple[int, Answer]]:
        for number, row in enumerate(read_rows(file)):
            contents[number] = row.content
            yield number, _answer(number, row)

    following = 0
    for number, verdict in judged(answers(), pool):
        verdicts[number] = verdict
        on_verdict()
        while following in verdicts:
            yield contents.pop(following), verdicts.pop(following)
            following += 1


def _columns(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "reward": verdict.reward,
        "reason": verdict.reason,
        "detail": verdict.detail,
        "seconds": round(verdict.seconds, 6),
    }


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _table(tally: dict[str, list[Verdict]]) -> Table:
    """Number and share of each outcome and reason, and the mean reward of each kind."""
    table = Table("kind", "outcome", "reason", "responses", "share", "reward")
    for kind, verdicts in sorted(tally.items()):
        counted = Counter((v.outcome, v.reason or v.outcome.value) for v in verdicts)
        order = list(Outcome)
        for (outcome, reason), number in sorted(counted.items(), key=lambda c: (order.index(c[0][0]), -c[1])):
            share = f"{100 * number / len(verdicts):.1f} %"
            table.add_row(kind, outcome.value, reason, f"{number:,}", share, "")
        rewards = [v.reward for v in verdicts if v.reward is not None]
        mean = f"{sum(rewards) / len(rewards):.4f}" if rewards else "-"
        table.add_row(kind, "all", "", f"{len(verdicts):,}", "100.0 %", mean, end_section=True)
    return table
