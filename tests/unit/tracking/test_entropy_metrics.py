"""Diagnostics in the rows of a run: classes and parts of tokens, change between steps, the warning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from or1.config import StageConfig
from or1.storage.jsonl import read_rows
from or1.testing import CharTokenizer, make_group, make_result, make_rollout
from or1.tracking.token_classes import CLASSES, PARTS, TokenClasses
from or1.types import EntropyState, Rollout, RunState
from tests.runs import open_tracker, run_config

STAGE = StageConfig(max_response_tokens=8, num_steps=4)


def written(text: str) -> Rollout:
    tokens = np.array([ord(c) for c in text], np.int32)
    return replace(make_rollout(num_tokens=len(text)), response_tokens=tokens)


def test_tokens_are_classed_by_their_text() -> None:
    classes_T = TokenClasses(CharTokenizer()).classes([written("7+ab"), written(",7\n")])
    names = [CLASSES[index].value for index in classes_T]
    assert names == ["digits", "operators", "words", "words", "structure", "digits", "structure"]


@pytest.mark.parametrize(
    ("text", "prefix", "expected"),
    [
        ("<think>1</think>2", "", "t" * 16 + "a"),
        ("1</think>2</think>3", "", "t" * 18 + "a"),  # the last mark counts
        ("<think>12", "", "t" * 9),
        ("12", "<think>", "tt"),
    ],
)
def test_the_thinking_ends_with_its_last_mark(text: str, prefix: str, expected: str) -> None:
    parts_T = TokenClasses(CharTokenizer(prefix)).parts([written(text)])
    assert parts_T is not None
    assert "".join(PARTS[index].value[0] for index in parts_T) == expected


def test_a_response_without_thinking_is_an_answer_beside_one_that_thinks() -> None:
    classes = TokenClasses(CharTokenizer())
    assert classes.parts([written("12")]) is None
    parts_T = classes.parts([written("12"), written("</think>")])
    assert parts_T is not None
    assert parts_T.tolist() == [1, 1] + [0] * 8


def log_entropies(folder: Path, entropies: list[float], first_step: int = 0) -> None:
    tracker = open_tracker(folder, run_config())
    for step, entropy in enumerate(entropies, first_step):
        last = EntropyState(last_entropy=entropies[step - 1] if step else None)
        state = RunState(step=step + 1, entropy=EntropyState(last_entropy=entropy))
        with tracker.step(RunState(step=step, entropy=last), STAGE) as log:
            log.step(make_result([make_group()], state=state))
    tracker.close()


def test_the_rows_hold_change_and_warning(tmp_path: Path) -> None:
    """0.4 falls by a tenth each step: 0.155 at step 10, and the floor of 0.1 after another 4.2 steps."""
    entropies = [0.4 * 0.9**step for step in range(10)]
    log_entropies(tmp_path, entropies)
    rows = list(read_rows(tmp_path / "metrics.jsonl"))
    assert "entropy/change_nats" not in rows[0]
    assert rows[1]["entropy/change_nats"] == pytest.approx(-0.04)
    assert [row["entropy/collapse_warning"] for row in rows] == [0] * 9 + [1]
    assert rows[9]["entropy/steps_to_floor"] == pytest.approx(4.157, abs=0.001)
    assert rows[0]["entropy/by_position/1"] == 0.5


def test_a_resumed_run_warns_as_one_that_never_stopped(tmp_path: Path) -> None:
    """The history is read from the log: without it, the eleventh step would have no rate."""
    entropies = [0.4 * 0.9**step for step in range(11)]
    log_entropies(tmp_path, entropies[:10])
    tracker = open_tracker(tmp_path, run_config())
    state = RunState(step=11, entropy=EntropyState(last_entropy=entropies[10]))
    with tracker.step(RunState(step=10, entropy=EntropyState(last_entropy=entropies[9])), STAGE) as log:
        log.step(make_result([make_group()], state=state))
    tracker.close()
    last = list(read_rows(tmp_path / "metrics.jsonl"))[-1]
    assert (last["step"], last["entropy/collapse_warning"]) == (11, 1)
