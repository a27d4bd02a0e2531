"""The tasks by name. A further task of or1 is one entry; a user task needs no edit (`or1.tasks.user`)."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from or1.config import DataConfig
from or1.errors import ConfigError
from or1.plugins import Plugin, parse_plugin
from or1.recipes.check import choices
from or1.tasks import arithmetic, code, math, process
from or1.tasks.hub import Hub
from or1.tasks.kind import DEFAULTS, TaskKind, VerifierSettings
from or1.tasks.user import user_kind
from or1.tasks.verifiers_env import PREFIX, environment_kind
from or1.types import Problem
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.code.program import program_of
from or1_verify.pool.second_opinion import MathVerifyVerifier

ENTRY_POINTS = "or1.tasks"
"""Group of the entry points with which a package offers tasks by name."""
_NUM_ARITHMETIC = 4_096
"""Default number of arithmetic problems [problems]."""


def _load_arithmetic(source: DataConfig, seed: int, hub: Hub) -> tuple[Problem, ...]:
    task = arithmetic.ArithmeticTask(
        split=source.split,
        num_problems=source.num_problems or _NUM_ARITHMETIC,
        seed=seed,
        min_difficulty=source.min_difficulty or 1,
        max_difficulty=source.max_difficulty or arithmetic.MAX_DIFFICULTY,
        instruction=source.instruction,
    )
    return tuple(task.problems())


def _load_math(source: DataConfig, seed: int, hub: Hub) -> tuple[Problem, ...]:
    assert source.path is not None, "load_problems has refused it"
    task = math.MathTask(
        source.path, source.split, source.num_problems, source.instruction, source.columns, hub
    )
    return tuple(task.problems())


def _load_code(source: DataConfig, seed: int, hub: Hub) -> tuple[Problem, ...]:
    assert source.path is not None, "load_problems has refused it"
    task = code.CodeTask(
        source.path, source.split, source.num_problems, source.instruction, source.columns, hub
    )
    return tuple(task.problems())


TASKS: dict[str, TaskKind] = {
    kind.name: kind
    for kind in (
        TaskKind(
            name="arithmetic",
            verifier=lambda settings: ArithmeticVerifier(),
            load=_load_arithmetic,
            makes_problems=True,
            answer=arithmetic.integer_answer,
        ),
        TaskKind(
            name="math",
            verifier=math.verifier_of,
            second_opinion=MathVerifyVerifier,
            load=_load_math,
            response_of=lambda answer: f"\\boxed{{{answer}}}",
            benchmark_row=math.benchmark_row,
        ),
        TaskKind(
            name="code",
            verifier=code.program_verifier,
            load=_load_code,
            answer=lambda text: program_of(text) or None,
            votes=False,
            needs_sandbox=True,
            benchmark_row=code.benchmark_row,
        ),
        TaskKind(
            name="process",
            verifier=lambda settings: ArithmeticVerifier(),
            answer=arithmetic.integer_answer,
            benchmark_row=process.benchmark_row,
            score="halves",
        ),
    )
}


def task_kind(name: str, setting: str = "data.task") -> TaskKind:
    """The task of this name: built in, of an entry point, `verifiers:NAME`, or a user task at `FILE.py:NAME`
    or `module:NAME`.

    Args:
        name: as in a recipe.
        setting: the setting or option that gave the name, for error messages.

    Raises:
        ConfigError: there is none, or it cannot be imported.
    """
    if name in TASKS:
        return TASKS[name]
    if name.startswith(PREFIX):
        return environment_kind(name.removeprefix(PREFIX), setting)
    plugin = parse_plugin(name)
    if plugin is not None:
        return user_kind(plugin, setting)
    offered = {entry.name: entry.value for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if name in offered:
        module, _, attribute = offered[name].partition(":")
        return user_kind(Plugin(module, attribute), setting, name)
    raise ConfigError(
        f'{setting} = "{name}" does not exist: {choices(name, [*TASKS, *offered])}; '
        "a user task is FILE.py:NAME or module:NAME"
    )


def verifiers_of(kinds: Iterable[TaskKind], settings: VerifierSettings = DEFAULTS) -> dict[str, Verifier]:
    """Task name -> verifier, for training, evaluation and curation.

    Raises:
        ConfigError: two different tasks have one name.
    """
    found: dict[str, TaskKind] = {}
    for kind in kinds:
        if kind.name in found and found[kind.name].source_hash != kind.source_hash:
            raise ConfigError(f"two tasks are called {kind.name}: rename one of the files")
        found[kind.name] = kind
    return {name: kind.verifier(settings) for name, kind in found.items()}


def built_in_verifier(name: str, settings: VerifierSettings = DEFAULTS) -> Verifier:
    """The verifier of a task of `TASKS`."""
    return TASKS[name].verifier(settings)


def checked_hash(name: str, recorded: str | None, setting: str = "data.task") -> str | None:
    """The source hash of a user task; None for one that is part of or1.

    Raises:
        ConfigError: another hash is recorded.
    """
    digest = task_kind(name, setting).source_hash
    if recorded is not None and recorded != digest:
        key = setting[: setting.rfind(".") + 1] + "task_hash"
        raise ConfigError(
            f'{setting} = "{name}": its source has changed ({key} is {recorded}, the source has {digest}): '
            f"restore it, or take the changed one with --set {key}=null"
        )
    return digest
