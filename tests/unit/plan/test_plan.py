"""Plans: arithmetic by hand, published times that were not fitted, and refusals that name a remedy."""

from __future__ import annotations

import pytest

from or1 import recipes
from or1.config import StageConfig
from or1.errors import ConfigError
from or1.memory import PUBLISHED, Shape
from or1.plan.hardware import GPUS, PROFILES, Gpu
from or1.plan.lengths import LogNormalLengths, RecordedLengths
from or1.plan.plan import Cluster, StagePlan, best_overlap, engine_gpus, engine_slots, plan_stage
from or1.plan.update import TrainerProfile, forward_flops, update_seconds

SEVEN_B = PUBLISHED["deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"]
THIRTY_TWO_B = PUBLISHED["deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"]
LENGTHS = LogNormalLengths()


def paper_step(
    num_gpus: int, shape: Shape = SEVEN_B, budget: int = 16_384, problems: int = 64, **stage: int
) -> StagePlan:
    """A step of the paper's experiments: 16 responses to each problem on H800."""
    run = recipes.load("or1-7b")
    planned = StageConfig(
        max_response_tokens=budget, num_steps=1000, num_problems=problems, group_size=16, **stage
    )
    cluster = Cluster(gpu=GPUS["h800"], num_gpus=num_gpus, engine=PROFILES["vllm-0.6"])
    return plan_stage(run, planned, shape, cluster, LENGTHS)


# source: arXiv 2505.22312, section 5; 32 and 256 GPUs were used for the two constants of the engine
@pytest.mark.parametrize(
    ("num_gpus", "seconds", "tolerance"), [(32, 375, 0.05), (64, 270, 0.1), (128, 225, 0.1), (256, 205, 0.05)]
)
def test_rollout_of_1024_responses(num_gpus: int, seconds: float, tolerance: float) -> None:
    assert paper_step(num_gpus).rollout_s == pytest.approx(seconds, rel=tolerance)


# hours of 1,000 steps; the share of groups kept was fitted on the first row
@pytest.mark.parametrize(("num_minibatches", "rollout_h", "update_h"), [(1, 90, 8), (2, 87, 10), (4, 90, 12)])
def test_hours_of_1000_steps_on_32_gpus(num_minibatches: int, rollout_h: float, update_h: float) -> None:
    step = paper_step(32, num_minibatches=num_minibatches)
    assert step.rollout_s * 1000 / 3600 == pytest.approx(rollout_h, rel=0.25)
    assert step.update_s * 1000 / 3600 == pytest.approx(update_h, rel=0.25)


def test_forward_flops_by_hand() -> None:
    """Two layers of 4 wide with one head of 4: 2 * (4 * 16 + 3 * 4 * 8 + 8) + 5 * 4 + 4 = 360 parameters."""
    shape = Shape(
        num_layers=2,
        hidden_size=4,
        intermediate_size=8,
        num_heads=1,
        num_kv_heads=1,
        head_size=4,
        vocab_size=5,
        is_head_tied=True,
    )
    assert forward_flops(shape, [10, 2]) == 2 * 360 * 12 + 4 * 2 * 4 * (100 / 2 + 4 / 2)


def test_update_seconds_by_hand() -> None:
    """Three passes over the FLOPs at a quarter of the speed, and 2 s for the optimizer; two updates need a
    fourth pass."""
    gpu = Gpu(name="x", memory=1e9, bandwidth=1e9, flops=1e9, dollars_per_hour=1)
    profile = TrainerProfile(best_utilisation=0.5, half_tokens=100, per_update_s=2.0)
    flops = forward_flops(SEVEN_B, [100, 100])
    once = update_seconds(SEVEN_B, [100, 100], gpu, 1, microbatch_tokens=100, profile=profile)
    assert once == pytest.approx(3 * flops / 0.25e9 + 2)
    twice = update_seconds(
        SEVEN_B, [100, 100], gpu, 1, microbatch_tokens=100, num_minibatches=2, profile=profile
    )
    assert twice == pytest.approx(4 * flops / 0.25e9 + 4)


def test_engines_are_as_large_as_the_model_needs() -> None:
    h100 = GPUS["h100"]
    assert engine_gpus(SEVEN_B, h100, 32_768, 2048) == 1
    assert engine_gpus(THIRTY_TWO_B, h100, 16_384, 2048) == 2
    assert engine_gpus(THIRTY_TWO_B, GPUS["h200"], 16_384, 2048) == 1
    cluster = Cluster(gpu=h100, num_gpus=8, engine=PROFILES["graphs"])
    # (2 * 73.6 - 65.5 GB) * 0.85 / (262,144 bytes * 5,000 tokens / 2) = 105
    assert engine_slots(THIRTY_TWO_B, cluster, 2, 5000.0) == pytest.approx(105, abs=2)


def test_a_model_that_does_not_fit_is_refused_with_what_does() -> None:
    run = recipes.load("or1-7b")
    cluster = Cluster(gpu=GPUS["h100"], num_gpus=1, engine=PROFILES["graphs"])
    with pytest.raises(ConfigError, match=r"needs 1.. GB on each of 1 h100 GPUs.*: [48] GPUs are enough"):
        plan_stage(run, run.stages[0], SEVEN_B, cluster, LENGTHS)


def test_8_bit_moments_and_the_microbatch_are_part_of_the_plan() -> None:
    h200 = Cluster(gpu=GPUS["h200"], num_gpus=1, engine=PROFILES["graphs"])
    wide = recipes.load("or1-7b")
    with pytest.raises(ConfigError, match=r"\d GPUs are enough"):
        plan_stage(wide, wide.stages[0], SEVEN_B, h200, LENGTHS)
    narrow = recipes.load("or1-7b", ["system.optimizer_bits=8"])
    assert plan_stage(narrow, narrow.stages[0], SEVEN_B, h200, LENGTHS).memory.moments < 16e9
    large = recipes.load("or1-7b", ["system.tokens_per_microbatch=3000000"])
    with pytest.raises(ConfigError, match=r"lower system\.tokens_per_microbatch"):
        plan_stage(
            large,
            large.stages[0],
            SEVEN_B,
            Cluster(gpu=GPUS["h100"], num_gpus=8, engine=PROFILES["graphs"]),
            LENGTHS,
        )


def test_overlap_is_the_slower_of_both_sides() -> None:
    run = recipes.load("or1-7b")
    cluster = Cluster(gpu=GPUS["h100"], num_gpus=32, engine=PROFILES["graphs"])
    alone = plan_stage(run, run.stages[0], SEVEN_B, cluster, LENGTHS)
    found = best_overlap(run, run.stages[0], SEVEN_B, cluster, LENGTHS)
    assert found is not None
    assert found.num_rollout + found.num_train == 32
    assert max(alone.rollout_s, alone.update_s) < found.step_s < alone.step_s * 1.05


def test_lengths_by_quantiles() -> None:
    drawn = LENGTHS.quantiles(1001, 16_384)
    assert drawn[500] == 5000
    assert drawn.max() == 16_384
    assert (drawn == 16_384).mean() == pytest.approx(0.0567, abs=0.002)  # 1 - Phi(ln(16384 / 5000) / 0.75)
    assert RecordedLengths((30, 10, 20, 90)).quantiles(2, 50).tolist() == [20, 50]
