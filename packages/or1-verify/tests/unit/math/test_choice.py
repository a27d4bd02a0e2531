"""A capital letter is a choice alone or before a delimiter and text; otherwise it is a quantity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right
from or1_verify import math
from or1_verify.math.choice import choice_letter, choices_of

LETTERS = st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ")
CHOICE_TEXTS = st.sampled_from(
    ["41", r"\frac{1}{2}", "A right angle", "I only", "I and II only", "None of the above", "-1", "3 or 4"]
)
OPERATIONS = st.sampled_from(
    [
        r"\sqrt{2}",
        "-1",
        " - 1",
        "+2",
        "(1-r)",
        "^2",
        "!",
        "'",
        "_1",
        r"\cdot 3",
        "/2",
        "x",
        " = 5",
        "r",
        ":r",
        ", 4",
        r"\%",
    ]
)


@given(LETTERS, OPERATIONS)
def test_a_quantity_is_no_choice(letter: str, operation: str) -> None:
    assert math.verify(letter, rf"\boxed{{{letter}{operation}}}").reward != 1.0


@given(
    LETTERS, CHOICE_TEXTS, st.sampled_from([r"(%s) ", r"\textbf{(%s)}\ ", "%s) ", "%s. ", "%s: ", "[%s] "])
)
def test_the_text_of_the_choice_may_follow_a_delimiter(letter: str, text: str, label: str) -> None:
    assert choice_letter(label % letter + text) == letter


@given(
    LETTERS,
    st.sampled_from([r"\mathrm{%s}", r"\text{%s}", r"\frac{2%s}{2}", "x = %s", "(%s)", r"\textbf{%s}."]),
)
def test_a_letter_in_other_markup_or_with_a_name_has_its_value(letter: str, form: str) -> None:
    assert math.verify(letter, rf"\boxed{{{form % letter}}}").reward == 1.0


@given(
    LETTERS,
    LETTERS,
    st.sampled_from(["%s or %s", "%s, %s", "(%s) or (%s)", r"\text{%s and %s}", "(%s), (%s)"]),
)
def test_two_letters_are_no_choice(first: str, second: str, form: str) -> None:
    assert choice_letter(form % (first, second)) is None


@given(
    st.sampled_from("ABCDE"),
    st.sampled_from("ABCDE"),
    st.sampled_from(["%s", r"\text{(%s)}", "(%s)", r"\textbf{%s.}"]),
    st.sampled_from([r"\text{%s. %s}", r"\text{(%s) %s}", r"\text{%s) %s}", r"\text{%s: %s}", "(%s) %s"]),
)
def test_a_choice_is_its_letter_and_not_the_letter_in_its_text(
    gold: str, other: str, form: str, answer: str
) -> None:
    is_paid = math.verify(form % gold, rf"\boxed{{{answer % (other, gold)}}}").reward == 1.0
    assert not is_paid or other == gold
    assert math.verify(form % gold, rf"\boxed{{\text{{({gold})}}}}").reward == 1.0
    assert math.verify(form % gold, rf"\boxed{{{answer % (gold, '12')}}}").reward == 1.0


@pytest.mark.parametrize(
    ("gold", "answer", "is_correct"),
    [
        ("F", "F: A right angle", True),
        ("B", r"\text{(B) I only}", True),
        ("B", r"\text{B or I}", False),
        ("B", "(B) is not correct", False),
        ("B", "not B", False),
        ("B", "B is correct", True),
        ("B", "(B) - 1", False),
        ("C", "c) 12", True),
        ("R", "r", False),
        ("I", "i", False),
        ("E", "e", False),
        (r"\textbf{(D)}\ 48", "D", True),
        (r"\textbf{(D)}\ 48", "48", True),
        (r"\textbf{(D)}\ 48", "(D) 48", True),
        (r"\textbf{(D)}\ 48", "(D) 47", False),
        (r"\textbf{(D)}\ 48", "C", False),
        (r"\textbf{(D)}\ 48", "(B) 48", False),
        (r"(A)\cup(B)", "A", False),
        (r"\binom{n}{2}", "C(n,2)", True),
        (r"\binom{n}{2}", "C(2,n)", False),
        ("D", "d = D", True),
        ("D", "d = 5", False),
        ("A", "A rhombus", False),
        ("A", r"\overline{A}", False),
        ("AB", r"\overline{AB}", False),
        ("N", r"N \text{ is even}", False),
    ],
)
def test_choices_and_quantities(gold: str, answer: str, is_correct: bool) -> None:
    assert is_right(gold, answer) is is_correct


LISTS = (
    "{question} (A) {0} (B) {1} (C) {2} (D) {3}",
    "{question}\nA. {0}\nB. {1}\nC. {2}\nD. {3}\n\nPut the letter or the value in a box.",
    "{question}\n\\[z = c.\\](A) {0}\n(B) {1}\n(C) {2}\n(D) {3}\n\nEnter the letter of the correct option.",
    r"{question} $\textbf{{(A)}}\ {0} \qquad \textbf{{(B)}}\ {1} \qquad \textbf{{(C)}}\ {2} "
    r"\qquad \textbf{{(D)}}\ {3}$ Explain.",
    r"{question} \text{{(A) }}{0} \quad \text{{(B) }}{1} \quad \text{{(C) }}{2} \quad \text{{(D) }}{3}",
)


@given(
    st.sampled_from(LISTS),
    st.lists(
        st.sampled_from(["7", "12", r"\frac{3}{5}", r"\sqrt{2}", "-4", "2x+1"]),
        min_size=4,
        max_size=4,
        unique=True,
    ),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(["%s", r"\text{(%s)}", "(%s)", r"\textbf{%s.}"]),
)
def test_a_listed_choice_is_its_letter_and_its_text(
    layout: str, texts: list[str], right: int, given_at: int, form: str
) -> None:
    question = layout.format(*texts, question="What is the value?")
    gold, answer = "ABCD"[right], "ABCD"[given_at]
    assert choices_of(question) == dict(zip("ABCD", texts, strict=True))
    assert is_right(form % gold, texts[given_at], question) is (right == given_at)
    assert is_right(texts[right], form % answer, question) is (right == given_at)
    assert is_right(texts[right], f"({answer}) {texts[right]}", question) is (right == given_at)


@pytest.mark.parametrize(
    "question",
    [
        "Who is the oldest? (A) B (B) C (C) A",  # the letter of one choice is the text of another
        "Find it. (A) 1 (B) 2",
        "How large? (A) 1 (C) 2 (D) 3",
        "How large? (A) 1 (B) 1 (C) 3",
        "Let (A), (B), (C) be the three statements.",
        "Given P(A) = 1, P(B) = 2 and P(C) = 3, find P(D).",
    ],
)
def test_letters_that_are_no_list_of_choices_have_no_text(question: str) -> None:
    assert choices_of(question) == {}
    assert not is_right("A", "1", question)
    assert not is_right("1", "A", question)


LISTED = "Which is it? (A) 15 (B) 13 (C) 14 (D) $a + b$"


@pytest.mark.parametrize(
    ("gold", "answer", "is_correct"),
    [
        ("C", "(C) 14", True),
        ("C", r"\text{(C) } 14", True),
        ("C", "C", True),
        ("D", "(D) $a + b$", True),
        ("C", "(C) a, b or d", False),
        ("C", "C. 14, or d. 15", False),
        ("C", r"\text{(C) incorrect}", False),
        ("C", r"\text{(C) False; the answer is d}", False),
        ("C", r"\text{A: } 14", False),
        ("C", "(C) 14 or 15", False),
        ("C", "(C) 14, 13", False),
        ("C", "(C) cannot be", False),
        ("C", "C: none of these", False),
        ("C", r"14 \text{ (A)}", False),
        ("C", r"14 \text{ (C)}", True),
        ("14", r"\text{(C) } 14", True),
        ("14", r"\text{(B) } 14", False),
    ],
)
def test_a_letter_and_its_text_agree(gold: str, answer: str, is_correct: bool) -> None:
    """A second letter, a denial or the letter of another text is no answer."""
    assert is_right(gold, answer, LISTED) is is_correct
