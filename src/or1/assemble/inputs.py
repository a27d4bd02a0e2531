"""The inputs of a run: model, problems and verifiers, read once and checked before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from or1.assemble.model import Model, read_model
from or1.assemble.verifiers import check_own_tasks, refuse_weak_sandbox
from or1.config import RunConfig
from or1.errors import DataError
from or1.evals.benchmark import Benchmark, load_benchmark, load_protocol
from or1.evals.questions import load_questions
from or1.protocols import Tokenizer
from or1.tasks.kind import VerifierSettings
from or1.tasks.load import ProblemSet, load_problems, split_holdout
from or1.tasks.registry import checked_hash, task_kind, verifiers_of
from or1.tasks.sampler import require_enough
from or1.types import Problem
from or1_verify.base import Verifier

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The model, problems and verifiers of a run."""

    model: Model
    train: ProblemSet
    heldout: Sequence[Problem]
    verifiers: Mapping[str, Verifier]
    """Task name -> verifier, for all tasks of `train` and `heldout`."""
    second_opinions: Mapping[str, Verifier]
    """Task name -> its second verifier, where it has one."""


def inputs_of(run: RunConfig) -> Inputs:
    """Read model, tokenizer and problems; drop or refuse prompts that are too long.

    Raises:
        ModelError, DataError, ConfigError: in one line.
    """
    benchmarks = [load_benchmark(name) for name in run.evaluation.benchmarks]
    sources = [source.judge for source in (*run.data, *run.evaluation.data)]
    kinds = [task_kind(name) for name in dict.fromkeys([*sources, *(one.task for one in benchmarks)])]
    model = read_model(run.model, run.system)
    refuse_weak_sandbox(run, kinds)
    verifiers = verifiers_of(kinds, VerifierSettings(code=run.verify.code))
    train = load_problems(run.data, run.seed)
    rows = train.rows
    if run.evaluation.data or run.evaluation.benchmarks:
        held = load_problems(run.evaluation.data, run.seed)
        heldout = (*_benchmark_problems(benchmarks), *held.problems)
        rows = {**rows, **held.rows}
    else:
        train, heldout = split_holdout(train, run.evaluation.num_problems, run.seed)
    train = replace(train, problems=_fitting(run, model.tokenizer, train.problems))
    heldout = _fitting(run, model.tokenizer, heldout)[: run.evaluation.num_problems]
    _refuse_overlap(train.problems, heldout)
    require_enough(len(train.problems), max(stage.num_problems for stage in run.stages))
    check_own_tasks(run, (*train.problems, *heldout), verifiers, rows)
    second_opinions = {kind.name: kind.second_opinion() for kind in kinds if kind.second_opinion}
    return Inputs(
        model=model, train=train, heldout=heldout, verifiers=verifiers, second_opinions=second_opinions
    )


def with_task_hashes(run: RunConfig) -> RunConfig:
    """The run with the source hash of each user task, which a resumed run must have too.

    Raises:
        ConfigError: the configuration has another hash than the source.
    """
    table = run.model_dump(mode="json")
    for key, source in (
        *((f"data.{i}", source) for i, source in enumerate(table["data"])),
        *((f"evaluation.data.{i}", source) for i, source in enumerate(table["evaluation"]["data"])),
    ):
        source["task_hash"] = checked_hash(
            source["reward"] or source["task"],
            source["task_hash"],
            f"{key}.reward" if source["reward"] else f"{key}.task",
        )
    return RunConfig.model_validate(table)


def _benchmark_problems(benchmarks: Sequence[Benchmark]) -> tuple[Problem, ...]:
    """The problems of benchmarks without repeats, with the ids of training problems, to find overlap."""
    asked = [
        one.problem
        for benchmark in benchmarks
        for one in load_questions(benchmark, load_protocol("reference")).asked
    ]
    made = [Problem.make(p.task, p.prompt, p.gold, p.source) for p in asked]
    return tuple({p.id: p for p in made}.values())


def _fitting(run: RunConfig, tokenizer: Tokenizer, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems whose prompt is not longer than the limit, in order."""
    limit = run.rollout.max_prompt_tokens
    lengths = [len(tokenizer.encode_prompt(p.prompt)) for p in problems]
    fit = tuple(p for p, length in zip(problems, lengths, strict=True) if length <= limit)
    if len(fit) < len(problems):
        message = (
            f"{len(problems) - len(fit)} of {len(problems)} prompts are longer than "
            f"rollout.max_prompt_tokens {limit} (longest {max(lengths)} tokens)"
        )
        if run.rollout.long_prompts == "refuse" or not fit:
            raise DataError(f'{message}: raise it, or set rollout.long_prompts = "drop"')
        logger.warning("%s: dropped", message)
    return fit


def _refuse_overlap(train: Sequence[Problem], heldout: Sequence[Problem]) -> None:
    trained_on = {p.id for p in train}
    both = [p for p in heldout if p.id in trained_on]
    if both:
        raise DataError(
            f"{len(both)} held-out problems are also trained on, first {both[0].id}: "
            "give evaluation.data other problems"
        )
