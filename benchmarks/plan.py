"""The planner against published times, and the idle share of a pool as a picture.

    python -m benchmarks.plan [--picture docs/pictures/idle_share.png]

The two constants of the engine profile were fitted on the rollouts of 32 and 256 GPUs, the share of groups
that are kept on the first update; all other rows were not used. Source: arXiv 2505.22312, section 5.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks._timing import say
from or1 import recipes
from or1.config import StageConfig
from or1.memory import PUBLISHED, num_parameters, position_bytes
from or1.plan.hardware import GPUS, PROFILES
from or1.plan.lengths import LogNormalLengths
from or1.plan.plan import BFLOAT16, PROMPT_TOKENS, Cluster, StagePlan, plan_stage
from or1.plan.pool import EngineCost, partial_rollout, simulate

SEVEN_B = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
THIRTY_TWO_B = "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"
LENGTHS = LogNormalLengths()


def step(
    model: str, num_gpus: int, budget: int, problems: int, group: int, minibatches: int = 1
) -> StagePlan:
    stage = StageConfig(
        max_response_tokens=budget,
        num_steps=1000,
        num_problems=problems,
        group_size=group,
        num_minibatches=minibatches,
    )
    cluster = Cluster(gpu=GPUS["h800"], num_gpus=num_gpus, engine=PROFILES["vllm-0.6"])
    return plan_stage(recipes.load("or1-7b"), stage, PUBLISHED[model], cluster, LENGTHS)


def rows() -> list[tuple[str, str, float, float]]:
    """(row, fitted or held out, published, planned)."""
    found = []
    for num_gpus, seconds in ((32, 375), (64, 270), (128, 225), (256, 205)):
        planned = step(SEVEN_B, num_gpus, 16_384, 64, 16).rollout_s
        kind = "fitted" if num_gpus in (32, 256) else "held out"
        found.append((f"7B, 1,024 responses, {num_gpus} GPUs: rollout, s", kind, seconds, planned))
    for minibatches, rollout, update in ((1, 90, 8), (2, 87, 10), (4, 90, 12)):
        planned = step(SEVEN_B, 32, 16_384, 64, 16, minibatches)
        name = f"7B, 1,000 steps, {minibatches} minibatches"
        found.append((f"{name}: rollout, h", "held out", rollout, planned.rollout_s / 3.6))
        kind = "fitted" if minibatches == 1 else "held out"
        found.append((f"{name}: update, h", kind, update, planned.update_s / 3.6))
    early, late = step(THIRTY_TWO_B, 256, 16_384, 256, 16), step(THIRTY_TWO_B, 256, 24_576, 160, 32)
    name = "32B, 1,000 steps (760 at 16K, 240 at 24K), 256 GPUs"
    for what, published, a, b in (
        ("rollout", 223, early.rollout_s, late.rollout_s),
        ("update", 27, early.update_s, late.update_s),
    ):
        found.append((f"{name}: {what}, h", "held out", published, (0.76 * a + 0.24 * b) / 3.6))
    return found


def draw(path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    gpus = [32, 64, 128, 256, 512, 1024]
    shape = PUBLISHED[SEVEN_B]
    cost = EngineCost(
        profile=PROFILES["vllm-0.6"],
        bandwidth=GPUS["h800"].bandwidth,
        weight_bytes=num_parameters(shape) * BFLOAT16,
        cache_bytes_per_token=position_bytes(shape, BFLOAT16),
        prompt_tokens=PROMPT_TOKENS,
    )
    lengths = np.random.default_rng(0).permutation(LENGTHS.quantiles(1024, 16_384)).tolist()
    idle, whole_s, partial_s = [], [], []
    for num in gpus:
        result = simulate(lengths, num, 256, cost)
        idle.append(100 * result.idle_share)
        whole_s.append(result.seconds)
        partial_s.append(partial_rollout(lengths, num, cost, in_flight=max(1.0, num / 1024)))
        say(
            f"{num:5} GPUs: {whole_s[-1]:5.0f} s, idle {idle[-1]:4.1f} %; "
            f"with partial rollouts {partial_s[-1]:5.0f} s, idle 0 %"
        )
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.plot(gpus, idle, "o-", color="#0072b2")
    left.set(xscale="log", xlabel="GPUs", ylabel="engines without work [% of the rollout]", ylim=(0, 100))
    right.plot(gpus, whole_s, "o-", color="#0072b2", label="wait for the longest response")
    right.plot(gpus, partial_s, "s--", color="#d55e00", label="partial rollouts")
    right.set(xscale="log", xlabel="GPUs", ylabel="rollout of 1,024 responses [s]", ylim=(0, 400))
    right.legend(frameon=False)
    for axis in (left, right):
        axis.set_xticks(gpus, [f"{n:,}" for n in gpus])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    say("| row | | published | planned | error |\n| --- | --- | --- | --- | --- |")
    for name, kind, published, planned in rows():
        say(f"| {name} | {kind} | {published:.0f} | {planned:.0f} | {planned / published - 1:+.0%} |")
    if options.picture:
        draw(options.picture)


if __name__ == "__main__":
    main()
