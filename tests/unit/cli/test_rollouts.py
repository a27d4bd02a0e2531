"""`or1 rollouts`: which rollouts are printed, and what stands beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from or1.algo import advantages
from or1.cli.app import dispatch, guarded
from or1.config import StageConfig
from or1.storage.run_folder import RunFolder
from or1.testing import make_group, make_problem, make_report, make_result
from or1.types import Group, Outcome, RunState, Verdict
from tests.runs import description, open_tracker, run_config

STAGE = StageConfig(max_response_tokens=8, num_steps=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with two steps; in the second, one group is trained on and one is not."""
    run = run_config()
    path = tmp_path / "run"
    with RunFolder.open(path, description(run)):
        tracker = open_tracker(path, run)
        for step, groups in ((1, [_group(9, "first step")]), (2, [_group(1, "fox"), _group(2, "owl")])):
            with tracker.step(RunState(step=step - 1), STAGE) as log:
                state = RunState(step=step)
                kept = groups[:1]
                of_kept = advantages(kept, run.loss)
                result = make_result(groups, kept=kept, advantages=of_kept, report=make_report(), state=state)
                log.step(result)
        tracker.close()
    return path


def _group(number: int, word: str) -> Group:
    """Rollouts 0 to 3: right, wrong, without an answer, truncated; the response says word and index."""
    group = make_group([1.0, 0.0, 0.0, 0.0], problem=make_problem(number, source="made"), truncated={3})
    none = Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason="no_box", detail="", seconds=0.0)
    return Group(
        problem=group.problem,
        rollouts=tuple(
            replace(
                rollout,
                prompt_tokens=_tokens(f"<|user|>Problem {number}"),
                response_tokens=(tokens := _tokens(f"{word} {rollout.index}\x1b[2J")),
                behavior_logprobs=np.full(len(tokens), -0.5, np.float32),
                behavior_entropy=np.full(len(tokens), 0.5, np.float32),
                verdict=none if rollout.index == 2 else rollout.verdict,
            )
            for rollout in group.rollouts
        ),
    )


def _tokens(text: str) -> np.ndarray:
    return np.asarray([ord(c) for c in text], dtype=np.int32)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert guarded(lambda: dispatch(["rollouts", *words])) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--right"], ["fox 0", "owl 0"]),
        (["--wrong"], ["fox 1", "fox 2", "owl 1", "owl 2"]),
        (["--truncated"], ["fox 3", "owl 3"]),
        (["--right", "--truncated"], ["fox 0", "fox 3", "owl 0", "owl 3"]),
        (["--step", "1", "--right"], ["first step 0"]),
        (["--limit", "3"], ["fox 0", "fox 1", "fox 2"]),
        (["--problem", make_problem(2).id, "--wrong"], ["owl 1", "owl 2"]),
    ],
)
def test_the_options_choose(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], found: list[str]
) -> None:
    lines = printed(capsys, str(folder), *options).splitlines()
    assert [
        line.removesuffix("\\x1b[2J") for line in lines if line.startswith(("fox", "owl", "first"))
    ] == found


def test_prompt_verdict_and_advantage_stand_beside_a_response(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = printed(capsys, str(folder), "--limit", "8")
    assert page.count("<|user|>Problem 1\n") == 1, "once for the rollouts of a problem"
    assert f'problem {make_problem(1).id} of made, gold "1"' in page
    assert "rollout 0: right, reward 1, 9 tokens, advantage +1.500" in page
    assert "rollout 2: no_answer (no_box), reward 0, 9 tokens, advantage -0.500" in page
    assert "rollout 0: right, reward 1, 9 tokens, not trained on" in page  # of the second problem
    assert page.splitlines()[-1] == "step 2: 8 of 8 such rollouts, 8 in all"
    assert "\x1b" not in page, "a response cannot write terminal commands"


def test_the_rest_is_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = printed(capsys, str(folder), "--wrong", "--limit", "1").splitlines()[-1]
    assert last == "step 2: 1 of 4 such rollouts, 8 in all; --limit 4 prints all"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--step", "12"], "no rollouts of step 12: there are 2 from step 1 to 2"),
        (["--problem", "x"], "--problem x has no rollouts in step 2: name one of its 2 problems, such as "),
    ],
)
def test_a_wrong_choice_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert guarded(lambda: dispatch(["rollouts", str(folder), *options])) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_another_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: dispatch(["rollouts", str(tmp_path)])) == 2
    assert "run folder" in capsys.readouterr().err
