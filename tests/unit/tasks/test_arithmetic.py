"""The built-in task: what it asks, how it splits, and what its verifier pays for."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.errors import DataError
from or1.tasks.arithmetic import ArithmeticTask, Chain, Operation, chains, parse_chain
from or1.types import Message, Outcome, Problem
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.golds import GoldCheck
from or1_verify.messages import decode, encode

PINNED_STREAM = ["58 +7", "77 -8 -7 -9 +2", "87 +9 +2 -5 -7 +4 -2 -8"]
CHAIN = Chain(23, (Operation("+", 25), Operation("-", 17), Operation("*", 3)))
PROBLEM = CHAIN.problem()


def judged(text: str, gold: object = 93) -> tuple[Outcome, float | None, str]:
    verdict = ArithmeticVerifier().verify(replace(PROBLEM, gold=gold), text)
    return verdict.outcome, verdict.reward, verdict.reason


def test_operations_apply_in_the_order_written() -> None:
    """(23 + 25 - 17) * 3 = 93; with the precedence of products it would be 23 + 25 - 51 = -3."""
    assert CHAIN.totals == (48, 31, 93)
    assert PROBLEM.gold == 93
    assert PROBLEM.prompt == (Message("user", "Start at 23, then A+25 B-17 C*3. Result?"),)
    assert PROBLEM.source == "arithmetic-3"


def test_instruction_follows_the_question_on_its_own_line() -> None:
    problem = CHAIN.problem("Box it.")
    assert problem.prompt[0].content == "Start at 23, then A+25 B-17 C*3. Result?\nBox it."
    assert parse_chain(problem.prompt[0].content) == CHAIN


@pytest.mark.parametrize("question", ["", "Start at 23. Result?", "Start at 23, then /5. Result?", "1+1"])
def test_a_question_of_another_task_is_refused(question: str) -> None:
    with pytest.raises(DataError, match="not a question of the arithmetic task"):
        parse_chain(question)


@given(seed=st.integers(0, 10_000), split=st.sampled_from(["train", "heldout"]))
def test_every_total_has_at_most_two_digits_and_the_wording_can_be_read_back(seed: int, split: str) -> None:
    for chain in islice(chains(split, seed), 20):
        assert all(0 <= total <= 99 for total in (chain.start, *chain.totals))
        assert chain.split == split
        assert parse_chain(chain.problem().prompt[0].content) == chain


def test_splits_are_disjoint_whatever_the_seeds() -> None:
    train = {
        p.id
        for seed in range(3)
        for p in ArithmeticTask(split="train", num_problems=1_500, seed=seed).problems()
    }
    heldout = {
        p.id
        for seed in range(3)
        for p in ArithmeticTask(split="heldout", num_problems=500, seed=seed).problems()
    }
    assert not train & heldout
    assert len(train) > 3_500
    assert len(heldout) > 1_000


def test_one_problem_in_eight_is_held_out() -> None:
    """Over 4,000 chains of no split in particular: 500 expected, standard deviation 21."""
    everything = [Chain(start, (Operation("+", a), Operation("-", b)))
                  for start in range(40, 50) for a in range(2, 22) for b in range(2, 22)]  # fmt: skip
    num_heldout = sum(chain.split == "heldout" for chain in everything)
    assert 415 < num_heldout < 585


def test_problems_are_distinct_repeatable_and_change_with_the_seed() -> None:
    task = ArithmeticTask(num_problems=800)
    ids = [problem.id for problem in task.problems()]
    assert len(set(ids)) == 800
    assert ids == [problem.id for problem in task.problems()]
    assert ids[:300] == [problem.id for problem in replace(task, num_problems=300).problems()]
    assert len(set(ids) & {problem.id for problem in replace(task, seed=2).problems()}) < 400


def test_the_stream_is_the_same_on_every_machine() -> None:
    """Pinned: another value means that every stored id, split and score has changed its meaning."""
    first = [str(chain) for chain in islice(chains("train", 1), 3)]
    assert first == PINNED_STREAM


def test_difficulty_is_the_number_of_operations_in_equal_shares() -> None:
    problems = ArithmeticTask(num_problems=1_600, min_difficulty=3, max_difficulty=6).problems()
    lengths = [len(parse_chain(p.prompt[0].content).operations) for p in problems]
    assert sorted(set(lengths)) == [3, 4, 5, 6]
    assert all(320 < lengths.count(n) < 480 for n in (3, 4, 5, 6))


@pytest.mark.parametrize(("low", "high"), [(0, 3), (4, 3)])
def test_an_empty_range_of_difficulties_is_refused(low: int, high: int) -> None:
    with pytest.raises(DataError, match="not a range of chain lengths"):
        ArithmeticTask(min_difficulty=low, max_difficulty=high)


def test_asking_for_more_problems_than_there_are_is_refused_and_ends() -> None:
    with pytest.raises(DataError, match=r"different heldout problems of difficulty 1\.\.1"):
        ArithmeticTask(split="heldout", max_difficulty=1, num_problems=100_000).problems()


def test_every_gold_scores_one_and_a_wrong_one_does_not() -> None:
    task = ArithmeticTask(num_problems=200)
    check = GoldCheck(ArithmeticVerifier())
    assert {check.judge(problem, "").reason for problem in task.problems()} == {"right"}
    assert check.judge(replace(PROBLEM, gold="93.5"), "").reason == "bad_gold"


def test_the_verifier_can_cross_a_process_border() -> None:
    copy = decode(encode(ArithmeticVerifier()), (Verifier,))
    assert copy.verify(PROBLEM, "\\boxed{93}").outcome is Outcome.RIGHT


RIGHT = (Outcome.RIGHT, 1.0, "right")
WRONG_VALUE = (Outcome.WRONG, 0.0, "wrong_value")
NOT_AN_INTEGER = (Outcome.WRONG, 0.0, "not_an_integer")
EMPTY_BOX = (Outcome.NO_ANSWER, 0.0, "empty_box")
UNTERMINATED_BOX = (Outcome.NO_ANSWER, 0.0, "unterminated_box")
NO_BOX = (Outcome.NO_ANSWER, 0.0, "no_box")
UNFINISHED = (Outcome.NO_ANSWER, 0.0, "unfinished_thinking")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>31*3=93</think>\\boxed{93}", RIGHT),
        ("\\boxed{93}", RIGHT),
        ("</think>\\boxed{ +0093 }", RIGHT),
        ("<think>a</think>\\boxed{1} no, \\boxed{93}.", RIGHT),
        ("<think>\\boxed{1}</think>b<think>c</think>\\boxed{93}", RIGHT),
        ("<think>a</think>\\boxed{92}", WRONG_VALUE),
        ("<think>a</think>\\boxed{-93}", WRONG_VALUE),
        ("<think>a</think>\\boxed{93} or \\boxed{94}", WRONG_VALUE),
        ("<think>a</think>\\boxed{930}", WRONG_VALUE),
        ("<think>a</think>\\boxed{}", EMPTY_BOX),
        ("<think>a</think>\\boxed{93.0}", NOT_AN_INTEGER),
        ("<think>a</think>\\boxed{93 94}", NOT_AN_INTEGER),
        ("<think>a</think>\\boxed{9{3}}", NOT_AN_INTEGER),
        ("<think>a</think>\\boxed{x=93}", NOT_AN_INTEGER),
        ("<think>a</think>\\boxed{93\u0663}", NOT_AN_INTEGER),
        ("<think>a</think>\\boxed{\u0669\u0663}", NOT_AN_INTEGER),
        ("<think>a</think>93", NO_BOX),
        ("<think>\\boxed{93}</think>", NO_BOX),
        ("<think>a</think>\\boxed{93} \\boxed{9", UNTERMINATED_BOX),
        ("<think>a</think>\\boxed{9{3}", UNTERMINATED_BOX),
        ("", NO_BOX),
        ("<think>31*3=93 \\boxed{93}", UNFINISHED),
        ("<think>a</think>\\boxed{93}<think>wait \\boxed{93}", UNFINISHED),
    ],
)
def test_verdicts(text: str, expected: tuple[Outcome, float, str]) -> None:
    assert judged(text) == expected


@pytest.mark.parametrize(
    ("gold", "box"), [(93, "$93$"), (-5, "$ -5 $"), (0, "-0"), (0, "000"), (-5, "- 5"), (-5, "-05")]
)
def test_signs_and_zeros(gold: int, box: str) -> None:
    assert judged(f"\\boxed{{{box}}}", gold) == RIGHT


def test_an_answer_of_ten_thousand_digits_is_wrong_and_not_an_error() -> None:
    """Python refuses to convert such a number: a comparison of integers would raise."""
    assert judged("\\boxed{" + "9" * 10_000 + "}") == WRONG_VALUE
    assert judged("\\boxed{" + "0" * 10_000 + "93}") == RIGHT


@pytest.mark.parametrize("gold", ["93", 93.0, True, None, [93]])
def test_a_gold_that_is_no_integer_is_our_failure(gold: object) -> None:
    assert judged("\\boxed{93}", gold) == (Outcome.NOT_JUDGED, None, "bad_gold")


@given(
    pieces=st.lists(
        st.sampled_from(["\\boxed{", "}", "{", "9", "3", "93", "-", " ", "<think>", "</think>", "x"])
    )
)
def test_no_text_raises_and_only_a_closed_last_box_is_paid(pieces: list[str]) -> None:
    text = "".join(pieces)
    outcome, reward, _ = judged(text)
    assert reward is not None
    if outcome is Outcome.RIGHT:
        after = text.split("</think>")[-1]
        assert "<think>" not in after
        assert after.split("\\boxed{")[-1].split("}")[0].strip(" 0") == "93"


@given(value=st.integers(-200, 200), gold=st.integers(-200, 200), zeros=st.integers(0, 3))
def test_paid_if_and_only_if_the_integers_are_equal(value: int, gold: int, zeros: int) -> None:
    written = f"{'-' if value < 0 else ''}{'0' * zeros}{abs(value)}"
    _, reward, _ = judged(f"<think>?</think> \\boxed{{{written}}}", gold)
    assert reward == (1.0 if value == gold else 0.0)


def test_same_content_same_id() -> None:
    again = Problem.make("arithmetic", PROBLEM.prompt, 93, "elsewhere")
    assert again.id == PROBLEM.id
    assert Problem.make("arithmetic", PROBLEM.prompt, 94).id != PROBLEM.id
