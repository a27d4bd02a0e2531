"""The inputs of a run: model, problems and verifiers, read once and checked before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from or1.assemble.golds import scored_on, trained_on
from or1.assemble.model import Model
from or1.assemble.overlap import refuse_overlap
from or1.assemble.prompt_lengths import prompt_lengths
from or1.assemble.verifiers import check_own_tasks, refuse_weak_sandbox, task_kinds
from or1.config import RunConfig
from or1.errors import ConfigError, DataError
from or1.evals.benchmark import Benchmark, load_benchmark, load_protocol
from or1.evals.questions import load_questions
from or1.tasks.kind import VerifierSettings
from or1.tasks.load import ProblemSet, load_problems, split_holdout
from or1.tasks.registry import checked_hash, verifiers_of
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
    bad_golds: Mapping[str, int]
    """`train`, `heldout` -> problems that were left out because their gold cannot be judged."""


def inputs_of(run: RunConfig, model: Model) -> Inputs:
    """Read the problems; drop or refuse prompts that are too long and golds that cannot be judged.

    Raises:
        DataError, ConfigError: in one line.
    """
    benchmarks = [load_benchmark(name) for name in run.evaluation.benchmarks]
    kinds = task_kinds(run)
    refuse_weak_sandbox(run, kinds)
    verifiers = verifiers_of(kinds, VerifierSettings(math=run.verify.math, code=run.verify.code))
    train = load_problems(run.data, run.seed)
    rows = train.rows
    if run.evaluation.data or run.evaluation.benchmarks:
        held = load_problems(run.evaluation.data, run.seed)
        heldout = (*_benchmark_problems(benchmarks), *held.problems)
        rows = {**rows, **held.rows}
    else:
        train, heldout = split_holdout(train, run.evaluation.num_problems, run.seed)
    fitting = {
        "train": _fitting(run, model, train.problems),
        "heldout": _fitting(run, model, heldout),
    }
    train = replace(train, problems=trained_on(run, verifiers, fitting["train"], rows))
    heldout = scored_on(run, verifiers, fitting["heldout"], rows)
    num_bad = {
        name: len(fitting[name]) - len(kept)
        for name, kept in (("train", train.problems), ("heldout", heldout))
        if len(kept) < len(fitting[name])
    }
    heldout = heldout[: run.evaluation.num_problems]
    refuse_overlap(run, benchmarks, train.problems, heldout)
    require_enough(len(train.problems), max(stage.num_problems for stage in run.stages))
    check_own_tasks(run, (*train.problems, *heldout), verifiers, rows)
    return Inputs(
        model=model,
        train=train,
        heldout=heldout,
        verifiers=verifiers,
        second_opinions={kind.name: kind.second_opinion() for kind in kinds if kind.second_opinion},
        bad_golds=num_bad,
    )


def _refuse_beyond_positions(run: RunConfig, model: Model, longest_prompt: int) -> None:
    stages = max(stage.max_response_tokens for stage in run.stages)
    longest = max(stages, run.evaluation.max_response_tokens or 0)
    needed, there = longest_prompt + longest, model.config.max_positions
    if needed > there:
        raise ConfigError(
            f"prompts of {longest_prompt:,} tokens and responses of {longest:,} need {needed:,} positions, "
            f"and {run.model.path} was made for {there:,}: lower max_response_tokens of the stages and the "
            "evaluation or rollout.max_prompt_tokens, or raise max_position_embeddings in its config.json"
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


def _fitting(run: RunConfig, model: Model, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems whose prompt is not longer than the limit, in order; their responses fit the model too."""
    limit = run.rollout.max_prompt_tokens
    lengths = prompt_lengths(model.tokenizer, problems)
    fit = tuple(p for p, length in zip(problems, lengths, strict=True) if length <= limit)
    if len(fit) < len(problems):
        message = (
            f"{len(problems) - len(fit)} of {len(problems)} prompts are longer than "
            f"rollout.max_prompt_tokens {limit} (longest {max(lengths)} tokens)"
        )
        if run.rollout.long_prompts == "refuse" or not fit:
            raise DataError(f'{message}: raise it, or set rollout.long_prompts = "drop"')
        logger.warning("%s: dropped", message)
    _refuse_beyond_positions(run, model, max((n for n in lengths if n <= limit), default=0))
    return fit
