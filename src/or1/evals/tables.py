"""Results become scores: one line for each part of a benchmark that has one.

Shape legend: P problems, k samples of a problem.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from or1.algo import maj_at_k
from or1.errors import DataError
from or1.evals.benchmark import Benchmark, Part, load_benchmark
from or1.evals.results import PROBLEMS, RESULTS, EvalFolder, ProblemRow, ResultRow, read
from or1.evals.statistics import (
    Estimate,
    harmonic_mean,
    independent_mean,
    mean_interval,
    pass_at_k_curve,
    run_interval,
)
from or1.tasks.registry import task_kind
from or1.types import Outcome

_ORDER = ("easy", "medium", "hard")
_NO_VALUE = "none"
"""Part of the problems whose difficulty or source is not known."""
_MOST_SOURCES = 20
"""A benchmark of more sources is not split by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """The judged samples of one problem."""

    problem: ProblemRow
    samples: tuple[ResultRow, ...]
    num_unknown: int
    """Samples that are missing or were not judged."""
    is_left_out: bool = False
    """Its gold cannot be judged: it is not part of any score."""

    @property
    def rewards(self) -> tuple[float, ...]:
        return tuple(s.reward for s in self.samples if s.reward is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One line: what a part of a benchmark came to. Shares are of judged samples."""

    benchmark: str
    row: str
    metric: str
    """`avg@32`; of ProcessBench also `F1`."""
    k: int
    num_problems: int
    """Problems with a score."""
    num_left_out: int
    """Problems beside them whose gold cannot be judged."""
    run: Estimate
    """The score, and its 95 % CI over new samples of the same problems."""
    problems: Estimate
    """The score, and its 95 % CI over other problems like these."""
    bounds: Estimate
    """The score, and what it were if all unknown samples were wrong, or right; all the same when all are
    known."""
    num_unknown: int
    """Samples missing or not judged."""
    pass_at_k: Mapping[int, float]
    maj_at_k: Mapping[int, float]
    """Empty where answers are not compared (programs)."""
    truncated_fraction: float
    no_answer_fraction: float
    score_untruncated: float | None
    """Share right among the samples that were not cut off; None when all were."""
    tokens_mean: float
    tokens_p50: float
    tokens_p95: float
    tokens_mean_right: float | None
    tokens_mean_wrong: float | None

    @property
    def score(self) -> float:
        return self.run.mean


def tabulate(folder: Path, *, bounds: bool = False) -> list[ScoreRow]:
    """The scores of an evaluation, in the order of its benchmarks.

    Args:
        folder: an evaluation.
        bounds: where samples are missing or were not judged, say between what bounds the score lies.

    Raises:
        DataError: samples are missing or not judged, and `bounds` is False.
        RunFolderError: no evaluation.
    """
    description = EvalFolder.read(folder)
    rows = []
    for name, entry in description["benchmarks"].items():
        solved = solved_of(folder, name, entry)
        refuse_unknown(name, entry, solved, bounds)
        rows += score_rows(load_benchmark(name), solved, entry["samples"])
    return rows


def solved_of(folder: Path, benchmark: str, entry: Mapping[str, Any]) -> list[Solved]:
    """Every problem of a benchmark with its judged samples, in the order of the data."""
    judged: dict[str, dict[int, ResultRow]] = defaultdict(dict)
    for row in read(folder / RESULTS, ResultRow):
        if row.benchmark == benchmark:
            judged[row.problem][row.sample] = row
    k = int(entry["samples"])
    found = []
    for problem in read(folder / PROBLEMS, ProblemRow):
        if problem.benchmark == benchmark:
            if problem.problem in entry["left_out"]:
                found.append(Solved(problem=problem, samples=(), num_unknown=0, is_left_out=True))
                continue
            own = judged[problem.problem]
            samples = tuple(own[i] for i in range(k) if i in own and own[i].reward is not None)
            found.append(Solved(problem=problem, samples=samples, num_unknown=k - len(samples)))
    return found


def refuse_unknown(benchmark: str, entry: Mapping[str, Any], solved: Sequence[Solved], bounds: bool) -> None:
    """Refuse a benchmark with samples that are missing or not judged, unless `bounds` is True.

    Raises:
        DataError: samples are missing or not judged, and `bounds` is False; or no sample has been judged.
    """
    unknown = sum(s.num_unknown for s in solved)
    if unknown == 0:
        return
    total = sum(not s.is_left_out for s in solved) * int(entry["samples"])
    if not bounds:
        raise DataError(
            f"{benchmark}: {unknown} of {total} samples are missing or not judged, so there is no score: "
            "repeat the command that made them, or ask for bounds with --bounds"
        )
    if unknown == total:
        raise DataError(f"{benchmark}: none of {total} samples has been judged, which bounds nothing")


def score_rows(benchmark: Benchmark, solved: Sequence[Solved], k: int) -> list[ScoreRow]:
    """The lines of one benchmark; parts without a judged sample have none."""
    if task_kind(benchmark.task).score == "halves":
        return list(_process_rows(benchmark, solved, k))
    return [
        score_row(benchmark.name, name, part, k)
        for name, part in _parts(benchmark, solved)
        if any(s.rewards for s in part)
    ]


def _parts(benchmark: Benchmark, solved: Sequence[Solved]) -> Iterator[tuple[str, list[Solved]]]:
    """Name and problems of each line: all, the benchmark's parts with their splits, and its sources."""
    parts = benchmark.rows if benchmark.rows[0].name == "all" else (Part(name="all"), *benchmark.rows)
    for part in parts:
        if part.release not in (None, benchmark.release):
            continue
        inside = [s for s in solved if part.holds(s.problem.date)]
        whole = part.start is None and part.end is None
        if not whole and benchmark.cuts(part):
            continue
        if not whole or part.name == "all":
            yield part.name, inside
        if part.split_by is not None:
            for value, some in _split(inside, part.split_by):
                if len(some) == len(solved) and value == _NO_VALUE:
                    continue  # the data say nothing of it: the line would be that of all again
                yield value if whole else f"{part.name} {value}", some
    sources = _split(solved, "source")
    is_split = any(part.split_by == "source" for part in parts)
    if not is_split and 1 < len(sources) <= _MOST_SOURCES:
        yield from sources


def _split(solved: Iterable[Solved], by: str) -> list[tuple[str, list[Solved]]]:
    values: dict[str, list[Solved]] = defaultdict(list)
    for s in solved:
        value = s.problem.difficulty if by == "difficulty" else s.problem.source
        values[value or _NO_VALUE].append(s)
    return sorted(
        values.items(), key=lambda item: (_ORDER.index(item[0]) if item[0] in _ORDER else 9, item[0])
    )


def _process_rows(benchmark: Benchmark, solved: Sequence[Solved], k: int) -> Iterator[ScoreRow]:
    """ProcessBench: for each subset the accuracy on solutions with an error, on those without, F1 and all."""
    f1s, counted = [], list[Solved]()
    for subset, inside in _split(solved, "source"):
        if not any(s.rewards for s in inside):
            continue
        halves = []
        for label in ("error", "correct"):
            part = [s for s in inside if s.problem.difficulty == label]
            if any(s.rewards for s in part):
                halves.append(score_row(benchmark.name, f"{subset} {label}", part, k))
        whole = score_row(benchmark.name, f"{subset} accuracy", inside, k)
        yield from [*halves, whole]
        if len(halves) == 2:
            f1s.append(_f1(whole, halves[0], halves[1], f"{subset} F1"))
            yield f1s[-1]
            counted += inside
    if len(f1s) > 1:
        yield _mean_f1(f1s, score_row(benchmark.name, "mean F1", counted, k))


def _f1(whole: ScoreRow, error: ScoreRow, correct: ScoreRow, name: str) -> ScoreRow:
    low = harmonic_mean(_sure(error.bounds.low), _sure(correct.bounds.low)).mean
    high = harmonic_mean(_sure(error.bounds.high), _sure(correct.bounds.high)).mean
    run = harmonic_mean(error.run, correct.run)
    both = whole.maj_at_k.keys() & error.maj_at_k.keys() & correct.maj_at_k.keys()
    return replace(
        whole,
        row=name,
        metric="F1",
        run=run,
        problems=harmonic_mean(error.problems, correct.problems),
        bounds=Estimate(run.mean, low, high),
        pass_at_k={},
        maj_at_k={
            k: harmonic_mean(_sure(error.maj_at_k[k]), _sure(correct.maj_at_k[k])).mean for k in sorted(both)
        },
    )


def _mean_f1(rows: Sequence[ScoreRow], whole: ScoreRow) -> ScoreRow:
    """The mean over subsets, which weigh alike; `whole` holds the other figures of all of them."""
    run = independent_mean([row.run for row in rows])
    ends = (math.fsum(row.bounds.low for row in rows), math.fsum(row.bounds.high for row in rows))
    both = set.intersection(*(set(row.maj_at_k) for row in rows))
    return replace(
        whole,
        metric="F1",
        run=run,
        problems=independent_mean([row.problems for row in rows]),
        bounds=Estimate(run.mean, ends[0] / len(rows), ends[1] / len(rows)),
        pass_at_k={},
        maj_at_k={k: fmean(row.maj_at_k[k] for row in rows) for k in sorted(both)},
    )


def _sure(value: float) -> Estimate:
    return Estimate(value, value, value)


def score_row(benchmark: str, name: str, part: Sequence[Solved], k: int) -> ScoreRow:
    """One line over some problems, of which at least one has a judged sample."""
    solved = [s for s in part if not s.is_left_out]
    rewards_P = [s.rewards for s in solved if s.rewards]
    samples = [sample for s in solved for sample in s.samples]
    run = run_interval(rewards_P)
    tokens = np.array([s.num_tokens for s in samples])
    fewest = min(len(s.samples) for s in solved)
    reached = [one for one in _ks(k) if one <= fewest]
    untruncated = [s.reward or 0.0 for s in samples if s.outcome is not Outcome.TRUNCATED]
    low, high = (
        math.fsum(math.fsum(s.rewards) + unknown * s.num_unknown for s in solved) / (len(solved) * k)
        for unknown in (0.0, 1.0)
    )
    return ScoreRow(
        benchmark=benchmark,
        row=name,
        metric=f"avg@{k}",
        k=k,
        num_problems=len(solved),
        num_left_out=len(part) - len(solved),
        run=run,
        problems=mean_interval([fmean(r) for r in rewards_P], len(samples)),
        bounds=Estimate(run.mean, low, high),
        num_unknown=sum(s.num_unknown for s in solved),
        pass_at_k=pass_at_k_curve(rewards_P, reached),
        maj_at_k=_majority(solved, reached),
        truncated_fraction=_share(samples, Outcome.TRUNCATED),
        no_answer_fraction=_share(samples, Outcome.NO_ANSWER),
        score_untruncated=fmean(untruncated) if untruncated else None,
        tokens_mean=float(tokens.mean()),
        tokens_p50=float(np.quantile(tokens, 0.5)),
        tokens_p95=float(np.quantile(tokens, 0.95)),
        tokens_mean_right=_mean_tokens(samples, right=True),
        tokens_mean_wrong=_mean_tokens(samples, right=False),
    )


def _ks(k: int) -> list[int]:
    """Powers of two up to k, and k."""
    return sorted({2**n for n in range(k.bit_length()) if 2**n <= k} | {k})


def _majority(solved: Sequence[Solved], ks: Sequence[int]) -> Mapping[int, float]:
    """k -> maj@k, for numbers of samples that every problem has; empty where no sample votes."""
    if not any(sample.vote is not None for s in solved for sample in s.samples):
        return {}
    return {k: fmean(maj_at_k([x.vote for x in s.samples], s.rewards, k=k) for s in solved) for k in ks}


def budget_curve(samples: Sequence[ResultRow], budgets: Sequence[int]) -> list[float]:
    """Share of samples that are right within each budget [tokens]: longer ones count as cut
    off.

    An estimate for smaller budgets, of a model that does not know its budget.
    """
    right = np.sort([s.num_tokens for s in samples if s.reward == 1.0])
    return [float(np.searchsorted(right, budget, side="right")) / len(samples) for budget in budgets]


def _share(samples: Sequence[ResultRow], outcome: Outcome) -> float:
    return sum(s.outcome is outcome for s in samples) / len(samples)


def _mean_tokens(samples: Sequence[ResultRow], *, right: bool) -> float | None:
    lengths = [s.num_tokens for s in samples if (s.reward == 1.0) is right]
    return fmean(lengths) if lengths else None
