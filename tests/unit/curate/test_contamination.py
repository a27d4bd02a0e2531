"""Benchmarks' problems are found again; problems with other numbers are noted, not removed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benchmarks._perturb import kinds
from or1.curate.config import ContaminationConfig
from or1.curate.contamination import Benchmarks
from or1.curate.match import Side
from or1.curate.normal_form import tokens_of
from or1.curate.records import Decision
from or1.curate.sources import Protected
from tests.unit.curate.corpus import problems

PROBLEMS = [row["problem"] for row in problems(300, seed=5)]
PROTECTED = [
    Protected(benchmark="exam", place=str(at), question=text) for at, text in enumerate(PROBLEMS[:100])
]
VOCABULARY = ("copper", "lantern", "quietly", "orange", "window", "summer", "follow", "garden")


def decide(
    texts: list[str], titles: list[str] | None = None, protected: list[Protected] | None = None
) -> list[Decision]:
    benchmarks = Benchmarks(protected or PROTECTED, ContaminationConfig())
    named = titles or [""] * len(texts)
    return benchmarks.decide((at, named[at], Side.of(tokens_of(text))) for at, text in enumerate(texts))


def test_every_perturbation_is_found_with_its_evidence() -> None:
    rng = random.Random(1)
    for name, change in kinds(VOCABULARY).items():
        decisions = decide([change(problem.question, rng) for problem in PROTECTED])
        found = {d.row: d for d in decisions if d.drops}
        assert len(found) >= (99 if "20" in name else 100), name
        right = sum(found[at].evidence["place"] == str(at) for at in found)
        assert right == len(found), f"{name}: evidence names another problem"


WRITTEN: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "page": lambda text: f"<p>{text.replace('<', '&lt;').replace('. ', '.</p><p>')}</p>",
    "quoted": lambda text: "> " + text.replace(". ", ".\n> "),
    "after a price": lambda text: f"Said of a pen that costs $5 per day in all. {text}",
    "between prices": lambda text: f"It was $3 and $4 and no more. {text} Pay $7 when you know.",
}


@pytest.mark.parametrize("way", WRITTEN)
def test_copies_are_found_however_they_are_written(way: str) -> None:
    decisions = decide([WRITTEN[way](problem.question) for problem in PROTECTED])
    assert sum(d.drops for d in decisions) >= 98


def test_an_opposite_condition_is_another_problem() -> None:
    asked = "What is the {} number of ropes that a sailor can {} out of $12$ nets in $5$ days of work?"
    protected = [Protected(benchmark="exam", place="1", question=asked.format("largest", "make"))]
    texts = [asked.format(*words) for words in (("greatest", "tie"), ("smallest", "make"), ("best", "make"))]
    found = [d.row for d in decide(texts, protected=protected) if d.drops]
    assert found == [0, 2]


def test_clean_problems_stay() -> None:
    assert [d.row for d in decide(PROBLEMS[100:]) if d.drops] == []


def test_other_numbers_are_a_note() -> None:
    (decision,) = decide([PROBLEMS[0].replace("$", "").replace("9", "8").replace("1", "4").replace("3", "5")])
    assert not decision.drops
    assert decision.evidence["note"] == "renumbered"
    assert decision.evidence["other_text"] == PROBLEMS[0]


def test_a_title_of_three_words_tells() -> None:
    protected = [
        Protected(benchmark="contest", place="1", question="Do one thing.", title="Minimum Cost of Ropes"),
        Protected(benchmark="contest", place="2", question="Do another thing.", title="Isolation"),
    ]
    texts = ["Count all the different lamps.", "Count all the different stones."]
    decisions = decide(texts, ["minimum-cost-of-ropes", "isolation"], protected)
    assert [(d.row, d.evidence["match"]) for d in decisions] == [(0, "title")]


def test_nothing_protected_removes_nothing() -> None:
    assert (
        Benchmarks([], ContaminationConfig()).decide([(0, "a title of words", Side.of(tokens_of("a b c")))])
        == []
    )
