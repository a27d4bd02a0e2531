"""What every VerifierPool promises, over the pool of processes and the one in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from or1.protocols import VerifierPool
from or1.testing import ExactVerifier, InlineVerifierPool, make_problem, make_rollout
from or1.types import Finish, Outcome, Problem, Response, Rollout
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


def response(
    text: str, *, problem: Problem | None = None, index: int = 0, finish: Finish = Finish.STOP
) -> Response:
    problem = problem or make_problem(gold="yes")
    rollout = make_rollout(problem, index, reward=None, finish=finish)
    return Response(problem=problem, rollout=rollout, text=text)


def by_index(rollouts: Iterator[Rollout]) -> dict[int, Rollout]:
    return {rollout.index: rollout for rollout in rollouts}


def test_every_rollout_comes_back_once_with_the_verdict_of_its_own_text(pool: VerifierPool) -> None:
    problems = [make_problem(number, gold=str(number % 3)) for number in range(10)]
    responses = [response(str(i % 4), problem=p, index=i) for p in problems for i in range(16)]
    judged = list(pool.judge(responses))
    assert Counter((r.problem_id, r.index) for r in judged) == Counter(
        (r.rollout.problem_id, r.rollout.index) for r in responses
    )
    golds = {problem.id: problem.gold for problem in problems}
    assert all(r.reward == float(golds[r.problem_id] == str(r.index % 4)) for r in judged)


def test_nothing_but_the_verdict_is_changed(pool: VerifierPool) -> None:
    given = response("yes", index=5)
    (judged,) = pool.judge([given])
    assert judged.response_tokens is given.rollout.response_tokens
    assert judged.behavior_logprobs is given.rollout.behavior_logprobs
    assert (judged.index, judged.finish, judged.policy_version) == (
        5,
        Finish.STOP,
        given.rollout.policy_version,
    )


def test_truncated_is_wrong_and_aborted_is_not_judged_whatever_the_text_says(pool: VerifierPool) -> None:
    judged = by_index(
        pool.judge(
            [
                response("yes", index=0),
                response("yes", index=1, finish=Finish.LENGTH),
                response("yes", index=2, finish=Finish.ABORTED),
            ]
        )
    )
    verdicts = {index: rollout.verdict for index, rollout in judged.items()}
    assert [(v.outcome, v.reward) for _, v in sorted(verdicts.items()) if v] == [
        (Outcome.RIGHT, 1.0),
        (Outcome.TRUNCATED, 0.0),
        (Outcome.NOT_JUDGED, None),
    ]


def test_nothing_in_nothing_out_and_ready_for_more(pool: VerifierPool) -> None:
    assert list(pool.judge([])) == []
    assert by_index(pool.judge(response("yes", index=i) for i in range(3))).keys() == {0, 1, 2}


def test_a_source_that_fails_passes_its_error_on_and_the_pool_goes_on(pool: VerifierPool) -> None:
    def source() -> Iterator[Response]:
        yield response("yes")
        raise OSError("the engine died")

    with pytest.raises(OSError, match="the engine died"):
        list(pool.judge(source()))
    assert by_index(pool.judge([response("yes", index=7)]))[7].reward == 1.0


def test_a_task_without_a_verifier_is_an_error_and_not_a_verdict(pool: VerifierPool) -> None:
    with pytest.raises(KeyError, match="unheard"):
        list(pool.judge([response("yes", problem=make_problem(gold="yes", task="unheard"))]))


def test_verdicts_come_while_the_source_still_runs() -> None:
    """A pool that reads its source to the end before it answers would fail here."""
    seen: list[int] = []

    def source() -> Iterator[Response]:
        for index in range(64):
            yield response(f"text {index}", index=index)
            if index == 63:
                assert seen, "no verdict was handed out before the source ended"

    with ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=1, max_in_flight=8) as pool:
        for rollout in pool.judge(source()):
            seen.append(rollout.index)
    assert sorted(seen) == list(range(64))


def test_no_more_than_the_limit_is_taken_ahead() -> None:
    taken = 0

    def source() -> Iterator[Response]:
        nonlocal taken
        for index in range(100):
            taken += 1
            yield response(f"text {index}", index=index)

    with ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=1, max_in_flight=8) as pool:
        judging = pool.judge(source())
        handed_out = 0
        for _ in judging:
            handed_out += 1
            assert taken - handed_out <= 8
    assert handed_out == 100


def test_repeated_answers_are_judged_once() -> None:
    with ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=1) as pool:
        group = [response("yes", index=i) for i in range(16)]
        assert all(r.reward == 1.0 for r in pool.judge(group))
        assert pool.events["cache_hits"] == 15
        other_gold = response("yes", problem=make_problem(gold="no"))
        (judged,) = pool.judge([other_gold])
        assert judged.reward == 0.0, "the same text under another gold is another question"
        assert pool.events["cache_hits"] == 15
        assert pool.reasons == {"right": 16, "wrong": 1}


class InProcess(ExactVerifier):
    in_process = True


def test_a_cheap_verifier_starts_no_process() -> None:
    with ProcessVerifierPool({"exact": InProcess()}) as pool:
        judged = list(pool.judge(response("yes", index=i) for i in range(8)))
        assert [r.index for r in judged] == list(range(8))
        assert all(r.reward == 1.0 for r in judged)
        assert pool.events["workers_started"] == 0
