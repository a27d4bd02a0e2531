"""The rollout files: what is in a row, and which files are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.algo import advantages, split_by_signal
from or1.config import LossConfig, StageConfig
from or1.errors import RunFolderError
from or1.testing import (
    CharTokenizer,
    make_group,
    make_problem,
    make_report,
    make_result,
    make_rollout,
    make_verdict,
)
from or1.tracking.console import PlainConsole
from or1.tracking.live_page import LiveConsole
from or1.tracking.rollouts import RolloutFiles, read_rollouts, rollout_table
from or1.tracking.sinks import Sink, StepEvent
from or1.tracking.tensorboard import TensorBoard
from or1.types import Finish, Group, Int32, RunState, Verdict
from tests.runs import contents, open_tracker, play, run_config
from tests.unit.tracking.test_views import terminal


def two_rows() -> list[Group]:
    group = make_group([1.0, 0.0], problem=make_problem(3, gold={"value": 7}, source="made"), truncated={1})
    first, second = group.rollouts
    first = replace(
        first,
        response_tokens=np.array([104, 105, 0], dtype=np.int32),
        behavior_logprobs=np.array([-0.1, -0.2, -0.3], dtype=np.float32),
        behavior_entropy=None,
        policy_version=4,
        verdict=Verdict(
            outcome=make_verdict(1.0).outcome, reward=1.0, reason="exact", detail="7", seconds=9.0
        ),
    )
    second = replace(second, response_tokens=np.array([120], dtype=np.int32), verdict=None)
    return [Group(problem=group.problem, rollouts=(first, second))]


def test_rows_say_everything_of_a_rollout_but_its_seconds(tmp_path: Path) -> None:
    files = RolloutFiles(tmp_path, every=1, keep=None)
    groups = two_rows()
    advantages = {(groups[0].problem.id, 0): 0.75}
    tokenizer = CharTokenizer("<think>")
    files.write(12, rollout_table(12, groups, tokenizer, token_numbers=True, advantages=advantages))
    table = pq.read_table(tmp_path / "step_000012.parquet")
    first, second = table.to_pylist()
    assert first["behavior_logprobs"] == pytest.approx([-0.1, -0.2, -0.3])
    assert {k: first[k] for k in first if k not in ("behavior_logprobs", "problem_id")} == {
        "step": 12,
        "source": "made",
        "index": 0,
        "question": "Problem 3",
        "prompt": "\x01\x02\x03\x04",  # the tokens, whatever the messages say
        "gold": '{"value": 7}',
        "response": "<think>hi",  # as the verifier read it, prefix included, end token not
        "outcome": "right",
        "reward": 1.0,
        "advantage": 0.75,
        "reason": "exact",
        "detail": "7",
        "finish": "stop",
        "policy_version": 4,
        "response_tokens": [104, 105, 0],
        "behavior_entropy": None,
    }
    assert (second["outcome"], second["reward"], second["finish"]) == (None, None, Finish.LENGTH.value)
    assert second["advantage"] is None
    assert second["behavior_entropy"] == pytest.approx([0.5, 0.5, 0.5])


def test_advantages_are_those_of_the_update_and_absent_where_there_was_none(tmp_path: Path) -> None:
    loss = LossConfig(truncation_mask="after", advantage_eps=0.0)
    groups = [
        make_group([1.0, 0.0, 0.0, 0.0], problem=make_problem(1), truncated={3}),
        make_group([1.0, 1.0, 1.0, 1.0], problem=make_problem(2)),
        make_group([1.0, None, 0.0, 0.0], problem=make_problem(3)),
    ]
    kept, dropped = split_by_signal(groups, loss)
    tracker = open_tracker(tmp_path, run_config())
    with tracker.step(RunState(), StageConfig(max_response_tokens=8, num_steps=4)) as log:
        log.step(
            make_result(
                groups, kept=kept, advantages=advantages(kept, loss), dropped=dropped, report=make_report()
            )
        )
    tracker.close()
    found = [row["advantage"] for row in read_rollouts(tmp_path, 1)]
    root = 3**-0.5  # (1, 0, 0): mean 1/3, sample deviation 1 / sqrt(3)
    expected = [1.5, -0.5, -0.5, 0.0, *[None] * 4, 2 * root, None, -root, -root]
    assert [pytest.approx(e) for e in expected] == found


class CountingTokenizer(CharTokenizer):
    """Records the tokens of prompts and responses that it decodes."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[list[int]] = []
        self.num_responses = 0

    def decode_prompt(self, tokens: Int32) -> str:
        self.prompts.append(tokens.tolist())
        return super().decode_prompt(tokens)

    def decode(self, tokens: Int32) -> str:
        self.num_responses += len(tokens) > 1  # a token alone is decoded for its class, once for each id
        return super().decode(tokens)


def test_the_prompt_of_a_group_is_decoded_once() -> None:
    groups = []
    for prompt, size in (([5, 6], 4), ([7], 0), ([5, 6, 7], 2)):
        rollout = replace(make_rollout(), prompt_tokens=np.array(prompt, np.int32))
        groups.append(Group(problem=make_problem(), rollouts=(rollout,) * size))
    tokenizer = CountingTokenizer()
    table = rollout_table(1, groups, tokenizer, token_numbers=False, advantages={})
    assert tokenizer.prompts == [[5, 6], [5, 6, 7]]
    assert table["prompt"].to_pylist() == ["\x05\x06"] * 4 + ["\x05\x06\x07"] * 2


