"""An answer said in a sentence, and notations of single numbers."""

from __future__ import annotations

import pytest

from builders import is_right

RIGHT = [
    ("18", r"\text{The answer is 18}"),
    ("18", r"\text{The answer is 18.}"),
    ("18", r"\text{Total: 18}"),
    ("18", r"\text{Janet makes \$18}"),
    ("18", r"\text{She has 18 dollars}"),
    ("18", r"\text{She has } 18 \text{ dollars}"),
    ("1250.5", r"\text{It costs 1,250.50 dollars.}"),
    (r"\frac{\ln 3}{\ln 2}", r"\ln 3/\ln 2"),
    (r"\tan x", r"\sin x/\cos x"),
    (r"\sin(x/2)", r"\sin x/2"),
    (r"\mathbb{R}", r"\text{the set of all real numbers}"),
    ("210", r"C_{10}^4"),
    ("210", r"\mathrm{C}_{10}^{4}"),
    ("12345", r"12{\,}345"),
    ("12", r"\bm{12}"),
    ("a>2", r"\text{all real } a>2"),
]
WRONG = [
    ("18", r"\text{The answer is 19}"),
    ("18", r"\text{The answer is not 18}"),
    ("18", r"\text{The answer is 18 or 19}"),
    ("18", r"\text{She has more than 18}"),
    ("18", r"\text{The answer is 1 and 18}"),
    (r"\ln 3/\ln 2", r"\ln(3/\ln 2)"),
    ("210", r"C_4^{10}"),
    ("a>2", r"\text{all real } a<2"),
]


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_right(gold: str, answer: str) -> None:
    assert is_right(gold, answer)


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_wrong(gold: str, answer: str) -> None:
    assert not is_right(gold, answer)
