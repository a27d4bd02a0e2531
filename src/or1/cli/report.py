"""`or1 report`: a page of runs in one file, or live."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

from or1.board.live import PORT, LiveServer
from or1.board.page import page
from or1.board.plain_page import require_room_for, write_page
from or1.board.report_data import report_data
from or1.board.report_rollouts import rollouts_of
from or1.cli.plot import require_each_once

FILE = "report.html"


def report(folders: Sequence[Path], out: Path | None) -> None:
    """Write the page, into the first folder unless `out` says otherwise, and print its path.

    Raises:
        ConfigError: a folder is named twice.
        RunFolderError: a folder is not a run folder, or the file cannot be written.
    """
    require_each_once(folders)
    path = out or folders[0] / FILE
    if out is not None:
        require_room_for(out)
    write_page(path, page(report_data(folders), rollouts_of(folders)))
    typer.echo(path)


def live(folders: Sequence[Path], port: int | None) -> None:
    """Serve the page, and the steps that follow, until Ctrl-C.

    Raises:
        ConfigError: a folder is named twice, or the port is in use.
        RunFolderError: a folder is not a run folder.
    """
    require_each_once(folders)
    with LiveServer(folders, PORT if port is None else port) as server:
        server.runs.page()  # refuses folders that are no runs before a browser opens them
        typer.echo(f"{server.url} on this machine alone; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
