"""Whole numbers in the notations of several countries."""

from __future__ import annotations

import pytest

from or1_verify.latex.notations import as_list, gold_as_list, with_plain_numbers


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1'000", "1000"),
        ("12’345’678", "12345678"),
        ("1.234.567", "1234567"),
        ("1.234.567,25", "1234567.25"),
        ("1.234", "1.234"),  # one point is a decimal point
        ("1.234.56", "1.234.56"),
        ("1'00", "1'00"),
        ("0'000", "0'000"),
        ("f'(1)", "f'(1)"),
        (r"3^{\text{rd}}", "3"),
        (r"\frac{1}{3rd}", r"\frac{1}{3rd}"),  # the last brace closes the fraction
        (r"\text{3rd}", "3"),
        (r"2\text{3rd}", r"2\text{3rd}"),  # not 23
        ("3rd place", "3rd place"),
    ],
)
def test_numbers_in_plain_digits(text: str, plain: str) -> None:
    assert with_plain_numbers(text) == plain


def test_groups_that_may_be_a_list() -> None:
    assert as_list("5,120") == "5, 120"
    assert gold_as_list("5,120") is None
    assert as_list("-100,200") == gold_as_list("-100,200") == "-100, 200"
    assert as_list("1,000,200") is None
    assert as_list("1{,}234") is None
    assert as_list("12,34") is None
