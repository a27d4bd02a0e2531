"""`or1 eval`: benchmarks of a model, re-scored, compared, imported."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from or1.errors import ConfigError, DataError
from or1.evals import report, request
from or1.evals.benchmark import (
    about_benchmark,
    list_benchmarks,
    list_protocols,
    load_benchmark,
    load_protocol,
)
from or1.evals.compare import BenchmarkComparison, compare
from or1.evals.imports import import_livecodebench
from or1.evals.results import EvalFolder
from or1.evals.tables import tabulate
from or1.tracking.progress import ProgressDisplay

PUBLISHED = "published"


def evaluate(
    model: str,
    benchmarks: Sequence[str],
    sets: Sequence[str],
    *,
    data: Sequence[str],
    out: Path | None,
    url: str | None,
    bounds: bool,
) -> None:
    """Generate the missing samples, judge them, print and write the scores.

    Raises:
        Or1Error: before any work, as far as it can be known.
    """
    request.check_request(model, benchmarks, data)
    settings = request.evaluation_settings(model, url, sets)
    questions = request.questions_of(settings, benchmarks, data)
    folder = out or request.default_folder(model)
    _quiet()

    from or1.assemble import evaluation  # after the checks: it imports torch

    with ProgressDisplay(Console(stderr=True), "loading the model") as progress:
        lost = evaluation.evaluate(settings, questions, folder, progress)
    if lost:
        Console(stderr=True).print(f"{lost} samples were lost: repeat the command to generate them")
    show_scores(folder, bounds)


def rescore(folder: Path, sets: Sequence[str], *, data: Sequence[str], bounds: bool) -> None:
    """Judge the saved responses of an evaluation again; print and write the scores.

    Raises:
        Or1Error: see `or1.assemble.evaluation.rescore`.
    """
    _quiet()
    from or1.assemble import evaluation

    with ProgressDisplay(Console(stderr=True), "reading the responses") as progress:
        evaluation.rescore(folder, sets, data, progress)
    show_scores(folder, bounds)


def import_verdicts(file: Path, benchmark: str, out: Path | None) -> None:
    """Tabulate the verdicts of LiveCodeBench's own tool.

    Raises:
        DataError: the file does not exist or is no such file.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist")
    folder = out or Path("evals") / file.stem
    import_livecodebench(file, load_benchmark(benchmark), folder)
    show_scores(folder, bounds=False)


def show_scores(folder: Path, bounds: bool) -> None:
    """Print the table of an evaluation and write its report."""
    rows = tabulate(folder, bounds=bounds)
    description = EvalFolder.read(folder)
    report.write_report(folder, description, rows)
    console = _console()
    console.print(report.protocol_line(description), highlight=False, markup=False)
    console.print(_table(report.HEAD, map(report.cells, rows), right=range(2, len(report.HEAD))))
    for note in report.notes(description):
        console.print(note, highlight=False, markup=False)
    console.print(str(folder / report.SCORES_MD), highlight=False, soft_wrap=True)


def show_comparison(targets: Sequence[str], bounds: bool) -> None:
    """Two evaluations on the same problems, or one beside what others have published.

    Raises:
        ConfigError: neither two folders, nor `published` with at most one folder.
    """
    folders = [Path(target) for target in targets if target != PUBLISHED]
    if PUBLISHED in targets and len(folders) <= 1:
        show_published(folders, bounds)
        return
    if len(folders) != 2:
        raise ConfigError(
            "or1 eval compare takes two evaluation folders, or `published` and at most one folder"
        )
    found = compare(folders[0], folders[1], bounds=bounds)
    console = _console()
    console.print(_table(_COMPARED, map(_comparison_cells, found), right=range(1, len(_COMPARED))))
    for one in found:
        for note in one.notes:
            console.print(f"{one.benchmark}: {note}", highlight=False, markup=False)


def show_published(folders: Sequence[Path], bounds: bool) -> None:
    """Published scores; with a folder, those on its benchmarks, beside its own scores."""
    rows = [row for folder in folders for row in tabulate(folder, bounds=bounds)]
    own = [
        (
            row.benchmark,
            row.row,
            f"{folders[0].resolve().name} (ours)",
            f"{100 * row.score:.1f}",
            str(row.k),
            row.metric,
        )
        for row in rows
    ]
    others = report.published_rows([(row.benchmark, row.row) for row in rows] if folders else None)
    lines = sorted([*own, *others], key=lambda cells: (cells[0], cells[1], -float(cells[3])))
    console = _console()
    console.print(_table(("benchmark", "part", "model", "score", "k", "source"), lines, right=(3, 4)))
    for description in map(EvalFolder.read, folders):
        for line in (f"Ours: {report.protocol_line(description)}", *report.notes(description)):
            console.print(line, highlight=False, markup=False)


_COMPARED = (
    *("benchmark", "problems", "first", "second", "difference", "CI, same problems", "CI, other problems"),
    *("better", "worse"),
)


def _comparison_cells(one: BenchmarkComparison) -> tuple[str, ...]:
    def interval(estimate: Any) -> str:
        if estimate is None:
            return "one sample each"
        return f"{100 * estimate.low:+.1f} to {100 * estimate.high:+.1f}"

    return (
        one.benchmark,
        f"{one.num_problems:,}",
        f"{100 * one.first:.1f}",
        f"{100 * one.second:.1f}",
        f"{100 * one.problems.mean:+.1f}",
        interval(one.run),
        interval(one.problems),
        str(one.num_better),
        str(one.num_worse),
    )


def show_list() -> None:
    """Benchmarks and protocols."""
    console = _console()
    console.print(_table(("benchmark", "what it is"), [(n, about_benchmark(n)) for n in list_benchmarks()]))
    protocols = [load_protocol(name) for name in list_protocols()]
    rows = [
        (p.name, p.about, f"{p.temperature:g}", f"{p.top_p:g}", f"{p.max_response_tokens:,}")
        for p in protocols
    ]
    console.print(_table(("protocol", "what it is", "temperature", "top-p", "tokens"), rows, right=(2, 3, 4)))


def _table(head: Sequence[str], rows: Any, right: Sequence[int] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    return table


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


def _quiet() -> None:
    logging.basicConfig(level=logging.WARNING, format="or1: %(message)s")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # what matters of it we say in our own words
