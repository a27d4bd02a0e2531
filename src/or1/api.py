"""The library: `or1.train`, `or1.evaluate`, `or1.verify`, with the recipes and settings of the command line.

A call may come from any thread. Only a call from the main thread saves its state on SIGTERM and SIGINT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.evals import request
from or1.evals.tables import ScoreRow, tabulate
from or1.plugins import absolute_plugin
from or1.protocols import NO_PROGRESS
from or1.recipes.request import TrainRequest
from or1.tasks.kind import DEFAULTS
from or1.tasks.registry import task_kind
from or1.tracking.metrics import score_from
from or1.tracking.rollouts import read_rollouts
from or1.tracking.run_data import read_run
from or1.types import Gold, Message, Problem, Score, Verdict

MODELS = "models"
"""Folder of a run that holds its exported models."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk. It can be opened while it is training, and after it was killed."""

    folder: Path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a step, in order: the metrics of docs/metrics.md."""
        return read_run(self.folder).steps

    @property
    def scores(self) -> list[Score]:
        """The held-out scores, in order of steps; the first is that of the start model."""
        return [score_from(row) for row in read_run(self.folder).scores]

    def rollouts(self, step: int) -> list[dict[str, Any]]:
        """The rollouts of a step with their verdicts, one row a rollout.

        Raises:
            RunFolderError: the step has no file of rollouts.
        """
        return read_rollouts(self.folder, step)

    @property
    def model_folder(self) -> Path:
        """The newest checkpoint as a Hugging Face folder, exported on first use.

        Raises:
            CheckpointError: there is no whole checkpoint.
        """
        from or1.assemble.export import checkpoint_of, export  # imports torch
        from or1.trainer.checkpoint import step_of

        checkpoint = checkpoint_of(self.folder, None)
        out = self.folder / MODELS / checkpoint.name
        if not out.is_dir():
            export(self.folder, out, step_of(checkpoint))
        return out


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of an evaluation on disk."""

    folder: Path
    rows: tuple[ScoreRow, ...]
    """One row for each part of a benchmark that has a score of its own; the part `all` is the benchmark."""

    def __getitem__(self, benchmark: str) -> ScoreRow:
        """The score of a whole benchmark.

        Raises:
            KeyError: it was not part of the evaluation.
        """
        for row in self.rows:
            if (row.benchmark, row.row) == (benchmark, "all"):
                return row
        raise KeyError(benchmark)


def train(
    recipe: str | Path | None = None,
    *,
    out: str | Path | None = None,
    reward: Callable[..., float] | None = None,
    start: str | None = None,
    accept_changes: bool = False,
    **settings: object,
) -> Run:
    """Train as a recipe says; repeating the call resumes the run.

    Args:
        recipe: a shipped recipe, a `.toml` file, a run folder or its `config.json`; None = the run of
            `start`.
        out: run folder; if not given, the folder that `recipe` names, or `runs/NAME`.
        reward: `reward(response: str, gold, problem) -> float` in [0, 1] in place of the verifiers of all
            `data`. It runs in worker processes that import its file. The source of a function of a notebook
            is copied into the run folder, so its imports must stand inside it.
        start: `RUN` or `RUN@STEP`: start a new run from a checkpoint of another, with its weights, optimizer
            and state.
        accept_changes: resume with other settings that change the training, recorded with their step.
        settings: changes to the recipe, by dotted key, as `--set` takes them:
            `**{"optimizer.learning_rate": 1e-6}`, or whole tables, `rollout={"oversample": 1.5}`.

    Returns:
        the finished run.

    Raises:
        ConfigError: an unknown recipe, key or value; before anything is written.
        Or1Error: see `or1.errors`; nothing is lost beyond the last checkpoint.
    """
    request = TrainRequest.of(recipe, start=start, settings=settings, out=out)
    run, folder = request.run, request.folder

    from or1 import assemble  # imports torch
    from or1.assemble.own_reward import plugin_of, with_reward

    if reward is not None:
        run = with_reward(run, plugin_of(reward, folder))
    assemble.train(run, folder, accept_changes=accept_changes, origin=request.origin)
    return Run(folder)


def evaluate(
    model: str | Path,
    *benchmarks: str,
    out: str | Path | None = None,
    data: Sequence[str | Path] = (),
    url: str | None = None,
    **settings: object,
) -> Scores:
    """Score a model on benchmarks; repeating the call resumes the evaluation.

    Args:
        model: model folder, hub name or `builtin:tiny`.
        benchmarks: names, as `or1 eval list` prints them: `aime24`, `livecodebench:release_v5`.
        out: folder of the results; `evals/MODEL` if not given.
        data: files of the benchmark's problems, for one benchmark.
        url: server that has the model.
        settings: as `or1 eval run --set` takes them: `samples=8`, `protocol="reference"`.

    Raises:
        ConfigError: an unknown benchmark, key or value; before any work.
        DataError: samples are missing or not judged: repeat the call.
    """
    files = [str(path) for path in data]
    request.check_request(str(model), benchmarks, files)
    wanted = request.evaluation_settings(str(model), url, (), settings)
    questions = request.questions_of(wanted, benchmarks, files)
    folder = Path(out) if out is not None else request.default_folder(str(model))

    from or1.assemble import evaluation  # imports torch

    evaluation.evaluate(wanted, questions, folder, NO_PROGRESS)
    return Scores(folder, tuple(tabulate(folder)))


def verify(gold: Gold, response: str, task: str = "math") -> Verdict:
    """Judge one response, in this process and without a time limit.

    For responses of a model in training use `or1_verify.pool`, which stops a verifier that hangs.

    Args:
        gold: the answer, or the tests of a program.
        response: the response text.
        task: `math`, `code`, `arithmetic`, or your own as `FILE.py:NAME` or `module:NAME`.

    Raises:
        ConfigError: there is no such task.
    """
    kind = task_kind(absolute_plugin(task, Path.cwd(), every=True), "task")
    problem = Problem.make(kind.name, (Message("user", ""),), gold)
    return kind.verifier(DEFAULTS).verify(problem, response)
