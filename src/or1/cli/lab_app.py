"""`or1 lab list | run | report`: the signatures. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

lab_app = typer.Typer(
    name="lab",
    help="Run the paper's experiments; decide its findings.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Quick = Annotated[
    bool, typer.Option("--quick", help="One seed and few steps: to look at, never part of an outcome.")
]
Seeds = Annotated[
    int | None, typer.Option(min=1, help="Seeds of each arm; as each experiment says if not given.")
]
Results = Annotated[Path | None, typer.Option(help="Folder of the results; OUT/results if not given.")]


@lab_app.command("list")
def lab_list() -> None:
    """List the experiments and the number of their runs."""
    from or1.cli.lab import show_list as run

    run()


@lab_app.command("run")
def lab_run(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Experiments, or all.")],
    quick: Quick = False,
    seeds: Seeds = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/lab"),
    results: Results = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at once; one for each core if not given.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on a Ray cluster: HOST:PORT, or ray to start one here."),
    ] = None,
    machines: Annotated[
        int, typer.Option(min=1, help="Wait for this many machines of the cluster before the start.")
    ] = 1,
    hours: Annotated[float | None, typer.Option(min=0, help="Stop after this time; it can resume.")] = None,
) -> None:
    """Run experiments, or continue where a lab was stopped."""
    from or1.cli.lab import run_experiments as run

    run(
        names,
        quick=quick,
        seeds=seeds,
        out=out,
        results=results,
        jobs=jobs,
        hours=hours,
        cluster=cluster,
        machines=machines,
    )


@lab_app.command("report")
def lab_report(
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("docs/lab/results"),
    out: Annotated[Path, typer.Option(help="Folder for lab.md and its pictures.")] = Path("docs"),
    quick: Annotated[bool, typer.Option("--quick", help="Draw quick runs; decide nothing.")] = False,
) -> None:
    """Write the outcomes, tables and pictures of all experiments."""
    from or1.cli.lab import report as run

    run(results, out, quick=quick)
