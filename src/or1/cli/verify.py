"""`or1 verify`: the verdict on each response of a file, as `or1-verify` gives it, from more formats."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from or1.errors import DataError
from or1.plugins import absolute_plugin
from or1.storage.run_folder import ROLLOUTS
from or1.tasks import math
from or1.tasks.kind import VerifierSettings
from or1.tasks.registry import task_kind
from or1.tasks.rows import SUFFIXES, read_rows
from or1.tracking.rollouts import PATTERN
from or1_verify.cli import default_out, sandbox_line
from or1_verify.file import Kind, Row, check_rows, default_kinds, judge_rows, require_writable

_ROLLOUT = {"problem_id", "policy_version", "gold"}
"""Columns by which a saved rollout is recognised."""
_TOKENS = {"response_tokens", "behavior_logprobs", "behavior_entropy"}
"""Its columns of one number a token: left out of the verdicts."""


def verify(
    file: Path,
    out: Path | None,
    num_workers: int | None,
    settings: VerifierSettings,
    task: str | None = None,
) -> None:
    """Judge every row and write the verdicts in the order of the rows; print a table of outcomes.

    Every row is checked before any is judged.

    Args:
        file: rows, or a run folder: the saved rollouts of all its steps.
        out: where the verdicts go.
        num_workers: worker processes; None = one for each processor.
        settings: of the verifiers.
        task: judge all rows by this task; rows then need no `kind`.

    Raises:
        ConfigError: there is no such task.
        DataError: the file, or the first row that cannot be used, in one line.
    """
    files = _files(file)
    kinds = default_kinds(
        math=math.verifier_of(settings), allow_weak_sandbox=settings.code.allow_weak_sandbox
    )
    if task is not None:
        kind = task_kind(absolute_plugin(task, Path.cwd(), every=True), "--task")
        kinds = {
            kind.name: Kind(gold_column="gold", verifier=kind.verifier(settings), finish_column="finish")
        }

    def rows() -> Iterator[Row]:
        return _rows(files, None if task is None else kind.name)

    out = out or default_out(file)
    require_writable(out, files)
    num_rows = check_rows(rows(), kinds)
    console = Console(stderr=True)
    if num_rows["code"]:
        console.print(sandbox_line(), highlight=False)
    with _progress(console) as progress:
        bar = progress.add_task("judged", total=num_rows.total())
        tally = judge_rows(
            rows(),
            kinds,
            out,
            num_rows=num_rows,
            num_workers=num_workers,
            on_progress=lambda done, _: progress.update(bar, completed=done),
        )
    print(tally.table())
    console.print(str(out), highlight=False, soft_wrap=True)


def _files(file: Path) -> list[Path]:
    """The file itself, or the rollout files of a run folder.

    Raises:
        DataError: there is no such file, or its format cannot be read.
    """
    if file.is_dir():
        found = sorted((file / ROLLOUTS).glob(PATTERN))
        if not found:
            raise DataError(f"{file} is not a run folder with saved rollouts: name a file")
        return found
    if not file.is_file():
        raise DataError(f"{file} does not exist")
    if not file.name.endswith(SUFFIXES):
        raise DataError(f"{file} has a format that cannot be read: convert it to .jsonl or .parquet")
    return [file]


def _rows(files: Sequence[Path], kind: str | None) -> Iterator[Row]:
    """The rows of all files; with a kind, as rows of this kind."""
    for row in (row for file in files for row in read_rows(file)):
        content = dict(row.content)
        if kind is not None:
            content["kind"] = kind
            if content.keys() >= _ROLLOUT:
                content = {key: value for key, value in content.items() if key not in _TOKENS}
                content["gold"] = json.loads(content["gold"])
        yield row.place, content


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
