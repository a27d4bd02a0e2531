"""Held-out questions must not be trained on, however they are written."""

from __future__ import annotations

from collections.abc import Sequence

from or1.config import RunConfig
from or1.curate.statement import question_key
from or1.errors import DataError
from or1.evals.benchmark import Benchmark
from or1.types import Problem

_SHOWN = 60


def refuse_overlap(
    run: RunConfig, benchmarks: Sequence[Benchmark], train: Sequence[Problem], heldout: Sequence[Problem]
) -> None:
    """Compare questions without their instruction, gold and notation.

    Raises:
        DataError: a held-out question is also trained on.
    """
    instructions = {source.instruction for source in (*run.data, *run.evaluation.data)}
    instructions |= {benchmark.suffix for benchmark in benchmarks}
    keys = {question_key(p.prompt[-1].content, instructions): p for p in train}
    keys.pop((), None)
    both = [
        (p, keys[key]) for p in heldout if (key := question_key(p.prompt[-1].content, instructions)) in keys
    ]
    if both:
        held, trained = both[0]
        shown = " ".join(held.prompt[-1].content.split())[:_SHOWN]
        raise DataError(
            f"{len(both)} held-out questions are also trained on, first {shown!r} (held out as {held.id}, "
            f"trained on as {trained.id}): take them out of data, or give evaluation.data other problems"
        )
