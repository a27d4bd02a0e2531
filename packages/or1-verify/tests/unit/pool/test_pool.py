"""A pool of worker processes: when verdicts come, what it keeps in flight, what it caches."""

from __future__ import annotations

from collections.abc import Iterator

from builders import ExactVerifier, make_answer, make_problem, verdict_of
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Answer

PROBLEM = make_problem("yes", "exact")


def test_verdicts_come_while_the_source_still_runs() -> None:
    """A pool that reads its source to the end before it answers would fail here."""
    seen: list[int] = []

    def source() -> Iterator[Answer]:
        for index in range(64):
            yield make_answer(PROBLEM, f"text {index}", index)
            if index == 63:
                assert seen, "no verdict was handed out before the source ended"

    with ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=1, max_in_flight=8) as pool:
        for given, _ in pool.judge(source()):
            seen.append(given.index)
    assert sorted(seen) == list(range(64))


def test_no_more_than_the_limit_is_taken_ahead() -> None:
    taken = 0

    def source() -> Iterator[Answer]:
        nonlocal taken
        for index in range(100):
            taken += 1
            yield make_answer(PROBLEM, f"text {index}", index)

    with ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=1, max_in_flight=8) as pool:
        judging = pool.judge(source())
        handed_out = 0
        for _ in judging:
            handed_out += 1
            assert taken - handed_out <= 8
    assert handed_out == 100


def test_repeated_answers_are_judged_once() -> None:
    with ProcessVerifierPool({"exact": ExactVerifier()}, num_workers=1) as pool:
        group = [make_answer(PROBLEM, "yes", i) for i in range(16)]
        assert all(verdict.reward == 1.0 for _, verdict in pool.judge(group))
        assert pool.events["cache_hits"] == 15
        verdict = verdict_of(pool, make_problem("no", "exact"), "yes")
        assert verdict.reward == 0.0, "the same text under another gold is another question"
        assert pool.events["cache_hits"] == 15
        assert pool.reasons == {"right": 16, "wrong": 1}


class InProcess(ExactVerifier):
    in_process = True


def test_a_cheap_verifier_starts_no_process() -> None:
    with ProcessVerifierPool({"exact": InProcess()}) as pool:
        judged = list(pool.judge(make_answer(PROBLEM, "yes", i) for i in range(8)))
        assert [given.index for given, _ in judged] == list(range(8))
        assert all(verdict.reward == 1.0 for _, verdict in judged)
        assert pool.events["workers_started"] == 0
