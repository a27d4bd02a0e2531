"""Hours of the paper's resource experiments by the planner: only their training is repeated at this scale."""

from __future__ import annotations

from collections.abc import Sequence

from or1 import recipes
from or1.lab.experiment import PlannedStepConfig
from or1.memory import PUBLISHED
from or1.plan.hardware import GPUS, PROFILES
from or1.plan.lengths import LogNormalLengths
from or1.plan.plan import Cluster, StagePlan, plan_run

RECIPE, BUDGET, NUM_STEPS = "or1-7b", 16_384, 1_000
GPU, ENGINE = "h800", "vllm-0.6"


def hours_table(steps: Sequence[PlannedStepConfig]) -> list[str]:
    """Lines of a Markdown table, a row for each size; none without sizes."""
    if not steps:
        return []
    return [
        f"Hours of {NUM_STEPS:,} steps of `{RECIPE}` at {BUDGET:,} tokens by the planner of `or1 plan`, not "
        f"measured ({GPU.upper()}, engine profile {ENGINE}):\n",
        "| GPUs | problems a step | group | rollout [s] | update [s] | hours |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(step) for step in steps),
        "",
    ]


def _row(step: PlannedStepConfig) -> str:
    plan = plan_of(step)
    return (
        f"| {step.num_gpus} | {step.num_problems} | {step.group_size} | {plan.rollout_s:.0f} | "
        f"{plan.update_s:.0f} | {plan.hours:.0f} |"
    )


def plan_of(step: PlannedStepConfig) -> StagePlan:
    """The plan of a stage of this size."""
    stage = {
        "max_response_tokens": BUDGET,
        "num_steps": NUM_STEPS,
        "num_problems": step.num_problems,
        "group_size": step.group_size,
    }
    run = recipes.load(RECIPE, settings={"stages": [stage]})
    cluster = Cluster(gpu=GPUS[GPU], num_gpus=step.num_gpus, engine=PROFILES[ENGINE])
    return plan_run(run, PUBLISHED[run.model.path], cluster, LogNormalLengths())[0]
