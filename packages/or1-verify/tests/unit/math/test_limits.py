"""Answers that could eat the machine are refused unread; those that people write are not."""

from __future__ import annotations

import pytest

from or1_verify.math.limits import is_too_large


@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9^9}}",
        "10^{10^{10}}",
        "10^(10^10)",
        "10**10**10",
        "2^{3^{4^5}}",
        "(10^7)!",
        "((9!)!)!",
        "9!!",
        "100000!",
        "(100000)!",
        "(x+1)^{100000}",
        "2^100000",
        "e^{100000.5}",
        "2^{-100000}",
        "2^{20!}",
        r"\binom{1000000}{2}",
        r"\sum_{n=1}^{1000000000} n",
        "(" * 40 + "1" + ")" * 40,
        "1+" * 300 + "1",
    ],
)
def test_refused(answer: str) -> None:
    assert is_too_large(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "72",
        "9" * 300,
        r"\frac{2^{2005}+1}{3\cdot 2^{2006}}",
        r"\frac{1}{2004!}",
        "100!",
        "(n-1)!",
        r"\frac{n!}{(n-k)!\,k!}",
        r"\frac{(-1)^k x^{1+2k}}{(1+2k)!}",
        "2^{2^{3}}",
        "e^{x^2}",
        "x^{y^z}",
        "10^{-9}",
        "e^{-0.0138629 t}",  # the digits after the point are no large exponent
        r"\binom{2006}{3}",
        r"\sum_{n=1}^{100} n",
        r"\left( 3, \frac{\pi}{2} \right)",
        r"x^{2}+y^{2}=123456789",
        "(((1)))",
    ],
)
def test_let_through(answer: str) -> None:
    assert not is_too_large(answer)
