"""`or1 top`: the work of a run at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from or1.storage.atomic import guard_writes, replacing
from or1.tracking.top import (
    Snapshot,
    headline,
    last_step_lines,
    process_rows,
    prometheus_text,
    snapshot,
)


def top(
    folder: Path,
    *,
    once: bool,
    every_s: float,
    textfile: Path | None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Show a run until it ends, or Ctrl-C.

    Args:
        folder: of the run.
        once: print one frame.
        every_s: time between two looks at the folder [s].
        textfile: file for Prometheus, written at each look.
        clock: time of day [s].

    Raises:
        RunFolderError: it is not a run folder, or the file for Prometheus cannot be written.
    """
    run = _look(folder, clock, textfile)
    if once or not run.is_alive:
        typer.echo(_text(run))
        return
    with Live(_frame(run), console=Console(), auto_refresh=False, transient=True) as live:
        while run.is_alive:
            time.sleep(every_s)
            run = _look(folder, clock, textfile)
            live.update(_frame(run), refresh=True)
    typer.echo(headline(run))


def _look(folder: Path, clock: Callable[[], float], textfile: Path | None) -> Snapshot:
    run = snapshot(folder, clock())
    if textfile is not None:
        with guard_writes(textfile), replacing(textfile, durable=False) as part:
            part.write_text(prometheus_text(run), encoding="utf-8")
    return run


def _text(run: Snapshot) -> str:
    rows = process_rows(run) if run.is_alive else []
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([headline(run), *lines, *last_step_lines(run)])


def _frame(run: Snapshot) -> Group:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("who", "work", "since", "speed"):
        table.add_column(column)
    for row in process_rows(run):
        table.add_row(*(Text(cell) for cell in row))
    return Group(Text(headline(run), style="bold"), table, *map(Text, last_step_lines(run)))
