"""`or1 report`: a page of runs, of an evaluation or of a curation in one file; runs also live."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from or1.board.evaluation_data import evaluation_data, evaluation_samples
from or1.board.live import PORT, LiveServer
from or1.board.page import page
from or1.board.plain_page import require_room_for, write_page
from or1.board.report_data import report_data
from or1.board.report_rollouts import rollouts_of
from or1.cli.extras import needs
from or1.cli.plot import require_each_once
from or1.errors import ConfigError
from or1.evals.results import DESCRIPTION
from or1.storage.manifest import is_data_set
from or1.storage.run_folder import CONFIG

FILE = "report.html"
RUN, EVALUATION, DATA_SET = "a run", "an evaluation", "a data set"


def report(folders: Sequence[Path], out: Path | None) -> None:
    """Write the page and print its path: into the first folder unless `out` says otherwise, beside a data
    set, in whose folder nothing may be added.

    Raises:
        ConfigError: a folder is named twice, or an evaluation or data set is named beside another folder.
        DataError: a data set was changed, or an evaluation has no verdict.
        RunFolderError: a folder is none of the three, or the file cannot be written.
    """
    require_each_once(folders)
    if out is not None:
        require_room_for(out)
    if len(folders) > 1:
        _require_runs(folders, "its page shows it alone; give one folder")
    first = folders[0]
    kind, path = _kind(first), first / FILE
    if kind == EVALUATION:
        text = page(evaluation_data(first), [evaluation_samples(first)])
    elif kind == DATA_SET:
        path = first.resolve().with_name(f"{first.resolve().name}-{FILE}")
        text = page(*_of_data_set(first))
    else:
        text = page(report_data(folders), rollouts_of(folders))
    write_page(out or path, text)
    typer.echo(out or path)


def _kind(folder: Path) -> str:
    if (folder / CONFIG).exists():
        return RUN
    if (folder / DESCRIPTION).exists():
        return EVALUATION
    return DATA_SET if is_data_set(folder) else RUN


def _require_runs(folders: Sequence[Path], remedy: str) -> None:
    for folder in folders:
        if (kind := _kind(folder)) != RUN:
            raise ConfigError(f"{folder} is {kind}: {remedy}")


def _of_data_set(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with needs("or1 report of a data set", "curate"):
        from or1.board.curation_data import curation_data, curation_rows
        from or1.curate.inspect import read_dataset
    found = read_dataset(folder)
    return curation_data(found), [curation_rows(found)]


def live(folders: Sequence[Path], port: int | None) -> None:
    """Serve the page, and the steps that follow, until Ctrl-C.

    Raises:
        ConfigError: a folder is named twice or is no run, or the port is in use.
        RunFolderError: a folder is not a run folder.
    """
    require_each_once(folders)
    _require_runs(folders, "--live follows runs alone; leave it out")
    with LiveServer(folders, PORT if port is None else port) as server:
        server.runs.page()  # refuses folders that are no runs before a browser opens them
        typer.echo(f"{server.url} on this machine alone; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
