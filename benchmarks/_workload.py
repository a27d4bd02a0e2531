"""The work of both sides of a benchmark: prompts, and a fixed length for every response.

A workload is one JSON file, so that a peer in another environment reads it without or1. Lengths are
forced on each side by its own means (an end token at the given position), because speeds over different
numbers of tokens cannot be compared.

Shape legend: N problems, M rollouts of a group.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

Case = Literal["capped", "skewed"]
CASES: tuple[Case, ...] = ("capped", "skewed")

LONGEST_OVER_MEDIAN = 8.0
"""Of the skewed lengths: longest response over median response [dimensionless]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkProblem:
    """One problem as a side needs it: a peer takes the tokens or the messages, or1 the whole problem."""

    id: str
    task: str
    messages: list[dict[str, str]]
    gold: Any
    prompt_tokens: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Model folder, prompts and response lengths."""

    model_path: str
    cap: int
    """Longest response [tokens]."""
    problems: list[WorkProblem]
    """[N]"""
    capped_NM: list[list[int]]
    """Every response runs to the cap."""
    skewed_NM: list[list[int]]
    """A long tail: see `skewed_lengths`."""

    def lengths_NM(self, case: Case) -> list[list[int]]:
        """Response lengths of a case [tokens], the end token included where there is one."""
        return self.capped_NM if case == "capped" else self.skewed_NM

    def num_response_tokens(self, case: Case) -> int:
        return sum(map(sum, self.lengths_NM(case)))

    def num_sequence_tokens(self, case: Case) -> int:
        """Prompt and response tokens, the prompt counted once for each rollout of its group."""
        lengths_NM = self.lengths_NM(case)
        prompts = sum(len(p.prompt_tokens) * len(m) for p, m in zip(self.problems, lengths_NM, strict=True))
        return prompts + self.num_response_tokens(case)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Workload:
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields["problems"] = [WorkProblem(**each) for each in fields["problems"]]
        return Workload(**fields)


def skewed_lengths(count: int, cap: int, seed: int) -> list[int]:
    """Lengths at the evenly spaced quantiles of a log-normal, longest = cap = 8 x median, in shuffled order.

    Quantiles instead of draws: the tail is the same for every seed, only the order differs. The width
    sigma follows from the two conditions, ln(8) / z with z the highest quantile used.

    Args:
        count: number of responses.
        cap: the longest [tokens]; at least 16, so that the median is 2 or more.
        seed: of the order.

    Returns:
        `count` lengths in 1..cap [tokens].

    >>> sorted(skewed_lengths(5, 64, seed=1))
    [1, 3, 8, 19, 64]
    """
    if count < 2 or cap < 16:
        raise ValueError(f"{count} responses of at most {cap} tokens cannot have a long tail")
    quantiles = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    median = cap / LONGEST_OVER_MEDIAN
    lengths = [max(1, round(median * LONGEST_OVER_MEDIAN ** (z / quantiles[-1]))) for z in quantiles]
    random.Random(f"skewed lengths {seed}").shuffle(lengths)
    return lengths


def make_workload(
    model_path: str, problems: Sequence[WorkProblem], *, group_size: int, cap: int, seed: int = 1
) -> Workload:
    """Give every rollout of the problems its length, for both cases."""
    num = len(problems)
    flat = skewed_lengths(num * group_size, cap, seed)
    return Workload(
        model_path=model_path,
        cap=cap,
        problems=list(problems),
        capped_NM=[[cap] * group_size for _ in range(num)],
        skewed_NM=[flat[n * group_size : (n + 1) * group_size] for n in range(num)],
    )


def digest(rows: Sequence[Sequence[int]]) -> str:
    """First 16 hex digits of sha256 over lists of integers: do two sides hold the same prompts?"""
    return hashlib.sha256(json.dumps([list(map(int, row)) for row in rows]).encode()).hexdigest()[:16]
