"""Two real runs that differ by one setting: `or1 diff` names the phase that the setting acts on first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1 import assemble
from or1.board.diff import Phase, compare_runs
from or1.config import RunConfig
from or1.recipes.override import apply_value

BASE: dict[str, Any] = {
    "name": "diff",
    "model": {"path": "builtin:tiny", "dtype": "float32"},
    "data": [{"task": "arithmetic", "num_problems": 32, "max_difficulty": 2}],
    "stages": [{"max_response_tokens": 48, "num_steps": 2, "num_problems": 4, "group_size": 4}],
    "evaluation": {"every": None, "num_problems": 2, "samples_per_problem": 1},
    "loss": {"reject_zero_advantage": False},
    "tracking": {"console": False, "tensorboard": False},
    "system": {"threads": 1},
}


REWARD = "def reward(response, gold, problem):\n    return 0.25 + {share} * (len(response) % 2)\n"


CASES: list[tuple[Phase, int, str, Any]] = [
    (Phase.DATA, 1, "seed", 2),
    (Phase.PROMPT_TOKENS, 1, "model.chat.system_prompt", "Think."),
    (Phase.SAMPLED_TOKENS, 1, "rollout.temperature", 1.7),
    (Phase.GRADIENT, 1, "loss.average", "sequence"),
    (Phase.WEIGHTS, 1, "optimizer.learning_rate", 3e-5),
]


def train(folder: Path, key: str = "seed", value: Any = 1) -> Path:
    table = json.loads(json.dumps(BASE))
    apply_value(table, key, value)
    assemble.train(RunConfig.model_validate(table), folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("base") / "run")


def test_the_same_settings_give_an_equal_run(base: Path, tmp_path: Path) -> None:
    found = compare_runs((base, train(tmp_path / "run")))
    assert found.is_equal
    assert (found.settings, found.environment) == ([], [])


@pytest.mark.parametrize(("phase", "step", "key", "value"), CASES)
def test_a_setting_differs_first_where_it_acts(
    phase: Phase, step: int, key: str, value: Any, base: Path, tmp_path: Path
) -> None:
    found = compare_runs((base, train(tmp_path / "run", key, value)))
    assert (found.steps[0].step, found.steps[0].phases[0]) == (step, phase)
    assert key in [change.key for change in found.settings]


def test_another_reward_function_differs_first_in_the_reward(tmp_path: Path) -> None:
    runs = []
    for name, share in (("a", 0.5), ("b", 0.75)):
        source = tmp_path / name / "own.py"
        source.parent.mkdir()
        source.write_text(REWARD.format(share=share), encoding="utf-8")
        runs.append(train(tmp_path / name / "run", "data.0.reward", f"{source}:reward"))
    found = compare_runs((runs[0], runs[1]))
    assert (found.steps[0].step, found.steps[0].phases[0]) == (1, Phase.REWARD)
    assert found.steps[0].detail.endswith("in the first run, 1.0 in the second")
    assert "data.0.task_hash" in [change.key for change in found.settings]
