"""Advisories of a run: each check is a pure function of its rows, from them to an advisory or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.board.advisory import Advisory, RunEvidence
from or1.board.machine_advice import MACHINE
from or1.board.rollout_advice import ROLLOUTS, VERIFIER
from or1.board.training_advice import TRAINING
from or1.tracking.rollouts import read_rollouts, steps_with_rollouts
from or1.tracking.run_data import RunData, read_run

Check = Callable[[RunEvidence], Advisory | None]
CHECKS: Sequence[Check] = (*TRAINING, *VERIFIER, *ROLLOUTS, *MACHINE)
"""Signs that the training fails first, then waste."""
RECENT_FILES = 3
"""Rollout files that `recent_rollouts` reads [files]."""
_READ = ("step", "response", "outcome", "gold")


def advise(run: RunData, rollouts: Sequence[Mapping[str, Any]] = ()) -> list[Advisory]:
    """The advisories of a run, finished or not; none before its first steps.

    Args:
        run: rows of the run.
        rollouts: rows of its last rollout files (`recent_rollouts`), for those that read responses.
    """
    if not run.steps:
        return []
    evidence = RunEvidence.of(run, rollouts)
    found = (check(evidence) for check in CHECKS)
    return [advisory for advisory in found if advisory is not None]


def advise_folder(folder: Path) -> list[Advisory]:
    """The advisories of a run folder.

    Raises:
        RunFolderError: it is not a run folder.
    """
    run = read_run(folder)
    return advise(run, recent_rollouts(folder))


def recent_rollouts(folder: Path) -> list[dict[str, Any]]:
    """Rows of the last `RECENT_FILES` rollout files, without the numbers of each token."""
    steps = steps_with_rollouts(folder)[-RECENT_FILES:]
    return [row for step in steps for row in read_rollouts(folder, step, columns=_READ)]
