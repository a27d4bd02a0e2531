"""The library as a notebook uses it: train, look at the run, export, score, verify; from any thread."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import or1
from or1.errors import ConfigError, RunFolderError
from or1.testing import make_problem
from or1.types import Problem

SETTINGS: dict[str, object] = {
    "stages": [{"max_response_tokens": 90, "num_steps": 2, "num_problems": 4, "group_size": 4}],
    "evaluation": {"num_problems": 4, "samples_per_problem": 2, "every": None},
    "system.deterministic": True,
    "system.threads": 1,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> or1.Run:
    """Trained in another thread than the main one, where no signal can be caught."""
    out = tmp_path_factory.mktemp("api") / "run"
    finished: list[or1.Run] = []
    thread = threading.Thread(target=lambda: finished.append(or1.train("tiny", out=out, **SETTINGS)))
    thread.start()
    thread.join()
    assert len(finished) == 1
    return finished[0]


def test_scores_metrics_and_rollouts_are_those_of_the_run(run: or1.Run) -> None:
    assert [score.step for score in run.scores] == [0, 2]
    assert all(score.low <= score.mean <= score.high for score in run.scores)
    assert sum(run.scores[0].by_source.values()) / len(run.scores[0].by_source) <= 1
    assert [row["step"] for row in run.metrics] == [1, 2]
    rollouts = run.rollouts(2)
    assert len(rollouts) == 16
    rewards = [row["reward"] for row in rollouts]
    assert sum(rewards) / 16 == pytest.approx(run.metrics[1]["rollout/reward_mean"])
    with pytest.raises(RunFolderError, match="no rollouts of step 9"):
        run.rollouts(9)


def test_a_finished_run_is_not_trained_again(run: or1.Run) -> None:
    metrics = (run.folder / "metrics.jsonl").read_bytes()
    assert or1.train("tiny", out=run.folder, **SETTINGS).scores == run.scores
    assert (run.folder / "metrics.jsonl").read_bytes() == metrics


def test_the_exported_model_is_scored(run: or1.Run, tmp_path: Path) -> None:
    model = run.model_folder
    assert model == run.folder / "models" / "step_000002"
    written = (model / "model.safetensors").stat().st_mtime_ns
    assert (run.model_folder / "model.safetensors").stat().st_mtime_ns == written, "exported once"
    settings = {"system.deterministic": True, "system.threads": 1, "num_problems": 3}
    scores = or1.evaluate(
        model, "arithmetic", out=tmp_path / "scores", samples=2, max_response_tokens=60, **settings
    )
    row = scores["arithmetic"]
    assert (row.num_problems, row.k, row.num_unknown) == (3, 2, 0)
    with pytest.raises(KeyError, match="aime24"):
        scores["aime24"]


def half_for_an_answer(response: str, gold: int, problem: Problem) -> float:
    """Full reward for the gold, half for any other box."""
    if f"boxed{{{gold}}}" in response:
        return 1.0
    return 0.5 if "boxed{" in response else 0.0


def test_a_reward_of_your_own_judges_the_problems_of_a_recipe(tmp_path: Path) -> None:
    run = or1.train("tiny", out=tmp_path / "run", reward=half_for_an_answer, **SETTINGS)
    rollouts = run.rollouts(1)
    for row in rollouts:
        if row["finish"] == "stop":
            assert row["reward"] == half_for_an_answer(
                row["response"], json.loads(row["gold"]), make_problem()
            )
    assert 0.5 in {row["reward"] for row in rollouts}, "the built-in verifier pays 0 or 1"
    recorded = json.loads((run.folder / "config.json").read_text())
    assert recorded["config"]["data"][0]["reward"] == f"{Path(__file__).resolve()}:half_for_an_answer"
    assert len(recorded["config"]["data"][0]["task_hash"]) == 16


SCRIPT = """
import or1

def reward(response, gold, problem):
    return {expression}

or1.train("tiny", out="run", reward=reward, **{settings!r})
print("trained")
"""


def test_a_changed_function_of_a_script_is_another_reward(tmp_path: Path) -> None:
    """The script's function travels alone: importing the script in a worker would train there."""

    def play(expression: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "script.py").write_text(SCRIPT.format(expression=expression, settings=SETTINGS))
        return subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    first = play("float(f'boxed{{{gold}}}' in response)")
    assert (first.returncode, first.stdout.splitlines()[-1:]) == (0, ["trained"]), first.stderr
    changed = play("float(str(gold) in response)")
    assert changed.returncode != 0
    assert "data.0.reward" in changed.stderr
    assert len(list((tmp_path / "run").glob("reward-*.py"))) == 2


def test_a_nested_function_is_refused(tmp_path: Path) -> None:
    def nested(response: str, gold: object, problem: object) -> float:
        return 1.0

    for function in (nested, lambda response, gold, problem: 1.0):
        with pytest.raises(ConfigError, match="define it with def at the top level"):
            or1.train("tiny", out=tmp_path / "run", reward=function, **SETTINGS)


@pytest.mark.parametrize(
    ("task", "gold", "response", "reward"),
    [
        ("math", r"\frac{1}{2}", r"\boxed{0.5}", 1.0),
        ("math", "2", r"\boxed{3}", 0.0),
        ("arithmetic", 7, r"\boxed{7}", 1.0),
    ],
)
def test_verify(task: str, gold: str | int, response: str, reward: float) -> None:
    assert or1.verify(gold, response, task).reward == reward


def test_mistakes_are_errors_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"optimizer.lr: did you mean optimizer\.learning_rate"):
        or1.train("tiny", out=tmp_path / "run", optimizer={"lr": 1.0})
    with pytest.raises(ConfigError, match="unknown key sed: did you mean seed"):
        or1.train("tiny", out=tmp_path / "run", sed=1)
    with pytest.raises(ConfigError, match="no benchmark"):
        or1.evaluate("builtin:tiny", out=tmp_path / "scores")
    with pytest.raises(ConfigError, match='maths" does not exist: did you mean math'):
        or1.verify("1", "1", task="maths")
    with pytest.raises(AttributeError, match="module or1 has no attribute 'trian'"):
        or1.trian  # type: ignore[attr-defined] # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_importing_or1_loads_nothing_heavy() -> None:
    code = "import sys, or1; print(*({'torch', 'numpy', 'pydantic', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
