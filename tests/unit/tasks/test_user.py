"""Rewards and tasks of your own: one file, no edit of the package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from or1.assemble.inputs import with_task_hashes
from or1.assemble.verifiers import check_own_tasks
from or1.config import DataConfig, RunConfig
from or1.errors import ConfigError, DataError, RunStopped
from or1.plugins import Plugin
from or1.tasks.kind import DEFAULTS, TaskKind
from or1.tasks.load import load_problems
from or1.tasks.registry import task_kind, verifiers_of
from or1.tasks.user import RewardVerifier, UserVerifier
from or1.types import Answer, Message, Outcome, Problem, Verdict
from or1_verify.pool import ProcessVerifierPool

REWARD = """
def reward(response, gold, problem):
    return response == gold
"""
ODD = """
import time

def reward(response, gold, problem):
    if response == "hang":
        time.sleep(1000)
    if response == "raise":
        raise KeyError("no such thing")
    if response == "two":
        return 2.0
    return 0.25 if response == "part" else float(response == gold)
"""
VERIFIER = """
from or1_verify.base import Verifier
from or1_verify.types import Outcome, Verdict

class Reward(Verifier):
    def read(self, text):
        return text.rpartition("=")[2].strip()

    def compute(self, problem, answer):
        if answer == problem.gold:
            return Verdict(outcome=Outcome.RIGHT, reward=1.0)
        return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="other_value")

    def ideal_answer(self, problem):
        return IDEAL
