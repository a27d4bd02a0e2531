"""Values by name beside a gold without names: the order of the names is the one of the question."""

import itertools
import random

import pytest

from builders import reward
from or1_verify.latex.alignment import with_asked_names
from or1_verify.latex.reader import read

_QUESTIONS = ["Enter the ordered pair $(k, a).$", r"Find $\left( k,\,a \right)$.", "Of (a, k), enter (k,a)."]


@pytest.mark.parametrize("question", _QUESTIONS)
@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        ("k=5, a=-5", 1),
        (r"a=-5 \text{ and } k=5", 1),
        ("(k,a)=(5,-5)", 1),
        ("(a,k)=(-5,5)", 1),
        ("(5,-5)", 1),
        ("k=-5, a=5", 0),
        ("(k,a)=(-5,5)", 0),
        ("(-5,5)", 0),
        ("k=5", 0),
    ],
)
def test_names_have_the_order_of_the_question(question: str, answer: str, correct: float) -> None:
    assert reward(question, "(5,-5)", answer) == correct


def test_values_by_name_match_in_any_order_and_only_by_their_names() -> None:
    rng = random.Random(3)
    for _ in range(40):
        names = rng.sample([*"abckmtuvxyz", r"\theta", r"\rho"], 3)
        values = rng.sample(range(-9, 10), 3)
        question = rf"Enter the triple $\left( {', '.join(names)} \right).$"
        gold = f"({','.join(map(str, values))})"
        for order in itertools.permutations(range(3)):
            named = ", ".join(f"{names[place]}={values[place]}" for place in order)
            assert reward(question, gold, named) == 1, (question, gold, named)
            moved = ", ".join(f"{names[place]}={values[order[place]]}" for place in range(3))
            assert reward(question, gold, moved) == (order == (0, 1, 2)), (question, gold, moved)


def test_other_golds_and_names_are_left_as_they_are() -> None:
    for gold, answer in [("1, 2", "k=1, a=2"), ("(1, 2)", "b=1, a=2"), ("(1, 2)", "(1, 2)"), ("3", "k=3")]:
        assert with_asked_names(read(gold), read(answer), _QUESTIONS[0]) == read(gold)


@pytest.mark.parametrize(
    ("answer", "in_list", "alone"),
    [
        *(("70,110", 1.0, 1.0), ("70, 110", 1.0, 0.0), (r"110\text{ and }70", 1.0, 0.0)),
        *(("70", 0.0, 0.0), ("70, 111", 0.0, 0.0), ("70110", 1.0, 1.0)),
    ],
)
def test_digits_in_a_group_are_a_number_of_the_list_that_the_question_asks_for(
    answer: str, in_list: float, alone: float
) -> None:
    asked = "Find the angles. Enter all the solutions, separated by commas."
    assert reward(asked, "70,110", answer) == in_list
    assert reward("How many are there?", "70,110", answer) == alone


@pytest.mark.parametrize("answer", ["17.44", "17,44", "17, 44"])
def test_a_comma_in_a_gold_may_be_a_decimal_one_unless_the_question_asks_for_a_list(answer: str) -> None:
    asked = "Enter all solutions, separated by commas."
    assert reward(asked, "17,44", answer) == ("." not in answer)
    assert reward("How long is it?", "17,44", answer) == 1.0
