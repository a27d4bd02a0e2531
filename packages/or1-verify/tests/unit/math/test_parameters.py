"""Letters that the question does not have may have any name in the answer; all others are what they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import reward

_FUNCTION = r"Find all functions $f:\mathbb{R}\to\mathbb{R}$ with $f(x+y) = f(x) + f(y)$."
_NUMBER = "Find all positive integers $n$ with $n^2 + 3n + 2 = 0$."


@pytest.mark.parametrize(
    ("question", "gold", "answer", "correct"),
    [
        (_NUMBER, "n=2^k", "n=2^m", 1),
        (_NUMBER, "3k+1", "3m+1", 1),
        (_NUMBER, "3k+1", "3m+2", 0),
        (_FUNCTION, "f(x)=cx", "f(x)=kx", 1),
        (_FUNCTION, "f(x)=cx", r"f(x)=ax \text{ for any real constant } a", 1),
        (_FUNCTION, r"f(x)=cx, c>0", r"f(x)=ax, a>0", 1),
        (_FUNCTION, r"f(x)=cx, c>0", r"f(x)=ax, a<0", 0),
        (_FUNCTION, "f(x)=ax+b", "f(x)=mx+c", 1),
        (_FUNCTION, "f(x)=ax+b", "f(x)=bx+a", 1),
        (_FUNCTION, "f(x)=ax+b", "f(x)=ax+a", 0),
        (_FUNCTION, "f(x)=ax+a", "f(x)=ax+b", 0),
        (_FUNCTION, "f(x)=x+c", "f(x)=x+1", 0),
        ("Solve $x+y+z=0$.", "(2t,-t,-t)", "(2s,-s,-s)", 1),
        (r"Find the minimal polynomial of $\sqrt2+\sqrt3$.", "x^4-10x^2+1", "t^4-10t^2+1", 1),
        ("Solve $y''+y=0$.", r"y=C_1\cos x+C_2\sin x", r"y=a\sin x+b\cos x", 1),
        (r"Solve $\sin x=\sin\alpha$.", r"x=\alpha+2\pi k", r"x=\alpha+2\pi n", 1),
        (r"Solve $\sin x=\sin\alpha$ with $n$ given.", r"x=\alpha+2\pi k", r"x=\alpha+2\pi n", 0),
        ("Solve $x+y+z=0$.", "(2t,-t,-t)", "(2s,-s,s)", 0),
    ],
)
def test_an_answer_names_its_own_parameters(question: str, gold: str, answer: str, correct: int) -> None:
    assert reward(question, gold, answer) == correct


@pytest.mark.parametrize(
    ("question", "gold", "answer"),
    [
        ("Find all $n$ for a given $k$.", "2^k", "2^m"),
        ("Find all $n$ for a given k, where $n > 0$.", "2^k", "2^m"),
        ("Find the area $A$ of a square of side a.", "A=a+1", "A=b+1"),
        ("Find all numbers.", "2^k", "2^m"),  # no formula, so the letters are unknown
        ("Find the number of paths in $G$. [asy] label(k, (0,0)); [/asy]", "2^k", "2^m"),
        ("Find the length $l$.", "5m", "5s"),  # letters that may be units
        ("Find the speed $v$.", "v=5m", "v=5s"),
        ("Find the area $A$.", "5m^2", "5s^2"),
        (_NUMBER, "2^e", "2^k"),
        (_NUMBER, "2^k", "2^i"),
    ],
)
def test_other_letters_are_not_parameters(question: str, gold: str, answer: str) -> None:
    assert reward(question, gold, answer) == 0


_LETTERS = "abcdkmpqrst"


@given(st.permutations(_LETTERS), st.permutations(_LETTERS), st.integers(2, 9), st.booleans())
def test_any_names_are_equal_and_none_of_the_question(
    old: list[str], new: list[str], factor: int, is_given: bool
) -> None:
    def family(letters: list[str]) -> str:
        return f"f(x)={letters[0]}x^2+{factor}{letters[1]}x+{letters[0]}-{letters[1]}"

    question = f"Find all functions $f(x)$ with {f'${old[0]}={old[1]}$' if is_given else '$f(0)>0$'}."
    expected = not is_given or old[:2] == new[:2]
    assert reward(question, family(old), family(new)) == expected


@pytest.mark.parametrize(
    ("question", "gold", "answer", "correct"),
    [
        ("How long does it take, in minutes?", "90", r"90\text{ minutes}", 1),
        ("How long does it take, in minutes?", "90", r"90\text{ hours}", 0),
        ("How long does it take, in minutes?", "90", r"1.5\text{ hours}", 1),
        (
            "It took 2 hours. How long is it in minutes?",
            "90",
            r"90\text{ hours}",
            0,
        ),
        ("How long does it take?", "90", r"90\text{ hours}", 1),
        ("What is its average speed in km/h?", "80", r"80\text{ m/s}", 0),
        ("What is the volume in cubic feet?", "24", r"24\text{ cubic yards}", 0),
        ("What is the volume in cubic feet?", "24", r"24\text{ ft}^3", 1),
        ("At what time, in seconds, does it land?", "t=4", r"t=4\text{ hours}", 0),
        ("It is 3 km in length. What does it cost?", "5", r"5\text{ dollars}", 1),
        ("What is the length in feet or in meters?", "5", r"5\text{ miles}", 1),  # not clear
    ],
)
def test_a_gold_has_the_unit_that_the_question_asks_for(
    question: str, gold: str, answer: str, correct: int
) -> None:
    assert reward(question, gold, answer) == correct
