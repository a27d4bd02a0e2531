"""Environments of the `verifiers` library, the real one: `make test-verifiers` installs it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from or1 import recipes
from or1.config import DataConfig, RunConfig
from or1.errors import ConfigError, DataError
from or1.plugins import Plugin, source_hash
from or1.tasks.load import load_problems
from or1.tasks.registry import task_kind
from or1.tasks.verifiers_env import EnvironmentVerifier, _taskset, environment_problems
from or1.types import Message, Outcome, Verdict
from or1_verify.base import Verifier
from or1_verify.messages import decode, encode
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Answer

ENVIRONMENTS = Path(__file__).parents[2] / "environments"
needs_library = pytest.mark.skipif(
    importlib.util.find_spec("verifiers") is None,
    reason="the library verifiers is not installed: make test-verifiers",
)
NAME = "or1_additions"


@pytest.fixture(autouse=True)
def _environments_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ENVIRONMENTS))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    _taskset.cache_clear()


def test_without_the_library_the_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises(ConfigError, match=r'"verifiers:gsm8k" needs the library verifiers .*pip install'):
        environment_problems("gsm8k")


@needs_library
def test_tasks_become_problems_with_their_data_as_gold() -> None:
    problems = environment_problems(NAME, instruction="Be brief.")
    assert len(problems) == 4
    third = problems[2]
    assert third.prompt == (Message("system", "Digits only."), Message("user", "2+1?\nBe brief."))
    assert (third.task, third.source) == ("verifiers:or1_additions", NAME)
    assert third.gold == {"idx": 2, "prompt": "2+1?", "system_prompt": "Digits only.", "answer": 3}
    assert environment_problems(NAME, num_problems=2) == environment_problems(NAME)[:2]


def judged(text: str) -> Verdict:
    verifier: Verifier = decode(encode(EnvironmentVerifier(NAME)), (Verifier,))
    return verifier.verify(environment_problems(NAME)[2], text)


@needs_library
@pytest.mark.parametrize(
    ("text", "reward", "reason"),
    [
        ("3", 1.0, "right"),  # 1.25 of 1.25
        ("the answer is 3", 0.0, "wrong"),
        ("4", 0.2, "partial"),  # 0.25 of 1.25
        ("<think>2 and 1 are 3</think>\n3", 1.0, "right"),
        ("2 and 1 are 3</think>3", 1.0, "right"),
        ("<think>3", 0.2, "partial"),  # the reply is empty, and short
    ],
)
def test_the_rewards_are_summed_by_weight_and_scaled_to_one(text: str, reward: float, reason: str) -> None:
    verdict = judged(text)
    assert (verdict.reward, verdict.reason) == (pytest.approx(reward, abs=1e-12), reason)
    assert (verdict.outcome is Outcome.RIGHT) == (reward == 1.0)


@needs_library
@pytest.mark.parametrize(("text", "reason"), [("raise", "reward_raised"), ("nine", "bad_reward")])
def test_a_reward_that_raises_or_is_out_of_range_judges_nothing(text: str, reason: str) -> None:
    verdict = judged(text)
    assert (verdict.outcome, verdict.reward, verdict.reason) == (Outcome.NOT_JUDGED, None, reason)


@needs_library
def test_rewards_run_in_workers_that_can_be_killed() -> None:
    problem = environment_problems(NAME)[2]
    texts = ["3", "hang", "4"]
    pool = ProcessVerifierPool({problem.task: EnvironmentVerifier(NAME)}, num_workers=1, time_limit_s=10.0)
    with contextlib.closing(pool):
        answers = [Answer(problem=problem, index=n, text=text) for n, text in enumerate(texts)]
        found = {answer.index: verdict for answer, verdict in pool.judge(answers)}
    assert found[0].reward == 1.0
    assert (found[1].outcome, found[1].reason) == (Outcome.WRONG, "time_limit")
    assert found[2].reward == pytest.approx(0.2)


@needs_library
def test_a_recipe_names_an_environment_and_its_source_is_part_of_the_run(tmp_path: Path) -> None:
    loaded = load_problems((DataConfig(task=f"verifiers:{NAME}", num_problems=3),), seed=1)
    assert [p.gold["answer"] for p in loaded.problems] == [1, 2, 3]
    source = Plugin(str(ENVIRONMENTS / f"{NAME}.py"), NAME)
    assert task_kind(f"verifiers:{NAME}").source_hash == source_hash(source, "data.task")
    with pytest.raises(ConfigError, match=r"data\.split, min_difficulty and max_difficulty have no effect"):
        load_problems((DataConfig(task=f"verifiers:{NAME}", split="heldout"),), seed=1)
    with pytest.raises(ConfigError, match=r'data\.path = "x" has no use'):
        load_problems((DataConfig(task=f"verifiers:{NAME}", path="x"),), seed=1)


def small_run(task: str) -> RunConfig:
    sets = [
        f'data=[{{task="{task}"}}]',
        "stages=[{max_response_tokens=8, num_steps=1, num_problems=2, group_size=2}]",
        "evaluation.num_problems=1",
        "evaluation.samples_per_problem=1",
    ]
    return recipes.load("tiny", sets)


@needs_library
def test_a_run_trains_on_an_environment(tmp_path: Path) -> None:
    from or1 import assemble

    run = small_run(f"verifiers:{NAME}")
    state = assemble.train(run, tmp_path / "run")
    assert state.step == 1
    described = json.loads((tmp_path / "run" / "config.json").read_text())
    assert described["config"]["data"][0]["task_hash"] == task_kind(f"verifiers:{NAME}").source_hash
    assert described["provenance"]["packages"]["verifiers"].startswith("0.4.")


@needs_library
def test_an_environment_that_rewards_an_empty_response_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from or1 import assemble

    (tmp_path / "or1_generous.py").write_text(
        HEAD.format(**{**PARTS, "data": "prompt=str(n)"}).replace(
            "        yield", "        for n in range(4): yield"
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    with pytest.raises(DataError, match="verifiers:or1_generous gives 1 for an empty response"):
        assemble.train(small_run("verifiers:or1_generous"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


HEAD = """
import verifiers.v1 as vf
class Kind(vf.Task[vf.TaskData, vf.State, vf.TaskConfig]):
    @vf.reward
    async def fine(self, trace) -> float:
        return 1.0
    {body}
