"""`or1 lab`: list, run and report the experiments."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from or1.cli.extras import needs
from or1.errors import DataError, RunStopped
from or1.lab.experiment import ExperimentConfig, list_experiments, load
from or1.lab.matrix import plan_runs
from or1.lab.report import write_report
from or1.lab.results import files_of
from or1.lab.runner import WORKER, Jobs, LabProgress, LocalJobs, run_lab
from or1.machine import usable_processors
from or1.tracking.eta import format_seconds

ALL = "all"
LINE_EVERY_S = 60.0
"""Time between two lines where there is no terminal [s]."""


def show_list() -> None:
    """Print each experiment with its arms, runs and question, and the number of different runs of all."""
    experiments = _load([ALL])
    for experiment in experiments:
        num_runs = len(plan_runs([experiment]))
        typer.echo(
            f"{experiment.name}: {experiment.title} ({len(experiment.arms)} arms, {num_runs} runs of "
            f"{experiment.steps} steps; {experiment.source})"
        )
    num_runs, num_quick = (len(plan_runs(experiments, quick=quick)) for quick in (False, True))
    typer.echo(f"{num_runs} different runs in all, {num_quick} with --quick")


def run_experiments(
    names: Sequence[str],
    *,
    quick: bool,
    seeds: int | None,
    out: Path,
    results: Path | None,
    jobs: int | None,
    hours: float | None,
    cluster: str | None,
    machines: int,
) -> None:
    """Run all that has no result yet, with the progress of the whole.

    Raises:
        RunStopped: some runs failed; all others have their results.
        ClusterError: `--cluster` without Ray or a cluster, or with a machine that does not fit.
    """
    planned = plan_runs(_load(names), seeds=seeds, quick=quick)
    results = results or out / "results"
    logging.basicConfig(level=logging.WARNING, format="or1: %(message)s")
    console = Console(stderr=True)
    with _jobs(cluster, out, machines, jobs) as places, LabDisplay(console) as display:
        end = run_lab(
            planned,
            out,
            results,
            jobs=places,
            on_progress=display.show,
            limit_s=None if hours is None else hours * 3600,
            worker=WORKER,
        )
    typer.echo(f"{end.num_done} of {end.num_runs} runs have results in {results}")
    if end.failed:
        raise RunStopped(
            f"{len(end.failed)} runs failed, such as {end.failed[0]}; the same command tries them again"
        )


@contextlib.contextmanager
def _jobs(cluster: str | None, out: Path, machines: int, most: int | None) -> Iterator[Jobs]:
    """Worker processes of this machine, or of a Ray cluster."""
    if cluster is None:
        yield LocalJobs(most or usable_processors())
        return
    with needs("or1 lab run --cluster", "ray"):
        from or1.cluster.jobs import cluster_jobs
    with cluster_jobs(cluster, out, num_machines=machines, most=most, say=typer.echo) as places:
        yield places


def report(results: Path, out: Path, *, quick: bool) -> None:
    """Write the page and its pictures and print the page's path.

    Raises:
        DataError: the folder has no results; a page that is there stays.
    """
    if not files_of(results):
        raise DataError(f"--results {results}: no such folder, or no results in it: nothing was written")
    typer.echo(write_report(results, out, quick=quick))


def _load(names: Sequence[str]) -> list[ExperimentConfig]:
    return [load(name) for each in names for name in (list_experiments() if each == ALL else (each,))]


def progress_text(at: LabProgress) -> str:
    """
    >>> progress_text(LabProgress(80, 20, 0.25, 0.0, 600.0, ()))
    '20 of 80 runs, 25 %, about 30:00 left'
    """
    left = "" if at.left_s is None else f", about {format_seconds(at.left_s)} left"
    failed = f", {len(at.failed)} failed" if at.failed else ""
    return f"{at.num_done} of {at.num_runs} runs, {100 * at.fraction:.0f} %{failed}{left}"


class LabDisplay:
    """One bar over all runs in a terminal; elsewhere a line every `LINE_EVERY_S`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=2, transient=True)
        self._last_line_s = -LINE_EVERY_S

    def show(self, at: LabProgress) -> None:
        if self._console.is_terminal:
            row = Table.grid(padding=(0, 1))
            row.add_row(ProgressBar(total=1.0, completed=at.fraction, width=40), progress_text(at))
            self._live.update(row)
        elif at.elapsed_s - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = at.elapsed_s
            self._console.print(progress_text(at), soft_wrap=True)

    def __enter__(self) -> LabDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
