"""Each reason has a problem that it takes, and a like one that it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from or1.curate.check_math import answer_of_solution, by_text, decide
from or1.curate.config import VerifiableConfig
from or1.curate.records import Decision, Record
from or1.types import Answer, Gold, Message, Verdict
from or1_verify.golds import with_gold_checks
from or1_verify.math import MathVerifier

SETTINGS = VerifiableConfig()
VERIFIERS = with_gold_checks({"math": MathVerifier()})


def record(question: str, gold: Gold = "5", row: int = 0, solution: str | None = None) -> Record:
    solutions = () if solution is None else (solution,)
    prompt = (Message("user", question),)
    return Record(
        row=row,
        source="s",
        place="p",
        task="math",
        question=question,
        prompt=prompt,
        gold=gold,
        solutions=solutions,
    )


class InThisProcess:
    """Judges where it stands, in reverse order, as a pool may."""

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        for answer in reversed(list(answers)):
            yield answer, VERIFIERS[answer.problem.task].verify(answer.problem, answer.text)

    def close(self) -> None: ...


def decided(*records: Record) -> list[Decision]:
    return decide(records, SETTINGS, InThisProcess())


TAKEN = [
    ("url", "See https://example.org/p and count.", "5"),
    ("figure", "![](fig.png) What is the length?", "5"),
    ("figure", "The circle is drawn below. \\includegraphics{c.pdf} Find its area.", "5"),
    ("figure", "In the figure, the circle touches the line. Find the radius.", "5"),
    ("figure", "The region is bounded as shown. Find its area.", "5"),
    ("proof", "Let $n$ be odd. Prove that $n^2$ is odd.", "5"),
    ("proof", "Show that there are infinitely many primes.", "5"),
    ("multi_part", "(a) Find $x$. (b) Find $y$.", "5"),
    ("multi_part", "Let $f(x) = x^2$. (i) What is $f(3)$? (ii) Is $f$ even?", "5"),
    ("multi_part", "A train leaves. 1. x (1) how far is it, (2) how fast is it?", "5"),
    ("multi_part", "Let $n = 5$.\na) Determine $n^2$.\nb) Hence evaluate $n^4$.", "5"),
    ("multi_part", "Part 1: find the sum. Part 2: find the product.", "5"),
    ("choice", r"How many? (A) 1 (B) 2 (C) 3 (D) 4", "B"),
    ("gold_too_long", "How many?", "1" * 201),
    ("no_question", "", "5"),
    ("bad_gold", "How many?", ""),
    ("bad_gold", "How many?", {"type": "integer"}),
    ("question_too_long", "How many? " * 900, "5"),
]
LEFT = [
    ("The proof took 5 days. How many hours is that?", "120"),
    ("Can you figure out the sum of 2 and 3?", "5"),
    ("In the figure, what is the length? [asy] draw((0,0)--(1,1)); [/asy]", "5"),
    ("A function satisfies (i) $f(1) = 2$, (ii) $f$ is odd. Find $f(-1)$.", "-2"),
    ("Find the least $n$ such that (a) $n$ is even; (b) $n > 7$.", "8"),
    ("Let $S$ be a set with these properties:\n(1) $1 \\in S$.\n(2) $2 \\notin S$.\nWhat is $|S|$?", "5"),
    ("How many of (i) squares, (ii) cubes and (iii) primes are below 10 in all?", "9"),
    ("What number does this show that 5 does not?", "5"),
    ("Let $f(a) = b$. Find (a, b) with $a+b = 2$.", "(1, 1)"),
    (r"How many? (A) 1 (B) 2 (C) 3 (D) 4", "2"),
    ("In the picture gallery hang 5 paintings. How many eyes see them?", "10"),
]


@pytest.mark.parametrize(("reason", "question", "gold"), TAKEN)
def test_taken(reason: str, question: str, gold: Gold) -> None:
    assert by_text(record(question, gold), SETTINGS)[0] == reason


@pytest.mark.parametrize(("question", "gold"), LEFT)
def test_left(question: str, gold: Gold) -> None:
    assert by_text(record(question, gold), SETTINGS) == ("", "")
    assert decided(record(question, gold)) == []


def test_solutions_have_to_agree() -> None:
    decisions = decided(
        record("A?", "5", 0, r"So it is $\boxed{5}$."),
        record("B?", "5", 1, r"So it is $\boxed{6}$."),
        record("C?", "72", 2, "24+48 = <<24+48=72>>72\n#### 72"),
        record("D?", "72", 3, "#### 73"),
        record("E?", r"\frac12", 4, r"\boxed{0.5}"),
        record("F?", "5", 5, "It is clear."),
    )
    assert [(d.row, d.reason, d.evidence.get("note")) for d in decisions] == [
        (1, "solution_disagrees", None),
        (3, "solution_disagrees", None),
        (5, "", "solution_without_answer"),
    ]
    assert decisions[0].evidence["answer"] == "6"


class Losing(InThisProcess):
    """Loses its worker at each answer to a task."""

    def __init__(self, task: str) -> None:
        self.task = task

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        for answer, verdict in super().judge(answers):
            is_lost = answer.problem.task == self.task
            yield answer, Verdict.not_judged("worker_lost") if is_lost else verdict


@pytest.mark.parametrize("task", ["math", "gold of math"])
def test_a_failure_of_ours_is_no_fault_of_the_row(task: str) -> None:
    (decision,) = decide([record("A?", "5", 0, r"\boxed{5}")], SETTINGS, Losing(task))
    assert decision.reason == "not_judged"
    assert "worker_lost" in str(decision.evidence)


def test_a_gold_that_is_none_leaves() -> None:
    (decision,) = decided(record("How many?", {"type": "integer", "value": "blue"}))
    assert decision.reason == "bad_gold"


@pytest.mark.parametrize("gold", [r"\int_0^1 f(x)\,dx", r"\frac{}{3b}", "???"])
def test_a_gold_that_only_its_own_text_matches_leaves(gold: str) -> None:
    (decision,) = decided(record("How many?", gold, 0, rf"\boxed{{{gold}}}"))
    assert (decision.reason, decision.evidence["verdict"]) == ("bad_gold", "bad_gold")


def test_choices_may_be_kept() -> None:
    kept = VerifiableConfig(choices="keep")
    assert by_text(record("How many? (A) 1 (B) 2 (C) 3", "B"), kept) == ("", "")


def test_the_last_answer_of_a_solution() -> None:
    assert answer_of_solution(r"\boxed{1} and then \boxed{2}") == "2"
    assert answer_of_solution("#### 1,000") == "1,000"
    assert answer_of_solution("nothing") is None
