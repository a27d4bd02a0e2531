"""Advisories of a run: each check is a pure function of its rows, from them to an advisory or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from or1.board.advisory import Advisory, Evidence
from or1.board.training_advice import TRAINING
from or1.tracking.run_data import RunData

Check = Callable[[Evidence], Advisory | None]
CHECKS: Sequence[Check] = TRAINING
"""In the order in which a reader wants them: signs that the training fails, then waste."""


def advise(run: RunData, rollouts: Sequence[Mapping[str, Any]] = ()) -> list[Advisory]:
    """The advisories of a run, finished or not; none before its first steps.

    Args:
        run: rows of the run.
        rollouts: rows of its last rollout files (`recent_rollouts`), for those that read responses.
    """
    if not run.steps:
        return []
    evidence = Evidence.of(run, rollouts)
    found = (check(evidence) for check in CHECKS)
    return [advisory for advisory in found if advisory is not None]