"""


def problem(gold: object, question: str = "?", task: str = "task.py:reward") -> Problem:
    return Problem.make(task, (Message("user", question),), gold)  # type: ignore[arg-type]


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def write_rows(path: Path, *rows: dict[str, object]) -> str:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[ProcessVerifierPool]:
    kind = task_kind(f"{write(tmp_path / 'task.py', ODD)}:reward")
    with ProcessVerifierPool(verifiers_of([kind]), 1, time_limit_s=300.0) as pool:
        yield pool


def verdict_of(pool: ProcessVerifierPool, text: str, problem: Problem) -> Verdict:
    ((_, verdict),) = pool.judge([Answer(problem=problem, index=0, text=text)])
    return verdict


@pytest.mark.parametrize(
    ("value", "outcome", "reward", "reason"),
    [
        (1, Outcome.RIGHT, 1.0, "right"),
        (True, Outcome.RIGHT, 1.0, "right"),
        (False, Outcome.WRONG, 0.0, "wrong"),
        (0.5, Outcome.WRONG, 0.5, "partial"),
        (1.0000001, Outcome.NOT_JUDGED, None, "bad_reward"),
        (-0.1, Outcome.NOT_JUDGED, None, "bad_reward"),
        (float("nan"), Outcome.NOT_JUDGED, None, "bad_reward"),
        ("1", Outcome.NOT_JUDGED, None, "bad_reward"),
        (None, Outcome.NOT_JUDGED, None, "bad_reward"),
    ],
)
def test_a_returned_value_becomes_a_verdict(
    value: object, outcome: Outcome, reward: float | None, reason: str
) -> None:
    verdict = RewardVerifier(lambda response, gold, problem: value).verify(problem("4"), "x")  # type: ignore[arg-type, return-value]
    assert (verdict.outcome, verdict.reward, verdict.reason) == (outcome, reward, reason)


def test_a_reward_that_hangs_is_killed_and_the_next_response_is_judged(tmp_path: Path) -> None:
    kind = task_kind(f"{write(tmp_path / 'task.py', ODD)}:reward")
    with ProcessVerifierPool(verifiers_of([kind]), 1, time_limit_s=5.0) as pool:
        hung = verdict_of(pool, "hang", problem("4"))
        assert (hung.outcome, hung.reward, hung.reason) == (Outcome.NOT_JUDGED, None, "wait_limit")
        assert verdict_of(pool, "4", problem("4")).reward == 1.0
        assert verdict_of(pool, "part", problem("4")).reward == 0.25


def test_a_reward_that_raises_or_returns_nonsense_leaves_the_response_unjudged(
    odd: ProcessVerifierPool,
) -> None:
    raised = verdict_of(odd, "raise", problem("4"))
    assert (raised.reward, raised.reason) == (None, "verifier_error")
    assert "no such thing" in raised.detail
    two = verdict_of(odd, "two", problem("4"))
    assert (two.reward, two.reason) == (None, "bad_reward")
    assert "2.0" in two.detail


def test_equal_responses_to_different_questions_are_judged_apart(tmp_path: Path) -> None:
    """A cache by gold and response alone would give both the verdict of the first."""
    text = "def reward(response, gold, problem):\n    return problem.prompt[-1].content == response\n"
    kind = task_kind(f"{write(tmp_path / 'task.py', text)}:reward")
    answers = [Answer(problem=problem("", q), index=0, text="a") for q in ("a", "b")]
    with ProcessVerifierPool(verifiers_of([kind]), 1) as pool:
        rewards = {answer.problem.prompt[-1].content: v.reward for answer, v in pool.judge(answers)}
    assert rewards == {"a": 1.0, "b": 0.0}


def test_a_whole_verifier_reads_its_own_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "task.py", VERIFIER)
    verifier = task_kind(f"{path}:Reward").verifier(DEFAULTS)
    assert verifier.verify(problem("4"), "so 2+2 = 4").reward == 1.0
    assert verifier.verify(problem("4"), "so 2+2 = 5").reason == "other_value"


def test_a_whole_task_keeps_what_it_declares(tmp_path: Path) -> None:
    text = VERIFIER + (
        "from or1.tasks.kind import TaskKind\n"
        "KIND = TaskKind(name='x', verifier=lambda settings: Reward(), answer=str.strip, votes=True)\n"
    )
    kind = task_kind(f"{write(tmp_path / 'task.py', text)}:KIND")
    assert isinstance(kind, TaskKind)
    assert (kind.name, kind.votes, kind.answer(" 4 ")) == ("task.py:KIND", True, "4")
    assert kind.verifier(DEFAULTS).verify(problem("4"), "= 4").reward == 1.0


def test_a_source_that_changes_during_a_run_stops_it(tmp_path: Path) -> None:
    """A worker that is started again must not judge with another reward than the first did."""
    kind = task_kind(f"{write(tmp_path / 'task.py', REWARD)}:reward")
    write(tmp_path / "task.py", REWARD + "# changed\n")
    with ProcessVerifierPool(verifiers_of([kind]), 1) as pool, pytest.raises(RunStopped, match="has changed"):
        verdict_of(pool, "4", problem("4"))


def test_only_the_name_travels_to_the_workers(tmp_path: Path) -> None:
    plugin = Plugin(write(tmp_path / "task.py", REWARD), "reward")
    verifier = task_kind(str(plugin)).verifier(DEFAULTS)
    assert isinstance(verifier, UserVerifier)
    assert verifier.plugin == plugin
    assert not verifier.in_process


def test_an_installed_package_offers_a_task_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "chess_rewards.py", REWARD)
    info = tmp_path / "chess_rewards-1.0.dist-info"
    info.mkdir()
    write(info / "METADATA", "Metadata-Version: 2.1\nName: chess-rewards\nVersion: 1.0\n")
    write(info / "entry_points.txt", "[or1.tasks]\nchess = chess_rewards:reward\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = task_kind("chess")
    assert kind.name == "chess"
    assert kind.verifier(DEFAULTS).verify(problem("e4"), "e4").reward == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reward = 3\n", "is of type int: it must be a function"),
        ("class reward: ...\n", "is of type type: it must be a function"),
        ("def reward(response, gold): ...\n", r"cannot be called as reward\(response, gold, problem\)"),
    ],
)
def test_an_object_that_is_no_task_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        task_kind(f"{write(tmp_path / 'task.py', text)}:reward")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'data.task = "maths" does not exist: did you mean math\?'):
        load_problems((DataConfig(task="maths", path="x.jsonl"),), seed=1)


def test_a_task_of_benchmarks_cannot_be_trained_on() -> None:
    with pytest.raises(ConfigError, match="for benchmarks only"):
        load_problems((DataConfig(task="process", path="x.jsonl"),), seed=1)


def test_rows_keep_their_gold_as_it_is_and_ids_do_not_depend_on_the_folder(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    data = write_rows(tmp_path / "rows.jsonl", {"question": "Sort.", "gold": {"want": [1, 2]}})
    here = write(tmp_path / "task.py", REWARD)
    moved = write(tmp_path / "moved" / "task.py", REWARD)
    ids = []
    for path in (here, moved):
        loaded = load_problems((DataConfig(task=f"{path}:reward", path=data, instruction="Go."),), seed=1)
        (found,) = loaded.problems
        assert (found.task, found.gold) == ("task.py:reward", {"want": [1, 2]})
        assert found.prompt[-1].content == "Sort.\nGo."
        ids.append(found.id)
    assert ids[0] == ids[1]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one = task_kind(f"{write(tmp_path / 'task.py', REWARD)}:reward")
    two = task_kind(f"{write(tmp_path / 'other' / 'task.py', ODD)}:reward")
    with pytest.raises(ConfigError, match=r"two tasks are called task\.py:reward"):
        verifiers_of([one, two])


def run_on(task: str, data: str, **source: object) -> RunConfig:
    return RunConfig.model_validate(
        {
            "name": "own",
            "model": {"path": "builtin:tiny"},
            "data": [{"task": task, "path": data, **source}],
            "stages": [{"max_response_tokens": 8, "num_steps": 1, "num_problems": 1, "group_size": 2}],
            "verify": {"num_workers": 1},
        }
    )


def check(task: str, data: str) -> None:
    run = run_on(task, data)
    loaded = load_problems(run.data, seed=1)
    check_own_tasks(run, loaded.problems, verifiers_of(loaded.kinds), loaded.rows)


def test_a_reward_for_nothing_is_refused_with_the_row(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", {"question": "a", "gold": "4"}, {"question": "b", "gold": ""})
    task = f"{write(tmp_path / 'task.py', REWARD)}:reward"
    with pytest.raises(DataError, match=r"rows\.jsonl row 2: .* gives 1 for an empty response"):
        check(task, data)


def test_a_gold_that_its_own_verifier_refuses_is_named(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", {"question": "a", "gold": "4"}, {"question": "b", "gold": "5"})
    task = f"{write(tmp_path / 'task.py', VERIFIER.replace('IDEAL', repr('4')))}:Reward"
    with pytest.raises(DataError, match=r"rows\.jsonl row 2: .* does not give 1 for its own gold .5"):
        check(task, data)
    check(f"{write(tmp_path / 'task.py', VERIFIER.replace('IDEAL', 'problem.gold'))}:Reward", data)


def test_a_reward_that_raises_on_a_row_is_refused(tmp_path: Path) -> None:
    text = "def reward(response, gold, problem):\n    return float(gold['x'] == response)\n"
    data = write_rows(tmp_path / "rows.jsonl", {"question": "a", "gold": "4"})
    with pytest.raises(DataError, match=r"row 1: .* verifier_error \(TypeError"):
        check(f"{write(tmp_path / 'task.py', text)}:reward", data)


def test_a_gold_that_tells_no_response_is_counted_and_not_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "def reward(response, gold, problem):\n    return float(len(response) == gold)\n"
    data = write_rows(tmp_path / "rows.jsonl", {"question": "a", "gold": 40}, {"question": "b", "gold": 2})
    check(f"{write(tmp_path / 'task.py', text)}:reward", data)
    assert "of 2 of 2 problems" in caplog.text, "`40` has two characters, not forty, and `2` has one"


def test_the_hash_of_the_source_is_part_of_the_run(tmp_path: Path) -> None:
    task = f"{write(tmp_path / 'task.py', REWARD)}:reward"
    first = with_task_hashes(run_on(task, "x.jsonl"))
    assert first.data[0].task_hash is not None
    assert with_task_hashes(first) == first
    write(tmp_path / "task.py", ODD)
    assert with_task_hashes(run_on(task, "x.jsonl")).data[0].task_hash != first.data[0].task_hash
    with pytest.raises(ConfigError, match=r"data\.0\.task = .*: its source has changed"):
        with_task_hashes(first)
    assert with_task_hashes(run_on("math", "x.jsonl")) == run_on("math", "x.jsonl")
