"""`or1 report`: a page of runs in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from or1.board.page import page
from or1.board.report_data import report_data
from or1.board.report_rollouts import ROOM_CHARACTERS, ROOM_ROLLOUTS, run_rollouts
from or1.cli.plot import require_each_once
from or1.storage.atomic import guard_writes, replacing

FILE = "report.html"


def report(folders: Sequence[Path], out: Path | None) -> None:
    """Write the page, into the first folder unless `out` says otherwise, and print its path.

    Raises:
        ConfigError: a folder is named twice.
        RunFolderError: a folder is not a run folder, or the file cannot be written.
    """
    require_each_once(folders)
    path = out or folders[0] / FILE
    room = {"characters": ROOM_CHARACTERS // len(folders), "rollouts": ROOM_ROLLOUTS // len(folders)}
    text = page(report_data(folders), [run_rollouts(folder, **room) for folder in folders])
    with guard_writes(path.parent), replacing(path, durable=False) as part:
        part.write_text(text, encoding="utf-8")
    typer.echo(path)
