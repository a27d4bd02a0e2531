"""Numbers in other bases."""

from __future__ import annotations

import pytest

from or1_verify.latex.bases import read_based, value_of
from or1_verify.latex.forms import Based


@pytest.mark.parametrize(
    "text",
    ["2A_{16}", "(2A)_{16}", "2a_{16}", r"\text{2A}_{16}", r"2A_\text{16}", r"2A \text{ (base 16)}",
     r"2A \text{ in base } 16"],
)  # fmt: skip
def test_notations_of_one_number(text: str) -> None:
    assert read_based(text) == Based("2A", "16")


def test_the_value_of_a_number() -> None:
    assert value_of(Based("2A", "16")) == 42
    assert value_of(Based("101", "2")) == 5


@pytest.mark.parametrize("text", ["102_2", "x_2", "a_{16}", "25", "8_8"])
def test_other_texts_are_no_numbers_in_a_base(text: str) -> None:
    assert read_based(text) is None
