"""pass@k against enumeration and against the biased formula; majority votes with ties and equal answers."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest

from or1.algo import avg_at_k, maj_at_k, pass_at_k


def test_one_right_of_four_at_two() -> None:
    assert pass_at_k(4, 1, 2) == 0.5
    # putting c / n into 1 - (1 - p)^k is biased low
    assert 1 - (1 - 1 / 4) ** 2 == 0.4375


@pytest.mark.parametrize("num_samples", range(1, 13))
def test_equals_enumeration(num_samples: int) -> None:
    for num_right in range(num_samples + 1):
        rights = [True] * num_right + [False] * (num_samples - num_right)
        for k in range(1, num_samples + 1):
            draws = list(itertools.combinations(rights, k))
            assert pass_at_k(num_samples, num_right, k) == float(Fraction(sum(map(any, draws)), len(draws)))


def test_stable_where_a_difference_from_one_is_not() -> None:
    # one right of a million, drawn once: 1 - 0.999999 keeps ten digits only
    assert pass_at_k(1_000_000, 1, 1) == 1e-6
    assert 1.0 - 999_999 / 1_000_000 != 1e-6
    # C(20000, 10000) has six thousand digits
    assert pass_at_k(20_000, 1, 10_000) == 0.5


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 0), (4, 1, 5), (4, 5, 1), (4, -1, 1), (0, 0, 1)])
def test_what_is_not_defined_is_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="not defined"):
        pass_at_k(n, c, k)


def test_avg() -> None:
    assert avg_at_k((1.0, 0.0, 0.5, 0.0)) == 0.375
    with pytest.raises(ValueError, match="at least one"):
        avg_at_k(())


def test_majority_wins_over_a_right_minority() -> None:
    assert maj_at_k(["3", "3", "7"], [0.0, 0.0, 1.0]) == 0.0
    assert maj_at_k(["7", "3", "7"], [1.0, 0.0, 1.0]) == 1.0


def test_a_tie_is_shared_and_not_won_by_the_first() -> None:
    assert maj_at_k(["7", "3"], [1.0, 0.0]) == 0.5
    assert maj_at_k(["3", "7"], [0.0, 1.0]) == 0.5
    assert maj_at_k(["3", "7", "9", "7", "3", "1"], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]) == 0.5


def test_equal_answers_vote_together() -> None:
    def same(left: str, right: str) -> bool:
        return Fraction(left) == Fraction(right)

    answers, rewards = ["1/2", "0.5", "3", "3", "2/4"], [1.0, 1.0, 0.0, 0.0, 1.0]
    assert maj_at_k(answers, rewards, same) == 1.0
    # by spelling "3" leads with two votes
    assert maj_at_k(answers, rewards) == 0.0


def test_no_answer_has_no_vote() -> None:
    assert maj_at_k([None, None, None, "7"], [0.0, 0.0, 0.0, 1.0]) == 1.0
    assert maj_at_k([None, None], [0.0, 0.0]) == 0.0
    with pytest.raises(ValueError, match="as many rewards"):
        maj_at_k(["7"], [])


def enumerated_majority(answers: Sequence[str | None], right: str, k: int) -> float:
    """Mean over every draw of k: the share of right ones among the answers that lead in it."""
    total = Fraction(0)
    draws = list(itertools.combinations(answers, k))
    for draw in draws:
        counts = Counter(answer for answer in draw if answer is not None)
        leaders = [answer for answer in counts if counts[answer] == max(counts.values())]
        total += Fraction(sum(answer == right for answer in leaders), max(1, len(leaders)))
    return float(total / len(draws))


@pytest.mark.parametrize("num_samples", range(1, 13))
def test_majority_of_k_equals_enumeration(num_samples: int) -> None:
    rng = random.Random(num_samples)
    for num_answers in (1, 2, 3, 5):
        pool = [*"abcde"[:num_answers], None]
        answers = [rng.choice(pool) for _ in range(num_samples)]
        rewards = [float(answer == "a") for answer in answers]
        for k in range(1, num_samples + 1):
            assert maj_at_k(answers, rewards, k=k) == enumerated_majority(answers, "a", k)


def test_majority_of_k_is_not_that_of_all() -> None:
    # two of three are right: one alone is right two times in three, all three vote right for certain
    answers, rewards = ["7", "7", "8"], [1.0, 1.0, 0.0]
    assert maj_at_k(answers, rewards, k=1) == pytest.approx(2 / 3)
    # two: 7 and 7 once, else a tie twice
    assert maj_at_k(answers, rewards, k=2) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert maj_at_k(answers, rewards, k=3) == 1.0
    with pytest.raises(ValueError, match="not defined"):
        maj_at_k(answers, rewards, k=4)
