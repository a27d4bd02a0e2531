"""Progress of a run and its remaining time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from or1.config import StageConfig


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Progress of a run after a step."""

    stage_index: int
    step_in_stage: int
    """Completed steps of this stage."""
    num_steps_left: int
    """Upper bound: its rule may end a stage earlier."""
    fraction: float
    """Completed part of the run, in [0, 1]; a stage that ended early counts as complete."""


def progress(stages: Sequence[StageConfig], stage_index: int, step_in_stage: int) -> RunProgress:
    """
    Args:
        stages: of the whole run.
        stage_index: stage of the last step.
        step_in_stage: completed steps of that stage.

    >>> stages = [StageConfig(max_response_tokens=8, num_steps=n) for n in (10, 30)]
    >>> progress(stages, 1, 15).num_steps_left, progress(stages, 1, 15).fraction
    (15, 0.625)
    """
    num_steps = [s.num_steps for s in stages]
    left = num_steps[stage_index] - step_in_stage + sum(num_steps[stage_index + 1 :])
    done = sum(num_steps[:stage_index]) + step_in_stage
    return RunProgress(stage_index, step_in_stage, left, done / sum(num_steps))


def seconds_left(stages: Sequence[StageConfig], at: RunProgress, recent_s: Sequence[float]) -> float | None:
    """Time to the end [s], from the mean of recent steps; None before the first.

    The time per step of later stages is scaled by their number of rollouts; longer responses are not taken
    into account.
    """
    if not recent_s:
        return None
    per_step = sum(recent_s) / len(recent_s)
    here = stages[at.stage_index]
    rollouts = here.num_problems * here.group_size
    left = float(here.num_steps - at.step_in_stage)
    for later in stages[at.stage_index + 1 :]:
        left += later.num_steps * later.num_problems * later.group_size / rollouts
    return per_step * left


def format_seconds(seconds: float) -> str:
    """
    >>> format_seconds(59.4), format_seconds(754), format_seconds(7384)
    ('59 s', '12:34', '2:03:04')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, s = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{s:02d}" if hours else f"{minutes}:{s:02d}"


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """The last values as block characters, scaled from their minimum to their maximum.

    >>> sparkline([0.0, 0.5, 1.0])
    '▁▅█'
    """
    shown = [v for v in values if v == v][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(_BLOCKS[int((v - low) / span * (len(_BLOCKS) - 1) + 0.5)] for v in shown)
