"""Which rollouts a page holds, and the packed numbers of their tokens."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from or1.board.report_rollouts import chosen_groups, run_rollouts
from or1.board.token_pieces import DIGITS, TokenPieces, packed_lengths, packed_levels
from or1.board.values import LONGEST_TEXT
from or1.tracking.rollouts import RolloutFiles


def row(step: int, problem: str, index: int, response: str = "text", **more: Any) -> dict[str, Any]:
    return {
        **{
            "step": step,
            "problem_id": problem,
            "source": "made",
            "index": index,
            "question": "q",
            "prompt": "p",
        },
        **{"gold": '"7"', "response": response, "outcome": "right", "reward": 1.0, "advantage": None},
        **{"reason": "", "detail": "", "finish": "stop", "policy_version": step, "response_tokens": [1, 2]},
        **more,
    }


def run_with(folder: Path, steps: dict[int, list[dict[str, Any]]]) -> Path:
    (folder / "rollouts").mkdir()
    files = RolloutFiles(folder / "rollouts", every=1, keep=None)
    for step, rows in steps.items():
        files.write(step, pa.Table.from_pylist(rows))
    return folder


def test_a_small_run_is_there_in_full(tmp_path: Path) -> None:
    rows = {step: [row(step, f"p{n}", i) for n in range(3) for i in range(4)] for step in (1, 2)}
    found = run_rollouts(run_with(tmp_path, rows))
    assert found["total"] == len(found["columns"]["step"]) == 24
    assert len(found["problems"]) == 3
    assert found["problems"][0]["gold"] == "7"


def test_a_sample_has_whole_groups_of_the_same_problems_in_every_step(tmp_path: Path) -> None:
    """20 problems of 4 rollouts in 5 steps and room for 40: two groups in each step, the same two."""
    rows = {step: [row(step, f"p{n}", i) for n in range(20) for i in range(4)] for step in range(1, 6)}
    found = run_rollouts(run_with(tmp_path, rows), rollouts=40)
    pairs = set(zip(found["columns"]["step"], found["columns"]["problem"], strict=True))
    assert found["total"] == 400
    assert len(found["columns"]["step"]) == 40
    assert len(pairs) == 10
    assert len(found["problems"]) == 2


def test_room_for_few_groups_takes_steps_from_the_first_to_the_last(tmp_path: Path) -> None:
    rows = {step: [row(step, "p", i, "x" * 99) for i in range(10)] for step in range(1, 10)}
    found = run_rollouts(run_with(tmp_path, rows), characters=3_000)
    assert sorted(set(found["columns"]["step"])) == [1, 5, 9]


def test_the_choice_does_not_depend_on_the_verdict() -> None:
    rows = [row(1, f"p{n}", 0) for n in range(50)]
    other = [r | {"outcome": "wrong", "reward": 0.0} for r in rows]
    chosen = [
        [r["problem_id"] for r in chosen_groups(each, 10**6, 10, at_least_one=True)] for each in (rows, other)
    ]
    assert chosen[0] == chosen[1]
    assert chosen[0] != [r["problem_id"] for r in rows[:10]]


def test_a_long_response_keeps_begin_and_end(tmp_path: Path) -> None:
    rows = {1: [row(1, "p", 0, "b" + "x" * 10**6 + "e")]}
    text = run_rollouts(run_with(tmp_path, rows))["columns"]["response"][0]
    assert text[0] == "b"
    assert text[-1] == "e"
    assert len(text) < LONGEST_TEXT + 100
    assert f"{10**6 + 2 - LONGEST_TEXT:,} characters are left out" in text


def unpacked(packed: str) -> list[int]:
    """As the page reads lengths."""
    found, total = [], 0
    for digit in packed:
        total += DIGITS.index(digit)
        if digit != DIGITS[-1]:
            found.append(total)
            total = 0
    return found


@given(st.lists(st.text(max_size=200), max_size=20))
def test_lengths_are_those_of_javascript(pieces: list[str]) -> None:
    assert unpacked(packed_lengths(pieces)) == [len(p.encode("utf-16-le")) // 2 for p in pieces]


def test_levels() -> None:
    assert packed_levels([0.0, 1.5, 3.0, 9.0, -1.0, math.nan], 3.0) == f"A{DIGITS[32]}//AA"


@pytest.fixture(scope="module")
def byte_tokenizer() -> Tokenizer:
    vocabulary = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<think>", "<end>"])
    return tokenizer


@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_pieces_make_up_the_response(byte_tokenizer: Tokenizer, text: str) -> None:
    """A special token that the response leaves out has an empty text, and `<think>` its own."""
    think, end = (byte_tokenizer.token_to_id(token) for token in ("<think>", "<end>"))
    tokens = [think, *byte_tokenizer.encode(text, add_special_tokens=False).ids, end]
    pieces = TokenPieces(byte_tokenizer).split(tokens, f"<think>{text}")
    assert pieces is not None
    assert len(pieces) == len(tokens)
    assert "".join(pieces) == f"<think>{text}"
    assert (pieces[0], pieces[-1]) == ("<think>", "")


def test_no_pieces_where_they_are_not_the_response(byte_tokenizer: Tokenizer) -> None:
    tokens = byte_tokenizer.encode("abc", add_special_tokens=False).ids
    assert TokenPieces(byte_tokenizer).split(tokens, "abx") is None
    assert TokenPieces(byte_tokenizer).split(tokens, "<think>abc") == ["<think>a", "b", "c"]
