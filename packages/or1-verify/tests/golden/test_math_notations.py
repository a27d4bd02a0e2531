"""Notations of the same answer, by kind, beside near-misses of each that are incorrect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "math_notations.jsonl").read_text(encoding="utf-8").splitlines()
]
KINDS = sorted({row["kind"] for row in ROWS})


@pytest.mark.parametrize("kind", KINDS)
def test_each_notation_has_its_verdict(kind: str) -> None:
    rows = [row for row in ROWS if row["kind"] == kind]
    found = [(row, math.verify(row["gold"], row["response"])) for row in rows]
    different = [
        f"{row['gold']} <- {row['response']}: {verdict.outcome} {verdict.reason}, not {row['outcome']}"
        for row, verdict in found
        if verdict.outcome != row["outcome"]
    ]
    assert not different, "\n".join(different)
    assert {row["outcome"] for row in rows} == {"right", "wrong"}


def reward(gold: str, answer: str) -> float | None:
    return math.verify(gold, f"\\boxed{{{answer}}}").reward


@given(st.lists(st.integers(100, 999), min_size=2, max_size=6, unique=True), st.data())
def test_numbers_of_three_digits_are_a_list_with_and_without_blanks(
    numbers: list[int], data: st.DataObject
) -> None:
    texts = [str(number) for number in numbers]
    spaced, joined = ", ".join(texts), ",".join(texts)
    assert reward(spaced, joined) == reward(joined, spaced) == 1.0
    assert reward(spaced, "".join(texts)) == 0.0
    place = data.draw(st.integers(0, len(texts) - 1))
    assert reward(spaced, ",".join(texts[:place] + texts[place + 1 :])) == 0.0


@given(st.integers(1_000_000, 10**15), st.sampled_from([",", "'", ".", r"\,", "{,}"]))
def test_thousands_are_one_number_with_any_separator(number: int, mark: str) -> None:
    shown = f"{number:,}".replace(",", mark)
    assert reward(str(number), shown) == 1.0
    assert reward(str(number + 1), shown) == 0.0
