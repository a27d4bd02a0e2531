"""Texts are split into tokens; layout commands are dropped and different notations become one."""

from __future__ import annotations

import pytest

from or1_verify.latex.tokens import OR, Token, UnreadableError, tokenize


def texts(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (r"\dfrac{1}{2}", ["\\frac", "{", "1", "}", "{", "2", "}"]),
        ("½", ["\\frac", "{", "1", "}", "{", "2", "}"]),
        ("√12", ["\\sqrt", "{", "12", "}"]),  # all digits, where TeX's \sqrt12 takes one
        (r"\left(1\right)\!", ["(", "1", ")"]),
        (r"x\le3", ["x", "<=", "3"]),
        (r"x \leq 3 \geq y", ["x", "<=", "3", ">=", "y"]),
        ("3 – 2", ["3", "-", "2"]),
        ("5!=120", ["5", "!", "=", "120"]),
        ("x != 5", ["x", "!=", "5"]),
        (r"\begin{pmatrix} 1 & 2 \end{pmatrix}", ["\\begin{pmatrix}", "1", "&", "2", "\\end{pmatrix}"]),
    ],
)
def test_notations_become_one(text: str, tokens: list[str]) -> None:
    assert texts(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1,234", ["1234"]),
        (r"1{,}000", ["1000"]),
        ("1, 234", ["1", ",", "234"]),
        ("12,34", ["12", ",", "34"]),
        ("(1,234)", ["(", "1", ",", "234", ")"]),  # inside brackets a comma separates
    ],
)
def test_a_comma_groups_digits_or_separates(text: str, tokens: list[str]) -> None:
    assert texts(text) == tokens


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("m", ["letter"]),
        ("5 m", ["number", "letter"]),
        (r"3\text{cm}", ["number", "text"]),
        ("cm", ["letter", "letter"]),  # without a number: c times m
        ("odd", ["text"]),
    ],
)
def test_words_and_units_differ_from_products_of_letters(text: str, kinds: list[str]) -> None:
    assert [token.kind for token in tokenize(text)] == kinds


def test_or_is_a_comma_of_its_own_kind() -> None:
    assert tokenize(r"x=1 \text{ or } x=2")[3] == OR
    assert tokenize(r"x=1 \text{ and } x=2")[3] == Token("mark", ",")


@pytest.mark.parametrize("text", ["§", r"\text{cm", r"\begin"])
def test_unknown_characters_and_open_braces_are_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        tokenize(text)
