"""The chains that the built-in model learns from: what they promise about slips, checks and length."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.models.chains import (
    COMPUTING,
    HABITS,
    LONGER,
    MAX_WAYS_DIFFICULTY,
    WAYS_HABITS,
    Style,
    Teaching,
    Way,
    next_step,
    slip_chance,
    write_response,
)
from or1.tasks.arithmetic import Chain, Operation, chains
from or1_verify.arithmetic import ArithmeticVerifier

ONE_SUM = Chain(23, (Operation("+", 8),))
ALWAYS_SLIP = Teaching(slips=(4 / 3,), checks=(0.0, 0.0, 0.0), styles=(1.0, 0.0, 0.0))
HARDEST = [chain for chain in islice(chains("train", 1), 2_000) if len(chain.operations) == 8]


def num_tokens(response: str) -> int:
    """One token a character, one for each thinking mark, one for the end."""
    return len(response) - len("<think></think>") + 2 + 1


def is_right(chain: Chain, response: str) -> bool:
    return ArithmeticVerifier().verify(chain.problem(), response).reward == 1.0


@given(seed=st.integers(0, 10**9))
def test_without_slips_every_response_is_right_in_any_style(seed: int) -> None:
    chain = next(chains("train", seed))
    assert is_right(chain, write_response(random.Random(seed), chain, replace(HABITS, slips=(0.0,))))


def test_the_first_lesson_is_arithmetic_and_spaces() -> None:
    chain = Chain(23, (Operation("+", 8), Operation("*", 3), Operation("-", 4)))
    response = write_response(random.Random(1), chain, COMPUTING)
    assert "".join(response.split()) == "<think>23A+8=31,31B*3=93,93C-4=89,</think>\\boxed{89}"


@given(seed=st.integers(0, 10**9))
def test_a_response_is_a_function_of_its_generator(seed: int) -> None:
    chain = next(chains("train", seed))
    first, second = (write_response(random.Random(seed), chain, HABITS) for _ in range(2))
    assert first == second
    assert first.isascii()


def test_a_slip_that_is_not_mended_makes_the_answer_wrong() -> None:
    rng = random.Random(1)
    assert not any(is_right(ONE_SUM, write_response(rng, ONE_SUM, ALWAYS_SLIP)) for _ in range(300))


def test_a_check_mends_nine_slips_in_ten() -> None:
    """1,000 slips, all checked: 900 expected right, standard deviation 9.5; without checks none is."""
    rng = random.Random(1)
    checked = replace(ALWAYS_SLIP, checks=(1.0, 1.0, 1.0))
    num_right = sum(is_right(ONE_SUM, write_response(rng, ONE_SUM, checked)) for _ in range(1_000))
    assert 860 < num_right < 940


@pytest.mark.parametrize(
    ("total", "operation", "expected"),
    [
        (23, Operation("+", 6), 0.75 * 0.2),
        (23, Operation("+", 7), 0.2),
        (23, Operation("-", 3), 0.75 * 0.2),
        (23, Operation("-", 4), 0.2),
        (11, Operation("*", 2), 0.2),
    ],
)
def test_carries_borrows_and_products_slip_more(total: int, operation: Operation, expected: float) -> None:
    teaching = replace(HABITS, slips=(0.1, 0.2))
    assert slip_chance(total, operation, 1, teaching) == pytest.approx(expected)
    assert slip_chance(total, operation, 7, teaching) == slip_chance(total, operation, 1, teaching)


@pytest.mark.parametrize("right", [0, 7, 10, 19, 45, 68, 90, 99])
def test_the_right_digits_stay_the_likeliest(right: int) -> None:
    """Digit by digit, as greedy decoding reads them, at the highest chance of a slip that is taught."""
    rng = random.Random(right)
    chain = Chain(right + 2, (Operation("-", 2),))
    teaching = replace(
        ALWAYS_SLIP,
        slips=(
            max(HABITS.slips)
            / slip_chance(right + 2, Operation("-", 2), 0, replace(ALWAYS_SLIP, slips=(1.0,))),
        ),
    )
    boxes = [write_response(rng, chain, teaching).split("{")[1].rstrip("}") + "}" for _ in range(3_000)]
    greedy = ""
    while not greedy.endswith("}"):
        following = Counter(box[len(greedy)] for box in boxes if box.startswith(greedy))
        greedy += following.most_common(1)[0][0]
    assert greedy == f"{right}}}"


def test_later_steps_slip_more() -> None:
    """Short chains come out right nearly always, the longest seldom."""
    rng = random.Random(1)
    right: dict[int, list[bool]] = {n: [] for n in range(1, 9)}
    for chain in islice(chains("train", 3), 4_000):
        right[len(chain.operations)].append(is_right(chain, write_response(rng, chain, HABITS)))
    shares = [sum(right[n]) / len(right[n]) for n in range(1, 9)]
    assert shares[0] > 0.95
    assert shares[7] < 0.4
    assert all(later < earlier + 0.03 for earlier, later in pairwise(shares))


def test_length_is_a_matter_of_style() -> None:
    """The hardest chains fit the first budget (128) when terse, and the last (256) in any style."""
    rng = random.Random(1)
    lengths = {}
    for style in Style:
        teaching = replace(HABITS, styles=tuple(float(style is other) for other in Style))
        lengths[style] = [num_tokens(write_response(rng, chain, teaching)) for chain in HARDEST]
    means = {style: sum(values) / len(values) for style, values in lengths.items()}
    assert means[Style.TERSE] < 115 < 160 < means[Style.PLAIN] < means[Style.RAMBLING] < 225
    assert sum(n <= 128 for n in lengths[Style.TERSE]) / len(HARDEST) > 0.85
    assert max(lengths[Style.RAMBLING]) < 280


def test_two_in_five_responses_exceed_the_first_budget() -> None:
    rng = random.Random(1)
    lengths = [num_tokens(write_response(rng, chain, HABITS)) for chain in islice(chains("train", 5), 4_000)]
    assert 0.35 < sum(n > 128 for n in lengths) / len(lengths) < 0.45
    assert sum(n > 256 for n in lengths) / len(lengths) < 0.02


@given(seed=st.integers(0, 10**9))
def test_every_way_is_right_without_slips(seed: int) -> None:
    chain = next(chains("train", seed, 2, MAX_WAYS_DIFFICULTY))
    assert is_right(chain, write_response(random.Random(seed), chain, LONGER))


@pytest.mark.parametrize(
    ("total", "operation", "expected"),
    [
        (47, Operation("+", 8), "A+8=50+5"),
        (52, Operation("-", 7), "A-7=50-5"),
        (42, Operation("+", 8), "A+8"),  # reaches the ten, does not pass it
        (50, Operation("-", 7), "A-7"),
        (47, Operation("*", 2), "A*2"),
    ],
)
def test_a_carry_goes_through_the_next_ten(total: int, operation: Operation, expected: str) -> None:
    step = next_step(Chain(total, (operation,)), 0, total, Way.TENS)
    assert (step.written(total), step.operation) == (expected, operation)


def test_pairs_join_neighbours_and_leave_products_alone() -> None:
    chain = Chain(47, (Operation("-", 8), Operation("+", 3), Operation("+", 4), Operation("*", 2)))
    steps = [next_step(chain, number, 47, Way.PAIRS) for number in (0, 2, 3)]
    assert [step.written(47) for step in steps] == ["AB-5", "C+4", "D*2"]
    assert [step.num_operations for step in steps] == [2, 1, 1]


def test_pairs_are_shorter_and_slip_more_than_tens() -> None:
    """1,000 chains each: an always carrying chain in each way alone, first without words."""
    chain = Chain(9, tuple(Operation("+", 9) for _ in range(8)))
    found = {}
    always = replace(WAYS_HABITS, slips=(0.1,), checks=(0.0, 0.0, 0.0), styles=(1.0, 0.0, 0.0))
    tens, pairs = replace(always, ways=(0.0, 1.0, 0.0)), replace(always, ways=(0.0, 0.0, 1.0))
    for way, teaching in ((Way.TENS, tens), (Way.PAIRS, pairs)):
        rng = random.Random(1)
        responses = [write_response(rng, chain, teaching) for _ in range(1_000)]
        found[way] = (
            sum(map(len, responses)) / 1_000,
            sum(is_right(chain, response) for response in responses) / 1_000,
        )
    assert found[Way.PAIRS][0] < 0.6 * found[Way.TENS][0]
    # tens: 0.95 ** 8 = 0.663; pairs: 9 + 18 carries in each of four steps, 0.85 ** 4 = 0.522; with the slip
    # rate of single steps for both it would be 0.430 and 0.656
    assert found[Way.TENS][1] == pytest.approx(0.663, abs=0.05)
    assert found[Way.PAIRS][1] == pytest.approx(0.522, abs=0.05)
