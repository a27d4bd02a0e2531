"""A step of a run in one sentence."""

from __future__ import annotations

from itertools import groupby

from or1.config import RunConfig, StageConfig


def describe(run: RunConfig) -> str:
    """One sentence: problems, rollouts and optimizer updates of a step, by stage where they differ.

    >>> from or1.recipes import load
    >>> describe(load("or1-7b-as-released"))
    'A step is 256 problems x 16 = 4,096 rollouts -> 1 optimizer update, on-policy.'
    """
    kinds = [
        (step, list(same)) for step, same in groupby(enumerate(run.stages, 1), key=lambda s: _step(s[1]))
    ]
    if len(kinds) == 1:
        return f"A step is {kinds[0][0]}."
    return (
        "A step is " + "; ".join(f"in {_numbers([n for n, _ in same])} {step}" for step, same in kinds) + "."
    )


def _numbers(stages: list[int]) -> str:
    return f"stage {stages[0]}" if len(stages) == 1 else f"stages {stages[0]}-{stages[-1]}"


def _step(stage: StageConfig) -> str:
    rollouts = stage.num_problems * stage.group_size
    updates = stage.num_minibatches * stage.num_reuses
    made_of = (
        f" ({stage.num_minibatches} minibatches x {stage.num_reuses} passes)" if stage.num_reuses > 1 else ""
    )
    plural = "" if updates == 1 else "s"
    policy = "on-policy" if updates == 1 else "off-policy after the first"
    return (
        f"{stage.num_problems:,} problems x {stage.group_size} = {rollouts:,} rollouts"
        f" -> {updates} optimizer update{plural}{made_of}, {policy}"
    )
