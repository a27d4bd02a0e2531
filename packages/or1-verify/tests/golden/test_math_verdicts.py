"""Verdicts on mathematical answers, one row for each way in which a verdict has been wrong somewhere.

`math_verdicts.jsonl` is the policy: a change of any row is a change of what is paid. `math_heldout.jsonl` was
written before the verifier had been tried on any of it; it was then right on 178 of the 181 rows, and one of
the other three was paid wrongly.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from or1_verify import math

FOLDER = Path(__file__).parent
TABLES = {"math_verdicts.jsonl": 754, "math_heldout.jsonl": 181}


def rows(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_its_verdict(name: str) -> None:
    table = rows(name)
    found = [(row, math.verify(row["gold"], str(row["response"]))) for row in table]  # type: ignore[arg-type]
    different = [
        f"{row['gold']!r} {row['response']!r}: {verdict.outcome}, not {row['outcome']}"
        for row, verdict in found
        if verdict.outcome != row["outcome"]
    ]
    assert len(table) == TABLES[name]
    assert not different, "\n".join(different)


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_hold_each_question_once_and_wrong_answers_in_plenty(name: str) -> None:
    table = rows(name)
    assert len({json.dumps([row["gold"], row["response"]]) for row in table}) == len(table)
    assert Counter(row["outcome"] for row in table)["wrong"] > 0.35 * len(table)


def test_pairs_that_nothing_was_fitted_to() -> None:
    """`math_blind.jsonl` was tried once, after everything else; its misses stay."""
    table = rows("math_blind.jsonl")
    verdicts = [math.verify(row["gold"], str(row["response"])) for row in table]  # type: ignore[arg-type]
    judged = zip(table, verdicts, strict=True)
    paid = [row["outcome"] == "right" for row, verdict in judged if verdict.reward == 1.0]
    assert len(table) == 80
    assert paid.count(False) == 0
    assert paid.count(True) >= 46, "of 49"
