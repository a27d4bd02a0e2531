"""`or1 verify`: the verdict on each response of a file, as `or1-verify` gives it, from more formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from or1.errors import DataError
from or1.tasks.rows import SUFFIXES, read_rows
from or1_verify.cli import default_out, sandbox_line
from or1_verify.file import Row, check_rows, default_kinds, judge_rows


def verify(file: Path, out: Path | None, num_workers: int | None, allow_weak_sandbox: bool) -> None:
    """Judge every row and write the verdicts in the order of the rows; print a table of outcomes.

    Every row is checked before any is judged.

    Raises:
        DataError: the file, or the first row that cannot be used, in one line.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist")
    if not file.name.endswith(SUFFIXES):
        raise DataError(f"{file} has a format that cannot be read: convert it to .jsonl or .parquet")
    kinds = default_kinds(allow_weak_sandbox=allow_weak_sandbox)
    num_rows = check_rows(_rows(file), kinds)
    console = Console(stderr=True)
    if num_rows["code"]:
        console.print(sandbox_line(), highlight=False)
    out = out or default_out(file)
    with _progress(console) as progress:
        bar = progress.add_task("judged", total=num_rows.total())
        tally = judge_rows(
            _rows(file),
            kinds,
            out,
            num_rows=num_rows,
            num_workers=num_workers,
            on_progress=lambda done, _: progress.update(bar, completed=done),
        )
    print(tally.table())
    console.print(str(out), highlight=False, soft_wrap=True)


def _rows(file: Path) -> Iterator[Row]:
    return ((row.place, row.content) for row in read_rows(file))


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
