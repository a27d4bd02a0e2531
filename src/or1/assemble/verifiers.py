"""Verifier pools of training and evaluation."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable, Mapping

from or1.config import RunConfig, VerifyConfig
from or1.errors import ConfigError, DataError, SandboxError
from or1.evals.benchmark import load_benchmark
from or1.evals.settings import EvalRunConfig
from or1.rollout.judged import judged
from or1.tasks.kind import TaskKind, VerifierSettings
from or1.tasks.registry import TASKS, task_kind, verifiers_of
from or1.tasks.user import NOT_CHECKED, ForeignVerifier, UserGoldCheck
from or1.types import Answer, Outcome, Problem, Verdict
from or1_verify.base import Verifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.pool.workers import MakeWorkers, WorkerPool
from or1_verify.sandbox import Capabilities, Level, detect

_SHOWN = 80
"""Most characters of a gold in an error message [characters]."""
logger = logging.getLogger(__name__)


def training_pool(
    run: RunConfig,
    verifiers: Mapping[str, Verifier],
    second_opinions: Mapping[str, Verifier],
    workers: MakeWorkers = WorkerPool,
) -> ProcessVerifierPool:
    """The worker pool of a run; both mappings from task name to verifier, and the maker of its workers."""
    return _pool(
        run.verify,
        verifiers,
        second_opinions=second_opinions,
        second_opinion_fraction=run.verify.second_opinion_fraction,
        seed=run.seed,
        workers=workers,
    )


def evaluation_pool(settings: EvalRunConfig) -> ProcessVerifierPool:
    """The worker pool of an evaluation."""
    return _pool(settings.verify, benchmark_verifiers(settings))


def benchmark_verifiers(settings: EvalRunConfig) -> dict[str, Verifier]:
    """Task name -> verifier, for an evaluation."""
    kinds = [*TASKS.values(), *([task_kind(settings.task, "task")] if settings.task else [])]
    given = VerifierSettings(
        math=settings.verify.math,
        code=settings.verify.code,
        unboxed_answers=settings.unboxed_answers,
    )
    return verifiers_of(kinds, given)


def _pool(
    settings: VerifyConfig,
    verifiers: Mapping[str, Verifier],
    *,
    second_opinions: Mapping[str, Verifier] | None = None,
    second_opinion_fraction: float = 0.0,
    seed: int = 0,
    workers: MakeWorkers = WorkerPool,
) -> ProcessVerifierPool:
    return ProcessVerifierPool(
        verifiers,
        num_workers=settings.num_workers,
        time_limit_s=settings.time_limit_s,
        memory_limit_bytes=settings.worker_memory_bytes,
        second_opinions=second_opinions,
        second_opinion_fraction=second_opinion_fraction,
        seed=seed,
        workers=workers,
    )


def refuse_weak_sandbox(run: RunConfig, kinds: Iterable[TaskKind]) -> None:
    """Check that the sandbox is fit for training, if a task needs it.

    Raises:
        ConfigError: programs would run in a sandbox that confines little, and the settings do not allow it.
        SandboxError: there is no sandbox at all.
    """
    settings = run.verify.code
    if settings.sandbox_fusion_url is None and any(kind.needs_sandbox for kind in kinds):
        refuse_weak(detect(), settings.allow_weak_sandbox)


def refuse_weak(here: Capabilities, allow_weak: bool) -> None:
    """Log the level of the sandbox.

    Raises:
        ConfigError: it is too weak to train against, and this is not allowed.
        SandboxError: there is none.
    """
    line = sandbox_line(here, allow_weak)
    if here.level is None:
        raise SandboxError(line or "no code sandbox works here")
    logger.warning("code sandbox: level %d of %d (%s)", here.level, max(Level), here.level.name.lower())
    if line is not None:
        raise ConfigError(line)


def sandbox_line(here: Capabilities, allow_weak: bool) -> str | None:
    """Why programs cannot be judged in training on this machine, with a remedy; None where they can."""
    if here.level is None:
        return f"no code sandbox works here: {here.lacks[-1].why}"
    if here.level.fit_for_training or allow_weak:
        return None
    return (
        f"the code sandbox reaches level {here.level.value} here, too weak for training: "
        f"{here.lacks[-1].remedy}, or set verify.code.allow_weak_sandbox = true (--allow-weak-sandbox)"
    )


def task_kinds(run: RunConfig) -> list[TaskKind]:
    """Every task of a run, once: those of its problems and of its benchmarks."""
    sources = [source.judge for source in (*run.data, *run.evaluation.data)]
    tasks = [load_benchmark(name).task for name in run.evaluation.benchmarks]
    return [task_kind(name) for name in dict.fromkeys([*sources, *tasks])]


def check_own_tasks(
    run: RunConfig, problems: Iterable[Problem], verifiers: Mapping[str, Verifier], rows: Mapping[str, str]
) -> None:
    """Ask each user task whether it pays for the gold, and not for an empty response, on every row.

    Runs in workers, under the limits of training.

    Args:
        run: its limits.
        problems: of all tasks.
        verifiers: task name -> verifier.
        rows: problem id -> file and row, for error messages.

    Raises:
        DataError: a row on which the reward must be wrong, or on which it raises or runs into a limit.
    """
    own = {name: UserGoldCheck(v) for name, v in verifiers.items() if isinstance(v, ForeignVerifier)}
    checked = [p for p in problems if p.task in own]
    if not checked:
        return
    skipped: list[Problem] = []
    with contextlib.closing(_pool(run.verify, own)) as pool:
        answers = ((p, Answer(problem=p, index=0, text="")) for p in checked)
        for problem, verdict in judged(answers, pool):
            if verdict.reason == NOT_CHECKED:
                skipped.append(problem)
            elif verdict.outcome is not Outcome.RIGHT:
                row = rows.get(problem.id, f"problem {problem.id}")
                raise DataError(f"{row}: task {problem.task} {_complaint(problem, verdict)}")
    if skipped:
        logger.warning(
            "task %s: the gold of %d of %d problems is not a response that gets 1: not checked",
            ", ".join(sorted({p.task for p in skipped})),
            len(skipped),
            len(checked),
        )


def _complaint(problem: Problem, verdict: Verdict) -> str:
    gold = json.dumps(problem.gold, ensure_ascii=False)[:_SHOWN]
    match verdict.reason:
        case "empty_is_correct":
            return f"gives 1 for an empty response (gold {gold}): correct the reward"
        case "gold_is_wrong":
            return f"does not give 1 for its own gold {gold}: correct the reward or the row"
    detail = f" ({verdict.detail})" if verdict.detail else ""
    return f"cannot judge a response (gold {gold}): {verdict.reason}{detail}"
