"""A run's problems: read from every source, checked, freed of duplicates, split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from or1.config import DataColumnsConfig, DataConfig
from or1.errors import ConfigError, DataError
from or1.protocols import Task
from or1.tasks.arithmetic import MAX_DIFFICULTY, ArithmeticTask
from or1.tasks.code import CodeTask
from or1.tasks.curated import CuratedTask, is_curated
from or1.tasks.math import MathTask
from or1.tasks.noise import exchange_golds, rank
from or1.tasks.rows import Hub, HuggingFaceHub
from or1.types import Gold, Problem
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier, ProgramVerifier

_NUM_ARITHMETIC = 4_096
"""Arithmetic problems where the setting is None [problems]."""


@dataclass(frozen=True, kw_only=True)
class ProblemSet:
    """Problems in order, all with different ids."""

    problems: tuple[Problem, ...]
    weights: Mapping[str, float]
    """Problem id -> copies in each epoch's order; may name more problems than there are."""
    verifiers: Mapping[str, Verifier]
    """Task name -> verifier."""
    clean_golds: Mapping[str, Gold] = field(default_factory=dict)
    """Problem id -> the gold that label noise took away."""
    num_duplicates: int = 0
    """Rows left out because an earlier row is the same problem."""

    @property
    def data_hash(self) -> str:
        """First 16 hex digits of sha256 over the ids in order; an id covers task, prompt and clean gold."""
        return hashlib.sha256("\n".join(problem.id for problem in self.problems).encode()).hexdigest()[:16]


def load_problems(
    data: tuple[DataConfig, ...], seed: int, hub: Hub | None = None, code: ProgramVerifier | None = None
) -> ProblemSet:
    """Read all sources in order; of equal problems the first stays, with its source's weight.

    Args:
        data: the sources.
        seed: of the built-in task's problems and of label noise.
        hub: source of data sets by name; None = the Hugging Face hub.
        code: judges programs; None = one with the defaults.

    Raises:
        ConfigError: a source is described wrongly.
        DataError: a file or a row of it cannot be used.
    """
    found: dict[str, Problem] = {}
    weights: dict[str, float] = {}
    clean_golds: dict[str, Gold] = {}
    verifiers: dict[str, Verifier] = {}
    num_rows = 0
    for source in data:
        task = _task(source, seed, hub or HuggingFaceHub(), code or CodeVerifier())
        verifiers[task.name] = task.verifier
        problems = task.problems()
        num_rows += len(problems)
        clean = {problem.id: problem for problem in problems}
        for problem in exchange_golds(list(clean.values()), source.label_noise, seed):
            if problem.id in found:
                continue
            found[problem.id] = problem
            weights[problem.id] = source.weight * _own_weight(task, problem)
            if problem.gold != clean[problem.id].gold:
                clean_golds[problem.id] = clean[problem.id].gold
    return ProblemSet(
        problems=tuple(found.values()),
        weights=weights,
        verifiers=verifiers,
        clean_golds=clean_golds,
        num_duplicates=num_rows - len(found),
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


def _own_weight(task: Task, problem: Problem) -> float:
    """The weight in a curated data set; 1 elsewhere."""
    return task.weights[problem.id] if isinstance(task, CuratedTask) else 1.0


def _task(source: DataConfig, seed: int, hub: Hub, code: ProgramVerifier) -> Task:
    has_own_columns = source.task == "arithmetic" or is_curated(source.path)
    if has_own_columns and source.columns != DataColumnsConfig():
        kind = f"the data set {source.path}" if source.path else f'task = "{source.task}"'
        raise ConfigError(f"data.columns has no effect on {kind}, whose columns are fixed: remove it")
    if source.task == "arithmetic":
        if source.path is not None:
            raise ConfigError(f'data.path = "{source.path}" has no use with task = "arithmetic": remove it')
        return ArithmeticTask(
            split=source.split,
            num_problems=source.num_problems or _NUM_ARITHMETIC,
            seed=seed,
            min_difficulty=source.min_difficulty or 1,
            max_difficulty=source.max_difficulty or MAX_DIFFICULTY,
            instruction=source.instruction,
        )
    if source.path is None:
        raise ConfigError(
            f'data.path is missing: task = "{source.task}" needs a .jsonl or .parquet file, or a hub name'
        )
    if source.min_difficulty is not None or source.max_difficulty is not None:
        raise ConfigError(
            f'data.min_difficulty and max_difficulty have no use with task = "{source.task}": remove them'
        )
    if is_curated(source.path):
        verifier = code if source.task == "code" else MathTask("").verifier
        return CuratedTask(source.path, source.task, verifier, source.num_problems, source.instruction)
    if source.task == "code":
        return CodeTask(
            source.path, source.split, source.num_problems, source.instruction, source.columns, hub, code
        )
    return MathTask(source.path, source.split, source.num_problems, source.instruction, source.columns, hub)
