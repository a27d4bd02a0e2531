"""How far a run is, and how long it may take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from or1.config import StageConfig


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run stands after a step."""

    stage_index: int
    step_in_stage: int
    """Steps of this stage that are over."""
    num_steps_left: int
    """At most: a stage may end before its time."""
    fraction: float
    """Of the whole run, in [0, 1]: a stage that ended early counts as done."""


def progress(stages: Sequence[StageConfig], stage_index: int, step_in_stage: int) -> Progress:
    """
    Args:
        stages: of the whole run.
        stage_index: the stage that the last step belonged to.
        step_in_stage: steps of it that are over.

    >>> stages = [StageConfig(max_response_tokens=8, num_steps=n) for n in (10, 30)]
    >>> progress(stages, 1, 15).num_steps_left, progress(stages, 1, 15).fraction
    (15, 0.625)
    """
    num_steps = [s.num_steps for s in stages]
    left = num_steps[stage_index] - step_in_stage + sum(num_steps[stage_index + 1 :])
    done = sum(num_steps[:stage_index]) + step_in_stage
    return Progress(stage_index, step_in_stage, left, done / sum(num_steps))


def seconds_left(stages: Sequence[StageConfig], at: Progress, recent_s: Sequence[float]) -> float | None:
    """Time to the end [s], from the mean of recent steps; None before the first.

    Later stages are taken to cost as much more per step as they have more rollouts; that their responses may
    grow longer is not foreseen.
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
    """The last values as blocks, lowest to highest of them; a flat series lies at the bottom.

    >>> sparkline([0.0, 0.5, 1.0])
    '▁▅█'
    """
    shown = [v for v in values if v == v][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(_BLOCKS[int((v - low) / span * (len(_BLOCKS) - 1) + 0.5)] for v in shown)