@pytest.mark.parametrize(("wanted", "decoded"), [((), 0), ((0,), 0), ((1,), 1), ((1, 4, 1), 4), ((9,), 6)])
def test_no_more_examples_are_decoded_than_a_view_shows(
    wanted: tuple[int, ...], decoded: int, tmp_path: Path
) -> None:
    """Without a file of rollouts in this step."""

    class View(Sink):
        def __init__(self, num_examples: int) -> None:
            self.num_examples = num_examples
            self.found = 0

        def on_step_end(self, event: StepEvent) -> None:
            self.found = len(event.examples)

    views, tokenizer = [View(number) for number in wanted], CountingTokenizer()
    run = run_config(tracking={"rollouts_every": 2, "console": False, "tensorboard": False})
    tracker = open_tracker(tmp_path, run, sinks=views, tokenizer=tokenizer)
    groups = [make_group([1.0, 0.0, 0.0], problem=make_problem(number)) for number in range(2)]
    with tracker.step(RunState(), StageConfig(max_response_tokens=8, num_steps=4)) as log:
        log.step(make_result(groups))
    tracker.close()
    assert tokenizer.num_responses == len(tokenizer.prompts) == decoded
    assert all(view.found == decoded for view in views)


def test_views_of_one_rollout_and_of_four(tmp_path: Path) -> None:
    console, page = (terminal(is_terminal=on)[0] for on in (False, True))
    assert PlainConsole("tiny", [], console).num_examples == LiveConsole("tiny", [], page).num_examples == 1
    assert TensorBoard(tmp_path, {}).num_examples == 4


def test_a_step_without_a_file_names_the_steps_there_are(tmp_path: Path) -> None:
    play(tmp_path, run_config())
    with pytest.raises(RunFolderError, match="no rollouts of step 77: there are 10 from step 1 to 10"):
        read_rollouts(tmp_path, 77)


def test_token_numbers_are_a_setting() -> None:
    names = set(
        rollout_table(1, two_rows(), CharTokenizer(), token_numbers=False, advantages={}).column_names
    )
    assert "response_tokens" in names
    assert not names & {"behavior_logprobs", "behavior_entropy"}


def test_the_same_rollouts_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        table = rollout_table(1, two_rows(), CharTokenizer(), token_numbers=True, advantages={})
        RolloutFiles(tmp_path / name, every=1, keep=None).write(1, table)
    assert (tmp_path / "a/step_000001.parquet").read_bytes() == (
        tmp_path / "b/step_000001.parquet"
    ).read_bytes()


def test_a_step_without_rollouts_has_an_empty_table() -> None:
    assert rollout_table(1, [], CharTokenizer(), token_numbers=True, advantages={}).num_rows == 0


@settings(max_examples=60)
@given(
    every=st.integers(1, 4),
    keep=st.integers(1, 4) | st.none(),
    last=st.integers(1, 14),
    crashes=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=3),
)
def test_a_run_cut_back_ends_with_the_files_of_one_that_was_not(
    tmp_path_factory: pytest.TempPathFactory,
    every: int,
    keep: int | None,
    last: int,
    crashes: list[tuple[int, int]],
) -> None:
    table = rollout_table(1, [], CharTokenizer(), token_numbers=False, advantages={})

    def steps(files: RolloutFiles, first: int, until: int) -> None:
        for step in range(first, until + 1):
            if files.due(step):
                files.write(step, table)

    def names(folder: Path) -> list[str]:
        return sorted(p.name for p in folder.iterdir())

    straight, cut = (tmp_path_factory.mktemp(n) for n in ("straight", "cut"))
    steps(RolloutFiles(straight, every=every, keep=keep), 1, last)
    first, reached = 1, 0
    for one, two in crashes:
        crash = min(max(one, two, reached), last)
        checkpoint = min(one, two, crash)
        steps(RolloutFiles(cut, every=every, keep=keep), first, crash)
        (cut / ".step_000099.parquet.1.part").write_text("half written")
        reached = crash
        RolloutFiles(cut, every=every, keep=keep).cut(checkpoint)
        first = checkpoint + 1
    steps(RolloutFiles(cut, every=every, keep=keep), first, last)
    assert names(cut) == names(straight)


@pytest.mark.parametrize("dies_after", [2, 5, 8, 9])
def test_retention_in_a_whole_run(tmp_path: Path, dies_after: int) -> None:
    run = run_config(
        tracking={"rollouts_every": 2, "rollouts_keep": 3, "console": False, "tensorboard": False}
    )
    play(tmp_path / "straight", run)
    play(tmp_path / "cut", run, dies_after=dies_after)
    play(tmp_path / "cut", run)
    assert sorted(p.name for p in (tmp_path / "cut" / "rollouts").iterdir()) == [
        "step_000006.parquet",
        "step_000008.parquet",
        "step_000010.parquet",
    ]
    assert contents(tmp_path / "cut") == contents(tmp_path / "straight")
