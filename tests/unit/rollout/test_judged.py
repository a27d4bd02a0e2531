"""Samples meet their verdicts: each once, whatever an engine or a pool does wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from or1.rollout.judged import judged, requested
from or1.testing import ExactVerifier, InlineVerifierPool, make_problem, make_rollout
from or1.types import Answer, Outcome, Verdict

PROBLEM = make_problem(gold="yes")
OTHER = make_problem(1, gold="yes")


class Pool(InlineVerifierPool):
    """Returns the answers at these places of what it judged, in this order."""

    def __init__(self, *places: int) -> None:
        super().__init__({"exact": ExactVerifier()})
        self.places = places

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        judged = list(super().judge(answers))
        yield from (judged[place] for place in self.places)


SAMPLES = [
    ("first", Answer(problem=PROBLEM, index=0, text="yes")),
    ("second", Answer(problem=PROBLEM, index=1, text="no")),
    ("third", Answer(problem=OTHER, index=0, text="yes")),
]


def rewards(pool: InlineVerifierPool) -> list[tuple[str, float | None]]:
    return [(sample, verdict.reward) for sample, verdict in judged(SAMPLES, pool)]


def test_each_sample_has_the_verdict_of_its_own_answer() -> None:
    assert rewards(Pool(2, 1, 0)) == [("third", 1.0), ("second", 0.0), ("first", 1.0)]


def test_a_lost_verdict_is_our_failure_and_no_sample_is_lost() -> None:
    found = list(judged(SAMPLES, Pool(2, 0)))
    assert [sample for sample, _ in found] == ["third", "first", "second"]
    assert (found[-1][1].outcome, found[-1][1].reason) == (Outcome.NOT_JUDGED, "verdict_lost")


def test_a_verdict_that_comes_twice_is_refused() -> None:
    with pytest.raises(RuntimeError, match=f"returned answer {PROBLEM.id}/1 twice or unrequested"):
        rewards(Pool(0, 1, 1))


def test_an_answer_that_the_pool_was_not_given_is_refused() -> None:
    class Inventive(Pool):
        def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
            list(answers)
            yield from super().judge([Answer(problem=PROBLEM, index=7, text="yes")])

    with pytest.raises(RuntimeError, match=f"{PROBLEM.id}/7 twice or unrequested"):
        rewards(Inventive(0))


@pytest.mark.parametrize("indices", [[0, 0], [0, 2], [-1], [1, 0, 1]])
def test_a_sample_that_comes_twice_or_was_not_requested_is_refused(indices: list[int]) -> None:
    rollouts = [make_rollout(PROBLEM, index) for index in indices]
    with pytest.raises(RuntimeError, match="came twice or was not requested"):
        list(requested(rollouts, [(PROBLEM.id, 0), (PROBLEM.id, 1)]))


def test_what_was_requested_passes_in_the_order_it_comes_and_may_be_missing() -> None:
    rollouts = [make_rollout(PROBLEM, 2), make_rollout(PROBLEM, 0)]
    keys = [(PROBLEM.id, index) for index in range(3)]
    assert [rollout.index for rollout in requested(rollouts, keys)] == [2, 0]
