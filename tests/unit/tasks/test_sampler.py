"""The sampler: every problem once per epoch, none twice in a draw, the same again from any state."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.errors import DataError, StarvedError
from or1.tasks.load import ProblemSet
from or1.tasks.sampler import ProblemSampler
from or1.testing import make_problem
from or1.types import SamplerState

NOBODY: frozenset[str] = frozenset()


def problem_set(*weights: float) -> ProblemSet:
    problems = tuple(make_problem(number) for number in range(len(weights)))
    by_id = {problem.id: weight for problem, weight in zip(problems, weights, strict=True)}
    return ProblemSet(problems=problems, weights=by_id)


def draws(
    sampler: ProblemSampler,
    sizes: list[int],
    solved: frozenset[str] = NOBODY,
    state: SamplerState | None = None,
) -> list[list[str]]:
    state = state or SamplerState()
    drawn = []
    for size in sizes:
        problems, state = sampler.draw(state, solved, size)
        drawn.append([problem.id for problem in problems])
    return drawn


@given(
    num=st.integers(4, 60), sizes=st.lists(st.floats(0, 1), min_size=1, max_size=30), seed=st.integers(0, 9)
)
def test_every_problem_once_per_epoch_whatever_is_drawn(num: int, sizes: list[float], seed: int) -> None:
    most = num - -(-num // 4)
    counts = [1 + int(size * (most - 1)) for size in sizes]
    groups = draws(ProblemSampler(problem_set(*[1.0] * num), seed), counts)
    assert [len(group) for group in groups] == counts
    assert all(len(set(group)) == len(group) for group in groups), "a problem came twice in one draw"
    stream = [problem for group in groups for problem in group]
    for start in range(0, len(stream) - num + 1, num):
        assert len(set(stream[start : start + num])) == num, "an epoch missed a problem"


@given(
    num=st.integers(4, 40),
    size=st.integers(1, 40),
    num_solved=st.integers(0, 39),
    cut=st.integers(0, 9),
    seed=st.integers(0, 9),
)
def test_resuming_from_any_state_draws_the_same(
    num: int, size: int, num_solved: int, cut: int, seed: int
) -> None:
    problems = problem_set(*[1.0, 0.4, 2.5, 1.0] * (num // 4))
    solved = frozenset(problem.id for problem in problems.problems[:num_solved])
    size = min(size, len(problems.problems) - len(solved))
    if size < 1:
        return
    whole = draws(ProblemSampler(problems, seed), [size] * 10, solved)
    sampler, state = ProblemSampler(problems, seed), SamplerState()
    for _ in range(cut):
        _, state = sampler.draw(state, solved, size)
    state = SamplerState(epoch=state.epoch, position=state.position)
    resumed = draws(ProblemSampler(problems, seed), [size] * (10 - cut), solved, state)
    assert resumed == whole[cut:]
    assert all(len(set(group)) == size and not solved & set(group) for group in whole)


def test_solved_problems_are_passed_over_and_the_others_keep_their_order() -> None:
    problems = problem_set(*[1.0] * 40)
    solved = frozenset(problem.id for problem in problems.problems[::4])
    (everything,) = draws(ProblemSampler(problems, 3), [40])
    (unsolved,) = draws(ProblemSampler(problems, 3), [30], solved)
    assert unsolved == [each for each in everything if each not in solved]


def test_each_epoch_has_another_order_and_so_has_each_seed() -> None:
    sampler = ProblemSampler(problem_set(*[1.0] * 40), 1)
    first, second = draws(sampler, [40, 40])
    assert sorted(first) == sorted(second)
    assert first != second
    moved = sum(a != b for a, b in zip(first, second, strict=True))
    assert moved > 25, "within its block every problem is as likely in one place as in another"
    assert draws(ProblemSampler(problem_set(*[1.0] * 40), 2), [40])[0] != first


def test_a_weight_is_copies_per_epoch_spread_over_it() -> None:
    problems = problem_set(*[1.0] * 30, *[2.0] * 10)
    heavy = {problem.id for problem in problems.problems[30:]}
    stream = [each for group in draws(ProblemSampler(problems, 1), [10] * 25) for each in group]
    for start in range(0, 250, 50):
        epoch = Counter(stream[start : start + 50])
        assert all(epoch[problem.id] == (2 if problem.id in heavy else 1) for problem in problems.problems)


def test_a_fractional_weight_is_a_chance_per_epoch() -> None:
    problems = problem_set(*[1.0] * 100, *[0.25] * 100)
    rare = {problem.id for problem in problems.problems[100:]}
    stream = [each for group in draws(ProblemSampler(problems, 1), [25] * 100) for each in group]
    # 2,500 visits are 20 epochs of 125: 500 rare ones expected, standard deviation 19
    assert 400 < sum(each in rare for each in stream) < 600
    assert len({each for each in stream if each in rare}) > 90, "all get their chance"


def test_draws_of_all_problems_work_too() -> None:
    groups = draws(ProblemSampler(problem_set(*[1.0] * 8), 1), [8] * 5)
    assert all(len(set(group)) == 8 for group in groups)
    groups = draws(ProblemSampler(problem_set(*[1.0] * 8), 1), [7] * 50)
    assert all(len(set(group)) == 7 for group in groups)
    visits = Counter(each for group in groups for each in group)
    assert min(visits.values()) > 0.6 * max(visits.values()), "nobody is starved by large draws"


def test_too_few_problems_are_told_apart_from_too_few_unsolved_ones() -> None:
    problems = problem_set(*[1.0] * 8)
    sampler = ProblemSampler(problems, 1)
    with pytest.raises(DataError, match="draws 9 problems and there are 8"):
        sampler.draw(SamplerState(), NOBODY, 9)
    solved = frozenset(problem.id for problem in problems.problems[:3])
    with pytest.raises(StarvedError, match="draws 6 problems and only 5 of 8 are unsolved"):
        sampler.draw(SamplerState(), solved, 6)
    assert len(sampler.draw(SamplerState(), solved, 5)[0]) == 5
