"""`or1 diff`: the first step and phase in which two runs differ, as text or as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from or1.board.diff import RunDifference, compare_runs
from or1.board.diff_page import diff_page
from or1.board.diff_text import verdict
from or1.board.plain_page import write_page
from or1.setting import Change

DIFFERENT = 1
"""Exit code."""


def diff(folders: tuple[Path, Path], out: Path | None) -> None:
    """Print the difference, or write it as a page; exit with 1 where the runs differ.

    Raises:
        ConfigError: no step in common, or the page cannot be written there.
        RunFolderError: not a run folder.
    """
    found = compare_runs(folders)
    if out is not None:
        write_page(out, diff_page(found))
        typer.echo(out)
    for line in lines(found):
        typer.echo(line)
    if not found.is_equal:
        raise typer.Exit(DIFFERENT)


def lines(found: RunDifference) -> Iterator[str]:
    """The difference as lines of text."""
    yield from verdict(found)
    yield from found.notes
    yield from _listed("settings that differ", found.settings)
    yield from _listed("environment that differs", found.environment)


def _listed(title: str, changes: Sequence[Change]) -> Iterator[str]:
    if changes:
        yield f"{title} ({len(changes)})"
        yield from (f"  {change.arrow}" for change in changes)
