"""Programming problems whose tests hold, and are passed by the reference solution in our sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from or1.curate.config import ProgramsConfig
from or1.curate.records import Decision, Record, to_json
from or1.errors import DataError
from or1.protocols import VerifierPool
from or1.rollout.judged import judged
from or1.types import Answer, Outcome, Verdict
from or1_verify.code import parse_tests
from or1_verify.code.program import as_response
from or1_verify.code.spec import AssertTests, StdinTests, Tests, num_tests

STAGE = "programs"
_ANY_OUTPUT = re.compile(
    r"(?:print|output|return|find|give|report)s?\s+any\b(?! (?:line|whitespace))"
    r"|any (?:of them|one of them|valid|suitable|such|possible|correct) "
    r"(?:answer|solution|output|order|one|way|sequence|array|string)s?"
    r"|(?:if|when|in case) there (?:are|is|exist)s? (?:multiple|several|many|more than one)[^.]{0,60}"
    r"(?:any|either|all accepted)"
    r"|multiple (?:answers|solutions|outputs)[^.]{0,60}(?:any|accepted|allowed)"
    r"|you (?:may|can) (?:print|output|return) [^.]{0,40}in any order|answers? in any order"
    r"|absolute or relative error|relative or absolute error",
    re.IGNORECASE,
)
"""Words by which a statement says that more than one output is right."""
_NO_STATEMENT = re.compile(r"description is not available for (?:the|this) problem", re.IGNORECASE)


def decide(records: Iterable[Record], settings: ProgramsConfig, pool: VerifierPool) -> list[Decision]:
    """Decisions on the programming problems of a batch."""
    found: dict[int, Decision] = {}
    to_run: list[Record] = []
    for record in records:
        if record.task != "code":
            continue
        reason, why = by_tests(record, settings)
        if reason:
            found[record.row] = Decision(row=record.row, reason=reason, evidence={"found": why[:200]})
        elif record.solutions and settings.run_solutions:
            to_run.append(record)
    for record, verdicts in _run(to_run, settings, pool):
        decision = _on(record, verdicts)
        if decision is not None:
            found[record.row] = decision
    return [found[row] for row in sorted(found)]


def by_tests(record: Record, settings: ProgramsConfig) -> tuple[str, str]:
    """Why a problem is ruled out before anything runs, and what shows it; both empty if it is not."""
    try:
        tests = parse_tests(record.gold)
    except DataError as error:
        return "bad_tests", str(error)
    if not record.question:
        return "no_question", ""
    size = len(to_json(record.gold).encode())
    if size > settings.max_tests_bytes:
        return "tests_too_large", f"{size} bytes"
    if num_tests(tests) < settings.min_tests:
        return "too_few_tests", f"{num_tests(tests)} tests"
    if _is_empty(tests):
        return "empty_tests", "no test expects any output"
    if isinstance(tests, StdinTests) and tests.checker is not None:
        return "special_judge", "comes with a checker"
    many = None if isinstance(tests, AssertTests) else _ANY_OUTPUT.search(record.question)
    if many is not None:  # tests that are written as code may allow for it
        return "special_judge", record.question[max(0, many.start() - 60) : many.end() + 60]
    if _NO_STATEMENT.search(record.question):
        return "no_question", "the statement stands in another language"
    if settings.require_solution and not record.solutions:
        return "no_solution", ""
    return "", ""


def _is_empty(tests: Tests) -> bool:
    return isinstance(tests, StdinTests) and not any(output.strip() for output in tests.outputs)


def _run(
    records: Sequence[Record], settings: ProgramsConfig, pool: VerifierPool
) -> Iterable[tuple[Record, list[Verdict]]]:
    """Try the first solution of each problem, then the next of those that failed."""
    verdicts: dict[int, list[Verdict]] = {record.row: [] for record in records}
    waiting = list(records)
    for attempt in range(settings.max_solutions):
        waiting = [record for record in waiting if attempt < len(record.solutions)]
        answers = [
            (
                record,
                Answer(problem=record.problem, index=number, text=as_response(record.solutions[attempt])),
            )
            for number, record in enumerate(waiting)
        ]
        for record, verdict in judged(answers, pool):
            verdicts[record.row].append(verdict)
        waiting = [record for record in waiting if verdicts[record.row][-1].outcome is not Outcome.RIGHT]
    return [(record, verdicts[record.row]) for record in records]


def _on(record: Record, verdicts: Sequence[Verdict]) -> Decision | None:
    if any(verdict.outcome is Outcome.RIGHT for verdict in verdicts):
        return None
    judged = [verdict for verdict in verdicts if verdict.outcome is not Outcome.NOT_JUDGED]
    reason = "solution_fails" if judged else "not_judged"
    tried: list[Any] = [f"{verdict.reason}: {verdict.detail[:160]}" for verdict in verdicts]
    return Decision(
        row=record.row, reason=reason, evidence={"solutions_tried": len(verdicts), "verdicts": tried}
    )
