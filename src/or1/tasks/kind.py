"""A task: how its problems are read, which verifier judges them, how its answers are read and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from or1.config import CodeVerifyConfig, DataConfig, MathVerifyConfig
from or1.tasks.hub import Hub
from or1.tasks.rows import Row
from or1.types import Gold, Message, Problem
from or1_verify.answer import final_answer
from or1_verify.base import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierSettings:
    """The settings that verifiers take from a configuration."""

    math: MathVerifyConfig = field(default=MathVerifyConfig())
    code: CodeVerifyConfig = field(default=CodeVerifyConfig())
    unboxed_answers: bool = False
    """See `or1.evals.settings.EvalRunConfig`."""


DEFAULTS = VerifierSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRow:
    """A row of a benchmark's file."""

    form: str
    """Which prompt of the protocol it gets."""
    question: str
    """The bare question."""
    gold: Gold
    before: tuple[Message, ...] = ()
    """Messages before the question."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Further names of the prompt -> values."""
    source: str | None = None
    """None = the benchmark's name."""
    difficulty: str | None = None
    """None = as the benchmark's columns say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKind:
    """One row of the registry; `name` and `verifier` are enough for a user task."""

    name: str
    verifier: Callable[[VerifierSettings], Verifier]
    """Builds the verifier."""
    second_opinion: Callable[[], Verifier] | None = None
    """Builds another verifier, of a class that workers can import, for a sample of the answers
    (`verify.second_opinion_fraction`)."""
    load: Callable[[DataConfig, int, Hub], Sequence[Problem]] | None = None
    """(source, seed, hub) -> problems in a fixed order. None: there are problems in benchmarks only."""
    makes_problems: bool = False
    """`load` generates problems: it takes no path."""
    answer: Callable[[str], str | None] = final_answer
    """Response -> the answer that evaluations record; None where there is none."""
    votes: bool = True
    """May equal answers vote (maj@k)?"""
    response_of: Callable[[str], str] | None = None
    """Answer -> a response that gives it. With it the verifier finds which different answers are equal when
    they vote; without it answers are equal only as text."""
    needs_sandbox: bool = False
    """The verifier runs programs from responses."""
    benchmark_row: Callable[[Row, str], BenchmarkRow] | None = None
    """(row, instruction to remove from the end of its question) -> question; None: no benchmark has files."""
    score: Literal["mean", "halves"] = "mean"
    """halves: harmonic mean of the scores of problems of difficulty `correct` and `error` (ProcessBench)."""
    source_hash: str | None = None
    """Of a task that is not part of or1: hash of its source."""
