"""Programming problems: what rules them out before anything runs, and what the solutions say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from or1.curate.check_code import by_tests, decide
from or1.curate.config import ProgramsConfig
from or1.curate.records import Record
from or1.types import Answer, Message, Outcome, Verdict
from or1_verify.code.program import program_of

RIGHT = Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right")
WRONG = Verdict(outcome=Outcome.WRONG, reward=0.0, reason="wrong_answer", detail="test 1 of 1")
LOST = Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="sandbox_error")


def stdin(**more: Any) -> dict[str, Any]:
    return {"mode": "stdin", "inputs": ["1 2"], "outputs": ["3"], **more}


def record(
    row: int = 0,
    gold: Any = None,
    question: str = "Print the sum of both.",
    solutions: tuple[str, ...] = ("x",),
) -> Record:
    return Record(
        row=row,
        source="s",
        place="p",
        task="code",
        question=question,
        prompt=(Message("user", f"{question} {row}"),),
        gold=gold or stdin(),
        solutions=solutions,
    )


class Scripted:
    """Gives each program the verdict that stands for it."""

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        self.verdicts = verdicts
        self.ran: list[str] = []

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        for answer in reversed(list(answers)):
            program = (program_of(answer.text) or "").strip()
            self.ran.append(program)
            yield answer, self.verdicts[program]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("bad_tests", {"gold": {"mode": "stdin", "inputs": ["1"], "outputs": []}}),
        ("empty_tests", {"gold": stdin(outputs=["\n"])}),
        ("special_judge", {"gold": stdin(checker="def check(a, b, c):\n    return True")}),
        ("special_judge", {"question": "Print a path. If there are several paths, print any of them."}),
        ("special_judge", {"question": "Answers with an absolute or relative error of 1e-6 are right."}),
        ("no_solution", {"solutions": ()}),
        ("no_question", {"question": ""}),
    ],
)
def test_ruled_out(reason: str, changes: dict[str, Any]) -> None:
    assert by_tests(record(**changes), ProgramsConfig(require_solution=True))[0] == reason


def test_limits_rule_out_what_is_beyond_them_and_nothing_else() -> None:
    assert by_tests(record(), ProgramsConfig()) == ("", "")
    assert by_tests(record(), ProgramsConfig(min_tests=2))[0] == "too_few_tests"
    large = stdin(inputs=["1 " * 600], outputs=["3"])
    assert by_tests(record(gold=large), ProgramsConfig(max_tests_bytes=1_000))[0] == "tests_too_large"
    assert by_tests(record(question="Are there any apples left?"), ProgramsConfig()) == ("", "")
    function = {"mode": "asserts", "tests": ["assert f() == 1"], "names": ["f"]}
    assert by_tests(record(gold=function, question="Return any of them."), ProgramsConfig()) == ("", "")
    call = {"mode": "function", "fn_name": "f", "inputs": [[1]], "outputs": [[1, 2]]}
    said = "You can return the answer in any order."
    assert by_tests(record(gold=call, question=said), ProgramsConfig())[0] == "special_judge"
    missing = "English description is not available for the problem. Please switch."
    assert by_tests(record(gold=call, question=missing), ProgramsConfig())[0] == "no_question"


def test_one_of_the_first_solutions_has_to_pass() -> None:
    pool = Scripted({"good": RIGHT, "bad": WRONG, "lost": LOST})
    decisions = decide(
        [
            record(0, solutions=("good", "bad")),
            record(1, solutions=("bad", "good")),
            record(2, solutions=("bad", "bad", "bad", "good")),
            record(3, solutions=("lost",)),
        ],
        ProgramsConfig(max_solutions=3),
        pool,
    )
    assert [(d.row, d.reason) for d in decisions] == [(2, "solution_fails"), (3, "not_judged")]
    assert decisions[0].evidence["verdicts"] == ["wrong_answer: test 1 of 1"] * 3
    assert pool.ran.count("good") == 2, "a problem whose solution has passed is not tried again"


def test_solutions_need_not_run() -> None:
    assert decide([record()], ProgramsConfig(run_solutions=False), Scripted({})) == []


def test_problems_without_a_solution_stay_unless_one_is_required() -> None:
    """The released data set of the paper has none: all its programs would leave."""
    assert by_tests(record(solutions=()), ProgramsConfig()) == ("", "")
