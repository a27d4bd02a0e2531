"""What every VerifierPool promises, over the pool of processes and the one in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from or1.protocols import VerifierPool
from or1.testing import ExactVerifier, InlineVerifierPool, make_problem
from or1.types import Answer, Finish, Outcome, Problem, Verdict
from or1_verify.pool import ProcessVerifierPool


@pytest.fixture(params=["processes", "inline", "inline in blocks"], scope="module")
def pool(request: pytest.FixtureRequest) -> Iterator[VerifierPool]:
    pool: VerifierPool
    if request.param == "processes":
        pool = ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=2, max_in_flight=8)
    else:
        pool = InlineVerifierPool({"exact": ExactVerifier()}, block=4 if "blocks" in request.param else 1)
    yield pool
    pool.close()


def answer(
    text: str, *, problem: Problem | None = None, index: int = 0, finish: Finish = Finish.STOP
) -> Answer:
    return Answer(problem=problem or make_problem(gold="yes"), index=index, text=text, finish=finish)


def by_index(judged: Iterator[tuple[Answer, Verdict]]) -> dict[int, Verdict]:
    return {answer.index: verdict for answer, verdict in judged}


def test_every_answer_comes_back_once_with_the_verdict_on_its_own_text(pool: VerifierPool) -> None:
    problems = [make_problem(number, gold=str(number % 3)) for number in range(10)]
    answers = [answer(str(i % 4), problem=p, index=i) for p in problems for i in range(16)]
    judged = list(pool.judge(answers))
    assert Counter((a.problem.id, a.index) for a, _ in judged) == Counter(
        (a.problem.id, a.index) for a in answers
    )
    assert all(verdict.reward == float(a.problem.gold == str(a.index % 4)) for a, verdict in judged)


def test_truncated_is_wrong_and_aborted_is_not_judged_whatever_the_text_says(pool: VerifierPool) -> None:
    verdicts = by_index(
        pool.judge(
            [
                answer("yes", index=0),
                answer("yes", index=1, finish=Finish.LENGTH),
                answer("yes", index=2, finish=Finish.ABORTED),
            ]
        )
    )
    assert [(verdicts[index].outcome, verdicts[index].reward) for index in range(3)] == [
        (Outcome.RIGHT, 1.0),
        (Outcome.TRUNCATED, 0.0),
        (Outcome.NOT_JUDGED, None),
    ]


def test_nothing_in_nothing_out_and_ready_for_more(pool: VerifierPool) -> None:
    assert list(pool.judge([])) == []
    assert by_index(pool.judge(answer("yes", index=i) for i in range(3))).keys() == {0, 1, 2}


def test_a_source_that_fails_passes_its_error_on_and_the_pool_goes_on(pool: VerifierPool) -> None:
    def source() -> Iterator[Answer]:
        yield answer("yes")
        raise OSError("the engine died")

    with pytest.raises(OSError, match="the engine died"):
        list(pool.judge(source()))
    assert by_index(pool.judge([answer("yes", index=7)]))[7].reward == 1.0


def test_a_task_without_a_verifier_is_an_error_and_not_a_verdict(pool: VerifierPool) -> None:
    with pytest.raises(KeyError, match="unheard"):
        list(pool.judge([answer("yes", problem=make_problem(gold="yes", task="unheard"))]))
