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


ADDED: dict[str, Callable[[str], str]] = {
    "choices": lambda text: f"{text} (A) $3$ (B) $17$ (C) $204$ (D) $61$ (E) $8$",
    "two choices": lambda text: f"{text}\nA. 331\nB. 12",
    "source in front": lambda text: f"(2024 AIME I, Problem 7) {text}",
    "source behind": lambda text: f"{text} [AMC 12A 2022, Problem 13]",
    "hint": lambda text: f"{text} Hint: look at the remainders modulo 7, which are not all positive.",
    "form of the answer": lambda text: f"{text} The answer is an integer from 0 to 999. Use no calculator.",
    "instruction": lambda text: f"You are an expert. Solve it in at most 5 steps.\n\nProblem 12.\n{text}",
}


@pytest.mark.parametrize("way", ADDED)
def test_a_problem_with_something_short_added_is_found(way: str) -> None:
    found = [d for d in decide([ADDED[way](problem.question) for problem in PROTECTED]) if d.drops]
    assert [d.evidence["place"] for d in found] == [str(at) for at in range(100)]


@pytest.mark.parametrize("way", ADDED)
@pytest.mark.parametrize("asked", ["How many of the {} ropes are longer than 12 feet after {} days?"])
def test_other_numbers_and_opposites_stay_with_something_added(way: str, asked: str) -> None:
    """A part of the problem's length could leave the changed end out and take a word of the addition."""
    whole = "A sailor has {} nets, some ropes and a lamp. " + asked
    protected = [Protected(benchmark="exam", place="1", question=whole.format(31, "even", 45))]
    rows = [ADDED[way](whole.format(*each)) for each in ((31, "even", 46), (32, "even", 45), (31, "odd", 45))]
    assert [d.row for d in decide(rows, protected=protected) if d.drops] == []
    assert [d.row for d in decide([ADDED[way](protected[0].question)], protected=protected) if d.drops] == [0]


DRAWN = "In the figure below, the area of the shaded region is $12\\pi$. What is the radius of circle $O$? "
DRAWINGS = {
    "asy": '[asy]\nsize(100);\ndraw((0,0)--(27,0)--(15,9)--cycle);\nlabel("$5$",(21,4.5),NE);\n[/asy]',
    "tikz": "\\begin{tikzpicture}\\draw (0,0) -- (4,0) -- (4,7);\\end{tikzpicture}",
    "link": "![figure 3](https://example.org/img/17.png)",
    "graphics": "\\includegraphics[width=4cm]{fig12.png}",
    "tag": "<img src='a12.png' width=300>",
}


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_is_no_part_of_the_text(kind: str) -> None:
    drawn, bare = DRAWN + DRAWINGS[kind], DRAWN
    for first, second in ((drawn, bare), (bare, drawn), (drawn, DRAWN + DRAWINGS["asy"])):
        protected = [Protected(benchmark="exam", place="1", question=first)]
        assert [d.drops for d in decide([second], protected=protected)] == [True]


def test_a_short_text_whose_figure_is_gone_has_to_say_the_same() -> None:
    asked = "What is the number of square feet in the area of this {}? " + DRAWINGS["asy"]
    protected = [Protected(benchmark="exam", place="1", question=asked.format("trapezoid"))]
    rows = [asked.format("hexagon"), asked.format("trapezoid").replace("27", "31")]
    assert [d.row for d in decide(rows, protected=protected) if d.drops] == [1]


RESTYLED = {
    "environment": (
        r"Solve $$ax^2 + bx = 7$$ for real $x$.",
        r"Solve \begin{align*}ax^2+bx=7\end{align*} for real $x$.",
    ),
    "line": (
        r"Find $\overline{AB}$ if $\overline{BC} = 5$ and $M$ halves it.",
        r"Find $AB$ if $BC=5$ and $M$ halves it.",
    ),
    "vector": (
        r"Let $\vec{v} = 3 \vec{w} + 2$. Find the norm of $\vec{v}$.",
        r"Let $v=3w+2$. Find the norm of $v$.",
    ),
    "dollars": (
        r"If $xyz = 4$ and $ab + kx = 9$ then what is $abc$?",
        r"If xyz = 4 and ab + kx = 9 then what is abc?",
    ),
    "Greek": (
        r"If $\alpha + \sigma = 3$ find $\Omega$ and $\delta$.",
        "If α + σ = 3 find Ω and δ.",
    ),
    "Greek names": (
        r"If $\alpha + \sigma = 3$ find $\beta$.",
        "If alpha + sigma = 3 find beta.",
    ),
    "text": (
        r"Let $f(n) = 4$ if $n > 3 \text{ and odd}$, else $5$.",
        r"Let $f(n) = 4$ if $n > 3$ and $odd$, else $5$.",
    ),
    "capitals": (
        r"Compute the value of $\frac{1}{3} + \sqrt{12}$ now.",
        r"COMPUTE THE VALUE OF $\FRAC{1}{3} + \SQRT{12}$ NOW.",
    ),
}


@pytest.mark.parametrize("kind", RESTYLED)
def test_notation_is_style(kind: str) -> None:
    first, second = RESTYLED[kind]
    protected = [Protected(benchmark="exam", place="1", question=first)]
    assert [d.drops for d in decide([second], protected=protected)] == [True]
    other = second.replace("3", "6").replace("9", "8").replace("7", "6").replace("5", "4")
    assert not any(d.drops for d in decide([other], protected=protected))
