r"""Signs with several values: free in a value, tied in a tuple, with the free reading beside it."""

from __future__ import annotations

import pytest

from or1_verify.latex.signs import MAX_FREE_SIGNS, with_both_signs, with_free_signs
from or1_verify.latex.split import text_of
from or1_verify.latex.tokens import tokenize


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (r"1\pm 2", ["1+2", "1-2"]),
        (r"\pm 1\pm 2", ["+1+2", "+1-2", "-1+2", "-1-2"]),
        (r"\pm 1\mp 2", ["+1-2", "-1+2"]),
        (r"(\pm 1,\pm 2)", ["(+1,+2)", "(-1,-2)"]),
        (r"(x,y)=(\pm 1,\mp 2)", ["(x,y)=(+1,-2)", "(x,y)=(-1,+2)"]),
        (r"\{\pm 1\}", [r"\{\pm1\}"]),  # the elements of the set have the sign
        ("5", ["5"]),
    ],
)
def test_the_values_of_signs(text: str, values: list[str]) -> None:
    assert [text_of(value) for value in with_both_signs(tokenize(text))] == values


def test_many_signs_are_tied_so_that_their_number_is_bounded() -> None:
    few, many = (r"(1\pm 2)" * number for number in (MAX_FREE_SIGNS, 40))
    assert len(with_both_signs(tokenize(few))) == 2**MAX_FREE_SIGNS
    assert len(with_both_signs(tokenize(many))) == 2


def test_a_tuple_has_a_second_reading_with_free_signs() -> None:
    free = with_free_signs(r"(\pm 1,\pm 2)")
    assert free is not None
    assert len(with_both_signs(tokenize(free))) == 4
    assert with_free_signs(r"(\pm 1, 2)") is with_free_signs(r"(\pm 1,\mp 2)") is None
