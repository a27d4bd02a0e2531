"""Two evaluations on the same problems, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.errors import DataError
from or1.evals.results import EvalFolder, ProblemRow
from or1.evals.statistics import Estimate, paired_difference, rerun_difference
from or1.evals.tables import refuse_unknown, solved_of
from or1.storage.settings import differing_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkComparison:
    """One benchmark of both. Differences are second minus first, in fractions of 1."""

    benchmark: str
    num_problems: int
    """Problems that both have judged samples of."""
    first: float
    second: float
    problems: Estimate
    """Difference, and its 95 % CI over other problems like these (paired t)."""
    run: Estimate | None
    """Difference, and its 95 % CI over new samples of the same problems; None with single samples."""
    num_better: int
    """Problems at which the second does better."""
    num_worse: int
    notes: tuple[str, ...]
    """In what else they differ."""


def compare(first: Path, second: Path, *, bounds: bool = False) -> list[BenchmarkComparison]:
    """Every benchmark that both evaluations have.

    Args:
        first: an evaluation.
        second: another.
        bounds: compare the judged samples alone where others are missing or were not judged, and say so.

    Raises:
        DataError: they have no benchmark in common, or hardly a problem of one; or samples are missing or not
            judged, and `bounds` is False.
        RunFolderError: one of them is no evaluation.
    """
    sides = EvalFolder.read(first), EvalFolder.read(second)
    common = [name for name in sides[0]["benchmarks"] if name in sides[1]["benchmarks"]]
    if not common:
        raise DataError(
            f"{first} and {second} have no benchmark in common: {', '.join(sides[0]['benchmarks'])} against "
            f"{', '.join(sides[1]['benchmarks'])}: evaluate both on one"
        )
    return [_compare(name, (first, second), sides, bounds) for name in common]


def _compare(
    name: str,
    folders: tuple[Path, Path],
    sides: tuple[Mapping[str, Any], Mapping[str, Any]],
    bounds: bool,
) -> BenchmarkComparison:
    entries = [side["benchmarks"][name] for side in sides]
    solved = [solved_of(folder, name, entry) for folder, entry in zip(folders, entries, strict=True)]
    for folder, entry, found in zip(folders, entries, solved, strict=True):
        refuse_unknown(f"{folder}: {name}", entry, found, bounds)
    unknown = [sum(s.num_unknown for s in found) for found in solved]
    judged = [{s.problem.problem: s for s in found if s.rewards} for found in solved]
    common = [(judged[0][key], judged[1][key]) for key in judged[0] if key in judged[1]]
    if len(common) < 2:
        raise DataError(
            f"{name}: {folders[0]} and {folders[1]} have {len(common)} problems in common, which compares "
            "nothing: evaluate both on the same problems"
        )
    before, after = ([pair[side].rewards for pair in common] for side in (0, 1))
    means = [[sum(r) / len(r) for r in side] for side in (before, after)]
    differences = [b - a for a, b in zip(*means, strict=True)]
    paired = paired_difference(*means)
    problems = [(one.problem, other.problem) for one, other in common]
    return BenchmarkComparison(
        benchmark=name,
        num_problems=len(common),
        first=sum(means[0]) / len(common),
        second=sum(means[1]) / len(common),
        problems=Estimate(paired.mean, max(-1.0, paired.low), min(1.0, paired.high)),
        run=rerun_difference(before, after),
        num_better=sum(d > 0 for d in differences),
        num_worse=sum(d < 0 for d in differences),
        notes=_notes(entries, sides, problems, [len(side) for side in judged], unknown),
    )


def _notes(
    entries: list[Mapping[str, Any]],
    sides: tuple[Mapping[str, Any], Mapping[str, Any]],
    common: list[tuple[ProblemRow, ProblemRow]],
    num_each: list[int],
    num_unknown: list[int],
) -> tuple[str, ...]:
    found = []
    if any(num_unknown):
        found.append(f"{num_unknown[0]} and {num_unknown[1]} samples are missing or not judged, and left out")
    if max(num_each) > len(common):
        found.append(f"{len(common)} problems of {num_each[0]} and {num_each[1]} are common and compared")
    if any(one.prompt_hash != other.prompt_hash for one, other in common):
        found.append("the prompts differ")
    if _other_content(entries, common, max(num_each) == len(common)):
        found.append("the questions, golds or tests differ")
    if entries[0]["left_out"].keys() != entries[1]["left_out"].keys():
        found.append(f"{len(entries[0]['left_out'])} and {len(entries[1]['left_out'])} problems are left out")
    if entries[0]["samples"] != entries[1]["samples"]:
        found.append(f"k is {entries[0]['samples']} and {entries[1]['samples']}")
    keys = [k for k in differing_keys(*(side["settings"] for side in sides)) if not k.startswith(_EXPECTED)]
    if keys:
        found.append(f"settings differ: {', '.join(keys)}")
    return tuple(found)


def _other_content(
    entries: list[Mapping[str, Any]], common: list[tuple[ProblemRow, ProblemRow]], is_whole: bool
) -> bool:
    """Evaluations of earlier versions have one hash of all problems alone."""
    known = [pair for pair in common if all(row.content_hash is not None for row in pair)]
    if len(known) < len(common) and is_whole:
        return bool(entries[0]["data_hash"] != entries[1]["data_hash"])
    return any(one.content_hash != other.content_hash for one, other in known)


_EXPECTED = (
    *("model.path", "model.dtype", "samples", "max_running", "system.threads"),
    *("verify.num_workers", "verify.second_opinion_fraction", "verify.code.allow_weak_sandbox"),
)
"""Differences that say nothing about fairness."""
