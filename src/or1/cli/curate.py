"""`or1 curate run`: a recipe becomes a data set. `or1 curate show`: the contents of a data set."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from or1.cli.extras import needs
from or1.config import EndpointConfig, ModelConfig, RolloutConfig, SystemConfig
from or1.curate import recipe
from or1.curate.card import funnel_lines
from or1.curate.config import CurateConfig
from or1.curate.curate import curate as run
from or1.curate.inspect import difficulties, draw_histogram, histogram, read_dataset, samples
from or1.curate.model_stages import Models
from or1.curate.workers import ProcessWorkers, Workers
from or1.protocols import Generator
from or1.storage.atomic import guard_writes
from or1.storage.manifest import MANIFEST


class Bars:
    """A bar for each stage, with the time it will still take."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._console = console

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """One bar, full when the stage ends; a line where there is no terminal."""
        bar = self.progress.add_task(name.replace("_", " "), total=total)
        yield lambda rows: self.progress.advance(bar, rows)
        task = self.progress.tasks[bar]
        done = task.total if task.total is not None else task.completed
        self.progress.update(bar, total=done, completed=done)
        if not self._console.is_terminal:
            self._console.print(
                f"{name.replace('_', ' ')}: {task.finished_time or task.elapsed or 0:.0f} s", highlight=False
            )


def curate(recipe_name: str, sets: Sequence[str], out: Path | None) -> None:
    """Load and check the recipe, make the data set, and print the funnel."""
    config = recipe.load(recipe_name, sets)
    folder = out or Path("datasets") / config.name
    console = Console(stderr=True)
    bars = Bars(console)
    with contextlib.ExitStack() as stack:
        models = _models(config, stack)
        workers = stack.enter_context(_workers(config))
        stack.enter_context(bars.progress)
        counts = run(config, folder, bars, models, workers=workers)
    sys.stdout.write("\n".join(funnel_lines(counts)) + f"\n{folder / MANIFEST}\n")


@contextlib.contextmanager
def _workers(config: CurateConfig) -> Iterator[Workers]:
    """Workers for the batches. A cluster is checked before any work."""
    if config.engine == "processes":
        yield ProcessWorkers(config.num_workers)
        return
    with needs("engine=ray", "curate,ray"):
        from or1.cluster.ray_data import connected
    with connected(config.ray_address) as workers:
        yield workers


def _models(config: CurateConfig, stack: contextlib.ExitStack) -> Models:
    """Generators for the stages that need a model. A server is checked before any work.

    Args:
        config: of the data set.
        stack: closes the engine of the solver.
    """
    judges: dict[str, Generator] = {}
    for endpoint in config.quality.judges if config.quality is not None else ():
        judges[endpoint.model] = _server(endpoint)
    if config.difficulty is None:
        return Models(None, judges)
    if config.solver.endpoint is not None:
        return Models(_server(config.solver.endpoint), judges)
    assert config.solver.model_path is not None, "the configuration has checked it"
    from or1.assemble import local_generator  # imports torch

    rollout = RolloutConfig(
        engine=config.solver.engine, max_response_tokens=config.difficulty.max_response_tokens
    )
    solver = local_generator(ModelConfig(path=config.solver.model_path), SystemConfig(), rollout)
    return Models(stack.enter_context(solver), judges)


def _server(endpoint: EndpointConfig) -> Generator:
    from or1.rollout.endpoint import EndpointGenerator

    generator = EndpointGenerator(endpoint)
    generator.check()
    return generator


def show(dataset: Path, num_samples: int, seed: int) -> None:
    """Print the funnel, the difficulty of the problems by model, and random problems; draw the histogram.

    Raises:
        DataError: the folder holds no data set.
    """
    found = read_dataset(dataset)
    lines = [*funnel_lines(found.counts), ""]
    for model, shares in sorted(difficulties(found).items()):
        lines += histogram(model, shares)
        lines.append("")
    for sample in samples(found, num_samples, seed):
        lines += [
            f"[{sample.source}] {sample.problem_id}",
            sample.question,
            f"gold: {json.dumps(sample.gold)[:200]}",
            "",
        ]
    sys.stdout.write("\n".join(lines))
    picture = dataset.resolve().with_name(f"{dataset.resolve().name}-difficulty.png")
    with guard_writes(picture):
        drawn = draw_histogram(found, picture)
    if drawn is not None:
        sys.stdout.write(f"{picture}\n")
