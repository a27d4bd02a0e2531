"""Doubtful answers on purpose: the golds of some problems are exchanged among each other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from or1.types import Problem


def exchange_golds(problems: Sequence[Problem], fraction: float, seed: int) -> list[Problem]:
    """Give a share of the problems the gold of another of them.

    Each chosen problem gets a different value than it had, as long as no value makes up more than half of
    those chosen. Ids stay those of the clean problems, so that pass rates and curves of runs with and without
    noise can be laid side by side.

    Args:
        problems: their order does not matter for the choice.
        fraction: share of problems whose gold changes [fraction]; at least two change if any does.
        seed: chooses them, together with their ids.

    Source: paper 3.2.1, the experiment with doubtful answers.
    """
    num = min(max(round(fraction * len(problems)), 2), len(problems)) if fraction > 0 else 0
    chosen = sorted(problems, key=lambda problem: rank(seed, "label_noise", problem.id))[:num]
    # Sorted by value and shifted by the length of the longest run, no value meets itself.
    chosen.sort(key=lambda problem: (_value(problem), rank(seed, "label_noise", problem.id)))
    shift = max(Counter(map(_value, chosen)).values(), default=0)
    donors = chosen[shift:] + chosen[:shift]
    noisy = {to.id: replace(to, gold=donor.gold) for to, donor in zip(chosen, donors, strict=True)}
    return [noisy.get(problem.id, problem) for problem in problems]


def rank(seed: int, purpose: str, problem_id: str) -> str:
    """A number by which problems are put into a random order that depends on nothing but these three."""
    return hashlib.sha256(f"{seed}/{purpose}/{problem_id}".encode()).hexdigest()


def _value(problem: Problem) -> str:
    return json.dumps(problem.gold, sort_keys=True)
