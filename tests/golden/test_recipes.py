"""Each recipe, resolved: a changed default shows as a difference here. `make golden` records it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from or1 import recipes
from or1.config import RunConfig

SNAPSHOTS = Path(__file__).parent / "recipes"


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_recipe_is_as_recorded(name: str) -> None:
    recorded = json.loads((SNAPSHOTS / f"{name}.json").read_text())
    assert json.loads(recipes.load(name).model_dump_json()) == recorded


def test_no_snapshot_without_its_recipe() -> None:
    assert sorted(path.stem for path in SNAPSHOTS.glob("*.json")) == list(recipes.list_recipes())


def schedule(run: RunConfig) -> list[tuple[int, int, int, int, int]]:
    return [
        (
            s.num_steps,
            s.max_response_tokens,
            s.num_problems,
            s.num_problems // s.num_minibatches,
            s.group_size,
        )
        for s in run.stages
    ]


# steps, response tokens, problems a step, problems a minibatch, group; arXiv 2505.22312v2, tables 10 to 12
PAPER = {
    "or1-math-7b": [
        (740, 8192, 256, 128, 16),
        (1000, 16384, 256, 128, 16),
        (340, 32768, 256, 128, 16),
        (80, 32768, 128, 64, 64),
    ],
    "or1-7b": [(660, 16384, 256, 256, 16), (660, 32768, 160, 160, 32)],
    "or1-32b": [(760, 16384, 256, 256, 16), (370, 24576, 160, 160, 32)],
}


@pytest.mark.parametrize("name", PAPER)
def test_paper_schedules(name: str) -> None:
    run = recipes.load(name)
    assert schedule(run) == PAPER[name]
    assert (run.entropy.target, run.entropy.delta, run.entropy.maximum) == (0.2, 0.005, None)
    assert (run.entropy.gate, run.entropy.initial, run.entropy.minimum) == ("current", 0, 0)
    assert (run.optimizer.learning_rate, run.optimizer.warmup_updates) == (1e-6, 0)
    assert (run.rollout.temperature, run.loss.clip_low, run.loss.clip_high) == (1.0, 0.2, 0.2)
    assert (run.loss.kl_coefficient, run.loss.truncation_mask, run.loss.average) == (0, "none", "token")
    assert all(stage.online_filter for stage in run.stages)


@pytest.mark.parametrize("name", ["or1-7b-as-released", "or1-32b-as-released"])
def test_released_scripts(name: str) -> None:
    run = recipes.load(name)
    budgets = [(s.max_response_tokens, s.num_problems, s.num_minibatches, s.group_size) for s in run.stages]
    assert budgets == [(8192, 256, 1, 16), (16384, 256, 1, 16), (32768, 256, 1, 16)]
    entropy = run.entropy
    assert (entropy.gate, entropy.target, entropy.delta) == ("previous", 0.2, 1e-4)
    assert (entropy.initial, entropy.minimum, entropy.maximum) == (0, 0, 0.005)
    assert not any(stage.online_filter for stage in run.stages)
