"""Problems of a run whose gold cannot be judged: refused, dropped, or left out of its scores."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from or1.config import RunConfig
from or1.errors import DataError
from or1.evals.golds import find_bad_golds
from or1.types import Problem
from or1_verify.base import Verifier
from or1_verify.golds import summary

logger = logging.getLogger(__name__)


def trained_on(
    run: RunConfig, verifiers: Mapping[str, Verifier], problems: Sequence[Problem], rows: Mapping[str, str]
) -> tuple[Problem, ...]:
    """The problems whose gold can be judged, in order.

    Args:
        run: its limits, and `rollout.bad_golds`.
        verifiers: task name -> verifier.
        problems: to train on.
        rows: problem id -> file and row.

    Raises:
        DataError: there are others, and the run refuses them; or none is left.
    """
    kept, line = _without_bad_golds(run, verifiers, problems, rows)
    if line and (run.rollout.bad_golds == "refuse" or not kept):
        raise DataError(f'{line}: fix or remove these rows, or set rollout.bad_golds = "drop"')
    if line:
        logger.warning("%s: dropped", line)
    return kept


def scored_on(
    run: RunConfig, verifiers: Mapping[str, Verifier], problems: Sequence[Problem], rows: Mapping[str, str]
) -> tuple[Problem, ...]:
    """The held-out problems whose gold can be judged, in order."""
    kept, line = _without_bad_golds(run, verifiers, problems, rows)
    if line:
        logger.warning("held-out problems: %s: left out of the score", line)
    return kept


def _without_bad_golds(
    run: RunConfig, verifiers: Mapping[str, Verifier], problems: Sequence[Problem], rows: Mapping[str, str]
) -> tuple[tuple[Problem, ...], str]:
    """The problems without those, and a line about those; empty where there are none."""
    bad = find_bad_golds(run.verify, verifiers, ((problem.id, problem) for problem in problems))
    if not bad:
        return tuple(problems), ""
    ids = {each.place for each in bad}
    named = [replace(each, place=rows.get(each.place, f"problem {each.place}")) for each in bad]
    return tuple(p for p in problems if p.id not in ids), summary(named, len(problems))
