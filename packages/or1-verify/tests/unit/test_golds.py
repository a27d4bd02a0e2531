"""Golds that cannot be judged: which, why, and how many, before any response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.cli import run
from or1_verify.code import CodeVerifier
from or1_verify.golds import BadGold, GoldCheck, bad_golds, summary, with_gold_checks
from or1_verify.latex.normal import is_same_text
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Gold, Message, Outcome, Problem, Verdict


def problem(gold: Gold, task: str = "math") -> Problem:
    return Problem.make(task, (Message("user", ""),), gold)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessVerifierPool]:
    verifiers = with_gold_checks({"math": MathVerifier(), "arithmetic": ArithmeticVerifier()})
    with ProcessVerifierPool(verifiers, 1, time_limit_s=60.0) as made:
        yield made


def test_each_bad_gold_is_listed_in_order_with_its_reason(pool: ProcessVerifierPool) -> None:
    golds: list[Gold] = [
        "7", r"\sqrt{2}", ["1", "2"], r"\text{Tom}", "0", {"type": "choice", "value": "B"},
        r"\int_0^1 f(x)\,dx", r"\frac{}{3b}", "", "???", {"type": "integer", "value": "blue"},
        {"type": "integr", "value": "3"}, [r"\frac{}{3b}", "4"],
    ]  # fmt: skip
    found = bad_golds(((f"row {n}", problem(gold)) for n, gold in enumerate(golds)), pool.judge)
    assert [(each.place, each.reason) for each in found] == [(f"row {n}", "bad_gold") for n in range(6, 12)]
    assert found[0].gold == golds[6]
    assert r"\int" in found[0].detail
    assert "not of type integer" in found[4].detail


def test_a_gold_that_only_its_own_text_matches_cannot_be_judged(pool: ProcessVerifierPool) -> None:
    """The ideal answer alone would pass it: every other answer is refused without a verdict."""
    gold = problem(r"\int_0^1 f(x)\,dx")
    ideal = MathVerifier().ideal_answer(gold)
    assert ideal is not None
    assert MathVerifier().judge(gold, ideal).reward == 1.0
    assert [each.reason for each in bad_golds([("p", gold)], pool.judge)] == ["bad_gold"]


def test_integers_of_another_type_are_found(pool: ProcessVerifierPool) -> None:
    golds = [
        ("a", problem(7, "arithmetic")),
        ("b", problem("7", "arithmetic")),
        ("c", problem(0, "arithmetic")),
    ]
    assert [each.place for each in bad_golds(golds, pool.judge)] == ["b"]


TEXTS = st.one_of(
    st.text(r"\\frac{}^_()[]+-=,.:!?123xyn ", max_size=14),
    st.sampled_from(
        [r"\frac12", r"\int_0^1 x", "x+1", "Tom", r"\text{no}", "(1,2]", "5:8", "B", "}", "{1", "0", ""]
    ),
)


@given(gold=TEXTS, answer=TEXTS)
def test_a_gold_passes_exactly_when_responses_to_its_problem_get_verdicts(gold: str, answer: str) -> None:
    verifier, asked = MathVerifier(), problem(gold)
    passed = GoldCheck(verifier).judge(asked, "").reason
    verdict = verifier.judge(asked, answer)
    if passed == "right":
        assert verdict.outcome is not Outcome.NOT_JUDGED
        ideal = verifier.ideal_answer(asked)
        assert ideal is not None
        assert verifier.verify(asked, f"\\boxed{{{ideal}}}").outcome is Outcome.RIGHT
    elif passed == "bad_gold":  # but for an answer that needs no reading of the gold
        assert (
            verdict.outcome is Outcome.NOT_JUDGED
            or is_same_text(gold, answer)
            or verdict.reason == "too_large"
        )


class _Stub(Verifier):
    """Judges by a table: answer -> verdict."""

    def __init__(self, ideal: str | None, table: dict[str, Verdict]) -> None:
        self._ideal, self._table = ideal, table

    def compute(self, problem: Problem, answer: str) -> Verdict:
        return self._table[answer]

    def ideal_answer(self, problem: Problem) -> str | None:
        return self._ideal


@pytest.mark.parametrize(
    ("verifier", "reason"),
    [
        (_Stub("x", {"0": Verdict.wrong("wrong_value"), "x": Verdict.right()}), "right"),
        (_Stub("x", {"0": Verdict.wrong("wrong_value"), "x": Verdict.wrong("wrong_value")}), "gold_is_wrong"),
        (_Stub("x", {"0": Verdict.not_judged("bad_tests"), "x": Verdict.right()}), "bad_tests"),
        (_Stub("x", {"0": Verdict.not_judged("sandbox_error"), "x": Verdict.right()}), "sandbox_error"),
        (_Stub(None, {"0": Verdict.wrong("wrong_answer")}), "right"),  # tests without a solution
        (MathVerifier(), "no_ideal_answer"),
    ],
)
def test_the_reasons(verifier: Verifier, reason: str) -> None:
    # a brace that closes nothing: the text after it is outside any box
    assert GoldCheck(verifier).judge(problem(["}", "4"]), "").reason == reason


def test_a_check_has_the_limits_of_two_answers_and_of_its_verifier() -> None:
    checks = with_gold_checks({"math": MathVerifier(time_limit_s=0.75), "code": CodeVerifier()})
    made = {name: check for name, check in checks.items() if isinstance(check, GoldCheck)}
    assert [made[f"gold of {name}"].limits_itself for name in ("math", "code")] == [False, True]
    assert made["gold of math"].limit_s(problem("7")) == 1.5


def test_the_summary_is_one_line_with_the_first_ones() -> None:
    bad = [BadGold(place=f"row {n}", gold="?" * 200, reason="bad_gold", detail="why") for n in range(5)]
    line = summary(bad, 1234, most=2)
    assert line.startswith("5 of 1,234 golds cannot be judged: row 0: gold ")
    assert line.endswith(": bad_gold (why); and 3 more")
    assert "row 2" not in line
    assert "?" * 81 not in line
    assert summary([], 9) == "0 of 9 golds cannot be judged"


def check(tmp_path: Path, rows: list[dict[str, Any]], *words: str) -> int:
    file = tmp_path / "problems.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run(["check-golds", str(file), "--workers", "1", *words])


def test_the_command_lists_rows_of_problems_and_of_responses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"question": "q", "answer": "7"},
        {"question": "q", "answer": r"\frac{}{3b}"},
        {"kind": "math", "gold": "7", "response": r"\boxed{8}"},
        {"question": "q"},
        {"tests": {"inputs": ["1"], "outputs": []}},
        {"question": "q", "final_answer": ["3", r"\pi"]},
        {"question": "q", "solution": r"It is long. So the sum is $\boxed{103}$."},
    ]
    assert check(tmp_path, rows) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("problems.jsonl ")[1].split(":")[0] for line in lines[:-1]] == [
        "line 2",
        "line 4",
        "line 5",
    ]
    assert ["bad_gold" in lines[0], "no_gold" in lines[1], "bad_tests" in lines[2]] == [True] * 3
    assert lines[-1] == "3 of 7 golds cannot be judged"


def test_the_command_ends_with_0_when_every_gold_can_be_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, [{"solution": "???", "reference": "12"}], "--column", "reference") == 0
    assert capsys.readouterr().out == "0 of 1 golds cannot be judged\n"
    assert check(tmp_path, [{"solution": "???", "reference": "12"}], "--column", "solution") == 1


def test_the_command_ends_with_2_on_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check-golds", str(tmp_path / "missing.jsonl")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_the_solution_that_comes_with_tests_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = {"inputs": ["1\n"], "outputs": ["2\n"]}
    rows = [
        {"tests": tests},
        {"tests": {**tests, "solution": "print(int(input()) + 1)"}},
        {"tests": {**tests, "solution": "print(3)"}},
    ]
    assert check(tmp_path, rows, "--allow-weak-sandbox") == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "line 3" in lines[0]
    assert "gold_is_wrong" in lines[0]