class Made(vf.Taskset[Kind, vf.TasksetConfig]):
    {taskset}
    def load(self):
        yield Kind(vf.TaskData({data}), self.config.task)
__all__ = ["Made"{more}]
"""
PARTS = {"body": "pass", "taskset": "pass", "data": "prompt='1+1?'", "more": ""}


@needs_library
@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"body": "NEEDS_CONTAINER = True"}, "needs a container"),
        ({"body": "async def setup(self, trace, runtime): pass"}, r"works on a runtime in setup\(\)"),
        ({"body": "async def finalize(self, trace, runtime): pass"}, r"works on a runtime in finalize\(\)"),
        ({"body": "fine = None"}, "has no reward"),
        (
            {"body": "@vf.reward\n    async def heavy(self, trace, runtime): return 1.0"},
            "needs a runtime in its reward heavy",
        ),
        (
            {"body": "@vf.reward(weight=-1.0)\n    async def fee(self, trace): return 1.0"},
            "has a negative weight for its reward fee",
        ),
        (
            {"body": "@vf.stop\n    async def over(self, trace: vf.Trace) -> bool: return False"},
            "has @stop or @intercept functions",
        ),
        (
            {"taskset": "@classmethod\n    def toolsets(cls, config): return [object()]"},
            "gives the model tools",
        ),
        (
            {
                "taskset": "pass\nclass Two(vf.Env[vf.SingleAgentEnvConfig]):\n"
                "    async def run(self, task, agents): pass\nclass Made(Made):",
                "more": ", 'Two'",
            },
            r"has an environment class of its own \(Two\)",
        ),
    ],
)
def test_more_than_one_turn_of_text_is_refused_by_name(
    parts: dict[str, str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"or1_made_{hashlib.sha256(line.encode()).hexdigest()[:12]}"  # modules stay imported
    source = HEAD.format(**{**PARTS, **parts})
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=line) as caught:
        environment_problems(name)
    assert "only single-turn environments are supported" in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_library
@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"data": ""}, "task 0 has no prompt of text"),
        ({"data": "prompt=[vf.AssistantMessage(content='Hi.')]"}, "task 0 has no prompt of text"),
    ],
)
def test_a_task_without_a_question_of_text_is_refused(
    parts: dict[str, str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"or1_prompt_{len(parts['data'])}"
    (tmp_path / f"{name}.py").write_text(HEAD.format(**{**PARTS, **parts}))
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError, match=line):
        environment_problems(name)


@needs_library
def test_tasks_without_end_need_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "or1_endless.py").write_text(HEAD.format(**{**PARTS, "taskset": "INFINITE = True"}))
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"without end: set data\.num_problems"):
        environment_problems("or1_endless")
    assert len(environment_problems("or1_endless", num_problems=1)) == 1


@needs_library
def test_an_environment_that_is_not_there_or_does_not_load_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "or1_broken.py").write_text("raise OSError('no network')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"or1_broken.*cannot be loaded \(OSError: no network\)"):
        environment_problems("or1_broken")
    with pytest.raises(ConfigError, match=r"or1_nowhere.*cannot be loaded \(ModuleNotFoundError") as caught:
        environment_problems("or1_nowhere")
    assert "\n" not in str(caught.value)
