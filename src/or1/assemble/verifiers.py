"""Verifier pools of training and evaluation."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from or1.config import CodeVerifyConfig, RunConfig
from or1.errors import ConfigError, SandboxError
from or1.evals.benchmark import load_benchmark
from or1.evals.settings import EvalRunConfig
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier, ProgramVerifier
from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.pool.second_opinion import MathVerifyVerifier
from or1_verify.sandbox import Capabilities, Level, detect

logger = logging.getLogger(__name__)

BENCHMARK_VERIFIERS: Mapping[str, Verifier] = {
    "math": MathVerifier(),
    "process": ArithmeticVerifier(),
    "arithmetic": ArithmeticVerifier(),
}


def training_pool(run: RunConfig, verifiers: Mapping[str, Verifier]) -> ProcessVerifierPool:
    """The worker pool of a run."""
    return ProcessVerifierPool(
        verifiers,
        num_workers=run.verify.num_workers,
        time_limit_s=run.verify.time_limit_s,
        memory_limit_bytes=run.verify.memory_limit_bytes,
        second_opinions={"math": MathVerifyVerifier()},
        second_opinion_fraction=run.verify.second_opinion_fraction,
        seed=run.seed,
    )


def benchmark_pool(settings: EvalRunConfig) -> ProcessVerifierPool:
    """The worker pool of an evaluation."""
    verifiers: dict[str, Verifier] = {
        **BENCHMARK_VERIFIERS,
        "math": MathVerifier(unboxed=settings.unboxed_answers),
        "code": _program_verifier(settings.verify.code),
    }
    return ProcessVerifierPool(
        verifiers,
        num_workers=settings.verify.num_workers,
        time_limit_s=settings.verify.time_limit_s,
        memory_limit_bytes=settings.verify.memory_limit_bytes,
    )


def code_verifier(run: RunConfig) -> ProgramVerifier:
    """The verifier of programs, as the run describes it.

    Raises:
        ConfigError: programs would run in a sandbox that confines little, and the settings do not allow it.
        SandboxError: there is no sandbox at all.
    """
    settings = run.verify.code
    has_code = any(source.task == "code" for source in (*run.data, *run.evaluation.data))
    has_code |= any(load_benchmark(name).task == "code" for name in run.evaluation.benchmarks)
    if has_code and settings.sandbox_fusion_url is None:
        refuse_weak(detect(), settings.allow_weak_sandbox)
    return _program_verifier(settings)


def _program_verifier(settings: CodeVerifyConfig) -> ProgramVerifier:
    if settings.sandbox_fusion_url is not None:
        return SandboxFusionVerifier(
            url=settings.sandbox_fusion_url,
            reward=settings.reward,
            time_limit_factor=settings.time_limit_factor,
        )
    return CodeVerifier(
        reward=settings.reward,
        time_limit_factor=settings.time_limit_factor,
        total_time_limit_s=settings.total_time_limit_s,
        allow_weak_sandbox=settings.allow_weak_sandbox,
    )


def refuse_weak(here: Capabilities, allow_weak: bool) -> None:
    """Log the level of the sandbox; ConfigError if it is too weak to train against."""
    if here.level is None:
        raise SandboxError(f"no code sandbox works here: {here.lacks[-1].why}")
    logger.warning("code sandbox: level %d of %d (%s)", here.level, max(Level), here.level.name.lower())
    if not here.level.fit_for_training and not allow_weak:
        better = here.lacks[-1]
        raise ConfigError(
            f"the code sandbox reaches level {here.level.value} here, too weak for training: "
            f"{better.remedy}, or set verify.code.allow_weak_sandbox = true (--allow-weak-sandbox)"
        )
