"""Responses become results: verdicts by the verifiers of training, and which answers of a problem are the
same.

Nothing is generated here: results.jsonl can be made again from responses.jsonl at any time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations

from or1.evals.questions import Questions
from or1.evals.results import RESPONSES, RESULTS, EvalFolder, ResponseRow, ResultRow, read, write
from or1.protocols import VerifierPool
from or1.rollout.judged import judged
from or1.storage.jsonl import JsonLines
from or1.tasks.kind import TaskKind
from or1.types import Answer, Finish, Message, Outcome, Problem, Verdict
from or1_verify.math.plain_number import plain_number

LONGEST_VOTE = 200
"""Longer answers are the same only if they are so to the letter [characters]."""


def judge_missing(
    pool: VerifierPool,
    questions: Questions,
    folder: EvalFolder,
    *,
    on_row: Callable[[ResultRow], None] = lambda row: None,
) -> None:
    """Judge the responses that have no verdict yet and append each result as it comes.

    Args:
        pool: verifiers of the tasks math, code, process and arithmetic.
        questions: one benchmark.
        folder: opened with that benchmark.
        on_row: called with each row once it is in the file.
    """
    name = questions.benchmark.name
    lacking = set(folder.missing(name, ResultRow))
    problems = {one.key: one.problem for one in questions.asked}

    def answers() -> Iterator[tuple[ResponseRow, Answer]]:
        for number, row in enumerate(read(folder.path / RESPONSES, ResponseRow)):
            if row.benchmark == name and (row.problem, row.sample) in lacking:
                problem = problems[row.problem]
                yield row, Answer(problem=problem, index=number, text=row.text, finish=row.finish)

    with JsonLines(folder.path / RESULTS) as log:
        for row, verdict in judged(answers(), pool):
            result = _result(row, questions.kind, verdict)
            log.append(asdict(result))
            on_row(result)


def finish_results(pool: VerifierPool, questions: Sequence[Questions], folder: EvalFolder) -> None:
    """Let the answers vote and put results.jsonl into its final order; of two rows of a sample the later
    stands."""
    path = folder.path / RESULTS
    latest = {row.key: row for row in read(path, ResultRow)}
    rows = folder.sort(latest.values())
    votes: dict[tuple[str, str, int], str] = {}
    for one in questions:
        name = one.benchmark.name
        votes |= votes_of([row for row in rows if row.benchmark == name], one.kind, pool)
    known = {one.benchmark.name for one in questions}
    voted = [replace(row, vote=votes.get(row.key)) if row.benchmark in known else row for row in rows]
    write(path, voted)


def votes_of(
    rows: Sequence[ResultRow], kind: TaskKind, pool: VerifierPool
) -> Mapping[tuple[str, str, int], str]:
    """Row key -> the first answer of its problem that is the same by the verifier; programs do not vote.

    Right answers are one class, for each equals the gold. Of the others two are one class when the verifier
    takes the earlier as the gold of the later.
    """
    if not kind.votes:
        return {}
    by_problem: dict[str, list[ResultRow]] = defaultdict(list)
    for row in rows:
        if row.answer is not None and row.reward is not None:
            by_problem[row.problem].append(row)
    same = _same_answers(by_problem.values(), kind, pool)
    votes = {}
    for answered in by_problem.values():
        leaders: list[tuple[bool, str]] = []
        for row in answered:
            voted = (row.outcome is Outcome.RIGHT, row.answer or "")
            first = next((leader for leader in leaders if _is_same(leader, voted, same)), None)
            if first is None:
                leaders.append(voted)
            votes[row.key] = (first or voted)[1]
    return votes


def _is_same(first: tuple[bool, str], second: tuple[bool, str], same: set[tuple[str, str]]) -> bool:
    if first[0] or second[0]:
        return first[0] and second[0]
    return first[1] == second[1] or (first[1], second[1]) in same


def _same_answers(
    problems: Iterable[Sequence[ResultRow]], kind: TaskKind, pool: VerifierPool
) -> set[tuple[str, str]]:
    """Pairs of different texts, the earlier first, that are wrong answers to one problem and mean the
    same."""
    response_of = kind.response_of
    if response_of is None:
        return set()
    pairs: dict[tuple[str, str], None] = {}
    same: set[tuple[str, str]] = set()
    for rows in problems:
        wrong = dict.fromkeys(row.answer or "" for row in rows if row.outcome is not Outcome.RIGHT)
        short = [(answer, plain_number(answer)) for answer in wrong if len(answer) <= LONGEST_VOTE]
        for (first, value), (second, other) in combinations(short, 2):
            if value is None or other is None:
                pairs[first, second] = None
            elif value == other:
                same.add((first, second))

    def answers() -> Iterator[tuple[tuple[str, str], Answer]]:
        for number, (first, second) in enumerate(pairs):
            problem = Problem.make(kind.name, (Message("user", ""),), first)
            yield (first, second), Answer(problem=problem, index=number, text=response_of(second))

    verdicts = judged(answers(), pool)
    return same | {pair for pair, verdict in verdicts if verdict.outcome is Outcome.RIGHT}


def answer_of(kind: TaskKind, row: ResponseRow) -> str | None:
    """The answer in a response; None without one."""
    return kind.answer(row.text) if row.finish is Finish.STOP else None


def _result(row: ResponseRow, kind: TaskKind, verdict: Verdict) -> ResultRow:
    answer = answer_of(kind, row)
    if answer is None and verdict.outcome in (Outcome.RIGHT, Outcome.WRONG):
        answer = verdict.detail or None  # judged without a box, as a setting allows
    return ResultRow(
        benchmark=row.benchmark,
        problem=row.problem,
        sample=row.sample,
        prompt_hash=row.prompt_hash,
        finish=row.finish,
        num_tokens=row.num_tokens,
        answer=answer,
        outcome=verdict.outcome,
        reward=verdict.reward,
        reason=verdict.reason,
        detail=verdict.detail,
        vote=None,
        generation_s=row.generation_s,
        verify_s=round(verdict.seconds, 6),
    )
