"""A run's problems: read from every source, checked, freed of duplicates, split."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from or1.config import DataColumnsConfig, DataConfig
from or1.errors import ConfigError, DataError
from or1.tasks.curated import CuratedTask, is_curated
from or1.tasks.difficulty import select
from or1.tasks.hub import Hub, HuggingFaceHub, RecordingHub
from or1.tasks.kind import TaskKind
from or1.tasks.noise import exchange_golds, rank
from or1.tasks.registry import task_kind
from or1.types import Gold, Problem

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ProblemSet:
    """Problems in order, all with different ids."""

    problems: tuple[Problem, ...]
    weights: Mapping[str, float]
    """Problem id -> copies in each epoch's order; may name more problems than there are."""
    kinds: tuple[TaskKind, ...] = ()
    """The tasks of the sources."""
    clean_golds: Mapping[str, Gold] = field(default_factory=dict)
    """Problem id -> the gold that label noise took away."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Problem id -> file and row, for problems that are read from files."""
    num_duplicates: int = 0
    """Rows left out because an earlier row is the same problem."""
    hub_commits: Mapping[str, str] = field(default_factory=dict)
    """Data set on the hub -> the commit that was read."""

    @property
    def data_hash(self) -> str:
        """First 16 hex digits of sha256 over the ids in order; an id covers task, prompt and clean gold."""
        return hashlib.sha256("\n".join(problem.id for problem in self.problems).encode()).hexdigest()[:16]


def load_problems(data: tuple[DataConfig, ...], seed: int, hub: Hub | None = None) -> ProblemSet:
    """Read all sources in order; of equal problems the first stays, with its source's weight.

    Args:
        data: the sources.
        seed: of the built-in task's problems and of label noise.
        hub: source of data sets by name; None = the Hugging Face hub.

    Raises:
        ConfigError: a source is described wrongly.
        DataError: a file or a row of it cannot be used.
    """
    found: dict[str, Problem] = {}
    weights: dict[str, float] = {}
    clean_golds: dict[str, Gold] = {}
    kinds: dict[str, TaskKind] = {}
    rows: dict[str, str] = {}
    num_rows = 0
    recording = RecordingHub(hub or HuggingFaceHub())
    for source in data:
        loaded = _load(source, task_kind(source.task), seed, recording)
        kind = task_kind(source.judge, "data.task" if source.reward is None else "data.reward")
        if source.reward is not None:
            loaded = _judged_by(loaded, kind.name)
        kinds[source.judge] = kind
        wanted, line = select(source, loaded.problems)
        if line:
            logger.warning("%s", line)
        num_rows += len(wanted)
        clean = {problem.id: problem for problem in wanted}
        if source.path is not None or kind.source_hash is not None:
            rows |= {
                p.id: f"{source.path or source.task} row {n}" for n, p in enumerate(loaded.problems, start=1)
            }
        for problem in exchange_golds(list(clean.values()), source.label_noise, seed):
            if problem.id in found:
                continue
            found[problem.id] = problem
            weights[problem.id] = source.weight * (loaded.weights.get(problem.id, 1.0))
            if problem.gold != clean[problem.id].gold:
                clean_golds[problem.id] = clean[problem.id].gold
    return ProblemSet(
        problems=tuple(found.values()),
        weights=weights,
        kinds=tuple(kinds.values()),
        clean_golds=clean_golds,
        rows=rows,
        num_duplicates=num_rows - len(found),
        hub_commits=recording.commits,
    )


def split_holdout(problem_set: ProblemSet, num: int, seed: int) -> tuple[ProblemSet, tuple[Problem, ...]]:
    """Set `num` problems aside, chosen by a hash of their ids; the rest keeps its order.

    Which problems are chosen depends on seed and ids alone, not on their order. Label noise does not reach
    them: they get their clean golds back.

    Raises:
        DataError: nothing would be left to train on.
    """
    if num >= len(problem_set.problems):
        raise DataError(
            f"{len(problem_set.problems)} problems, and {num} of them to hold out, leave none to train on: "
            "lower evaluation.num_problems or give evaluation.data"
        )
    ranked = sorted(problem_set.problems, key=lambda problem: rank(seed, "holdout", problem.id))
    held = {problem.id for problem in ranked[:num]}
    clean = problem_set.clean_golds
    aside = tuple(
        replace(problem, gold=clean[problem.id]) if problem.id in clean else problem
        for problem in problem_set.problems
        if problem.id in held
    )
    rest = tuple(problem for problem in problem_set.problems if problem.id not in held)
    return replace(problem_set, problems=rest), aside


@dataclass(frozen=True, slots=True)
class _Loaded:
    problems: Sequence[Problem]
    weights: Mapping[str, float] = field(default_factory=dict)
    """Problem id -> copies that a curated data set asks for; 1 where it is silent."""


def _judged_by(loaded: _Loaded, task: str) -> _Loaded:
    """The same problems as problems of another task, whose verifier judges them."""
    made = [Problem.make(task, p.prompt, p.gold, p.source, p.difficulty) for p in loaded.problems]
    weights = {
        new.id: loaded.weights[old.id]
        for old, new in zip(loaded.problems, made, strict=True)
        if old.id in loaded.weights
    }
    return _Loaded(made, weights)


def _load(source: DataConfig, kind: TaskKind, seed: int, hub: Hub) -> _Loaded:
    if kind.load is None:
        raise ConfigError(f'data.task = "{source.task}" is for benchmarks only: choose another task')
    is_from_curation = kind.source_hash is None and not kind.makes_problems and is_curated(source.path)
    if (kind.makes_problems or is_from_curation) and source.columns != DataColumnsConfig():
        place = f"the data set {source.path}" if source.path else f'task = "{source.task}"'
        raise ConfigError(f"data.columns has no effect on {place}, whose columns are fixed: remove it")
    if kind.makes_problems:
        if source.path is not None:
            raise ConfigError(
                f'data.path = "{source.path}" has no use with task = "{source.task}": remove it'
            )
        return _Loaded(kind.load(source, seed, hub))
    if source.path is None:
        raise ConfigError(
            f'data.path is missing: task = "{source.task}" needs a .jsonl or .parquet file, or a hub name'
        )
    if source.min_difficulty is not None or source.max_difficulty is not None:
        raise ConfigError(
            f'data.min_difficulty and max_difficulty have no use with task = "{source.task}": remove them'
        )
    if is_from_curation:
        curated = CuratedTask(source.path, kind.name, source.num_problems, source.instruction)
        return _Loaded(curated.problems(), curated.weights)
    return _Loaded(kind.load(source, seed, hub))
