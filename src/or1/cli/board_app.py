"""`or1 rollouts | plot | report | diff | top`: the signatures. Nothing heavy is imported before a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from or1.cli.usage import Bounds, RunPath
from or1.errors import ConfigError

board_app = typer.Typer(rich_markup_mode=None)
"""Its commands stand beside those of `or1` itself."""


@board_app.command()
def rollouts(
    run_folder: RunPath,
    step: Annotated[int | None, typer.Option(help="Step of the rollouts; the last one if not given.")] = None,
    right: Annotated[bool, typer.Option("--right", help="Correct ones.")] = False,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Incorrect ones and those without an answer.")
    ] = False,
    truncated: Annotated[bool, typer.Option("--truncated", help="Those cut off by the budget.")] = False,
    problem: Annotated[str | None, typer.Option(help="Those of the problem with this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rollouts to print.")] = 4,
) -> None:
    """Print rollouts of a step with their verdicts."""
    from or1.cli import rollouts as command

    options = ((right, command.RIGHT), (wrong, command.WRONG), (truncated, command.TRUNCATED))
    outcomes = frozenset[Any]().union(*(chosen for wanted, chosen in options if wanted))
    command.rollouts(run_folder, step, outcomes, problem, limit)


@board_app.command()
def plot(
    run_folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: Annotated[Path | None, typer.Option(help="Picture to write; in the first RUN if not given.")] = None,
    bounds: Bounds = False,
) -> None:
    """Draw runs or an evaluation as a picture."""
    from or1.cli.plot import plot as run

    run(run_folders, out, bounds)


@board_app.command()
def report(
    run_folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Run folders, or one evaluation, or one curated data set."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; if not given, report.html in the first FOLDER, or beside a data set."
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Serve the page on this machine and follow the runs.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the live page; 8640 if not given.")
    ] = None,
) -> None:
    """Write a page of runs, an evaluation or a data set. One file, no network."""
    from or1.cli import report as command

    if live and out is None:
        command.live(run_folders, port)
        return
    if live or port is not None:
        raise ConfigError("--live serves a page and --out writes one: give --live, with --port, or --out")
    command.report(run_folders, out)


@board_app.command()
def diff(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one.")],
    out: Annotated[Path | None, typer.Option(help="HTML page to write as well.")] = None,
) -> None:
    """First step and phase in which two runs differ.

    Exit code 0: equal; 1: different; 2: nothing to compare.
    """
    from or1.cli.diff import diff as run

    run((run_a, run_b), out)


@board_app.command()
def top(
    run_folder: RunPath,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
    prometheus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write metrics for Prometheus here, as text.")
    ] = None,
) -> None:
    """Show the work of a run at this moment."""
    from or1.cli.top import top as run

    run(run_folder, once=once, every_s=every, textfile=prometheus)
