"""Tokens are split outside brackets only."""

from __future__ import annotations

import pytest

from or1_verify.latex.split import inside_brackets, marks_between, split, text_of
from or1_verify.latex.tokens import UnreadableError, tokenize


def parts(text: str, *marks: str) -> list[str]:
    return [text_of(part) for part in split(tokenize(text), set(marks))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a, b", ["a", "b"]),
        ("(a, b), c", ["(a,b)", "c"]),
        (r"\{a, b\}, c", [r"\{a,b\}", "c"]),
        ("[a, b), c", ["[a,b)", "c"]),  # a half-open interval
        (",a", ["", "a"]),
    ],
)
def test_marks_inside_brackets_do_not_split(text: str, expected: list[str]) -> None:
    assert parts(text, ",") == expected


@pytest.mark.parametrize("text", ["(a, b", "a), b"])
def test_unbalanced_brackets_are_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError, match="bracket"):
        parts(text, ",")


def test_the_marks_are_those_of_the_split() -> None:
    assert marks_between(tokenize("a < f(b = c) <= d"), {"<", "=", "<="}) == ["<", "<="]


@pytest.mark.parametrize(
    ("text", "inside"), [("(a)", "a"), ("[a, b)", "a,b"), ("(a)(b)", None), ("(a) + b", None), ("a", None)]
)
def test_one_pair_of_brackets_must_enclose_all(text: str, inside: str | None) -> None:
    found = inside_brackets(tokenize(text), "(", "[")
    assert (None if found is None else text_of(found)) == inside
