"""Words before a value: names of the value, and words that say that it is no answer."""

import pytest

from builders import is_right

_DENIALS = (
    *("not", "never", "neither", "all but", "anything but", "everything except", "unless", "excluding"),
    *("excluded value", "values excluded", "forbidden value", "disallowed root", "restriction", "prohibited"),
    *(
        "the wrong choice",
        "no solution",
        "a common mistake",
        "trap answer",
        "invalid length",
        "range restriction",
        "non-solution",
        "we reject",
    ),
    *("the answer isn't", "the value cannot be", "it is not equal to", "different from", "more than"),
    *("at least", "up to", "the opposite of", "negative"),
)
_NAMES = (
    *("area", "value", "The number of integers not divisible by the base", "number of non-real roots"),
    *(
        "No. of ways",
        "number of words with no repeated letter",
        "angle between the lines",
        "side of the square",
    ),
    *("minimum", "the second half", "least common multiple", "upper bound", "draws without replacement"),
)
_FORMS = (r"\text{%s: }%s", r"\text{%s}=%s", r"\text{%s is }%s", r"\text{%s }%s")
_GOLDS = (r"\frac{7}{3}", "x=8", r"(2,5]", "(6,1)", "x^3-2", "y=4x-1", r"x\in[3,5]")


@pytest.mark.parametrize("words", _DENIALS)
def test_a_value_that_is_denied_is_wrong(words: str) -> None:
    texts = [form % (words, gold) for gold in _GOLDS for form in _FORMS]
    pairs = zip((gold for gold in _GOLDS for _ in _FORMS), texts, strict=True)
    assert [text for gold, text in pairs if is_right(gold, text)] == []


@pytest.mark.parametrize("words", _NAMES)
def test_the_name_of_a_value_may_contain_a_negation(words: str) -> None:
    for form in _FORMS[:2]:
        assert is_right("7", form % (words, "7"))
        assert not is_right("7", form % (words, "6"))


@pytest.mark.parametrize("words", ["not", "but", "nor"])
def test_short_negations_need_no_command_for_text(words: str) -> None:
    assert not is_right("8", f"{words} x=8")


@pytest.mark.parametrize(
    ("gold", "correct", "incorrect"),
    [
        ("y=3x", r"\text{the line }y=3x", r"\text{perpendicular to }y=3x"),
        ("y=3x", r"\text{line: }y=3x", r"\text{the reflection of }y=3x"),
        ("x>2", r"\text{all }x>2", r"\text{not }x>2"),
        ("9", r"9\text{ apples}", r"9\text{ neither}"),
        (r"\frac{NO}{TO}=\frac14", r"\frac14", r"\frac{NO}{TO}=4"),
        (r"\text{No}", "NO", "YES"),
        ("9", "9.", "9..."),
        ("9", "x=9.", "x=9..."),
        (r"\frac23", r"0.666\ldots", "0.6..."),
        (r"\pi", "3.1415926...", "3.1415916..."),
        ("2,4,6", "2, 4, 6", "2,4,6,..."),
        ("2,4,6,...", r"2,4,6,\ldots", "2,4,6"),
    ],
)
def test_close_texts_differ(gold: str, correct: str, incorrect: str) -> None:
    assert is_right(gold, correct)
    assert not is_right(gold, incorrect)
