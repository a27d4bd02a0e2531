"""The request for an evaluation: its settings and problems, read and checked before a model is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.errors import ConfigError
from or1.evals.benchmark import load_benchmark, load_protocol
from or1.evals.questions import Questions, load_questions
from or1.evals.results import DESCRIPTION
from or1.evals.settings import EvalRunConfig
from or1.plugins import absolute_plugin
from or1.recipes.check import validate_as
from or1.recipes.files import read_template
from or1.recipes.override import apply_set, apply_value
from or1.tasks.registry import checked_hash


def default_folder(model: str) -> Path:
    """Folder of a model's results when none is named."""
    return Path("evals") / re.sub(r"[^\w.-]+", "-", model).strip("-")


def evaluation_settings(
    model: str, url: str | None, sets: Sequence[str], settings: Mapping[str, object] | None = None
) -> EvalRunConfig:
    """The evaluation as the command line describes it.

    Raises:
        ConfigError: a key or value that cannot be.
    """
    table: dict[str, Any] = {"model": {"path": model}}
    if url is not None:
        table["endpoint"] = {"url": url, "model": model}
    for setting in sets:
        apply_set(table, setting, EvalRunConfig)
    for key, value in (settings or {}).items():
        apply_value(table, key, value, EvalRunConfig)
    read_template(table, Path.cwd(), "--set")
    checked = validate_as(EvalRunConfig, with_task_hash(table), model)
    load_protocol(checked.protocol)
    return checked


def with_task_hash(table: dict[str, Any]) -> dict[str, Any]:
    """The settings with the absolute path and the source hash of a task of your own.

    Raises:
        ConfigError: there is no such task, or another hash is recorded.
    """
    name = table.get("task")
    if not isinstance(name, str):
        return table
    name = absolute_plugin(name, Path.cwd(), every=True)
    return {**table, "task": name, "task_hash": checked_hash(name, table.get("task_hash"), "task")}


def questions_of(settings: EvalRunConfig, benchmarks: Sequence[str], data: Sequence[str]) -> list[Questions]:
    """The benchmarks' problems, each benchmark once."""
    protocol = load_protocol(settings.protocol)
    return [
        load_questions(
            load_benchmark(name),
            protocol,
            data=data,
            num_problems=settings.num_problems,
            task=settings.task,
        )
        for name in dict.fromkeys(benchmarks)
    ]


def check_request(model: str, benchmarks: Sequence[str], data: Sequence[str]) -> None:
    """Refuse requests that cannot be meant.

    Raises:
        ConfigError: the model is an evaluation, there is no benchmark, or data are given for several.
    """
    if (Path(model) / DESCRIPTION).is_file():
        raise ConfigError(
            f"{model} is an evaluation, not a model: use or1 eval rescore, or1 eval compare or or1 plot"
        )
    if not benchmarks:
        raise ConfigError("no benchmark: name one; or1 eval list has the names")
    if data and len(benchmarks) > 1:
        raise ConfigError("the data given are the files of one benchmark: name one benchmark with them")
