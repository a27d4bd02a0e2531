"""The same text in another notation, and texts that differ by one symbol."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math
from or1_verify.latex.normal import is_same_text

DATA = Path(__file__).parents[5] / "../shared/data/math/MATH_12500_answers.jsonl"


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"e^{-0.0138629 t}", r"e^{-0.0138629t}"),
        ("3^{100000}", "3^{100000}."),
        (r"\frac{d!}{2k(d-k)!}", r"$\dfrac{d!}{2 k \left(d-k\right)!}$"),
        (r"\sum_{j=2}^{\infty} a_j x^j", r"\sum _{m=2} ^\infty a_m x^{m}"),
        (r"\int_0^1 x^2 dx", r"\int_{0}^{1} t^2\,\mathrm{d}t"),
        (r"\int_0^1\int_0^x f(x,y)\,dy\,dx", r"\int_0^1 \int_0^u f(u,v)\, dv \, du"),
        (r"\int_0^1 \frac{dx}{x+1}", r"\int_0^1 \frac{dt}{t+1}"),
        (r"\int \sin x dx", r"\int \sin{x} d x"),
        (r"\sum_{n=1}^\infty \lfloor n\alpha \rfloor x^n", "∑_{n=1}^∞ ⌊n α⌋ x^n"),
        ("Tom", r"\text{Tom}"),
        ("Tom and Ann", r"\text{Tom and Ann}"),
        (r"\text{Yes, if }n\text{ is prime}", r"\text{Yes, if } n \text{ is prime}."),
        ("f is zero at 0", r"\text{f is zero at } 0"),
        (r"\frac{d y}{d x} \text{ is zero}", r"\frac{dy}{dx}\text{ is zero}"),
        (r"The sum diverges.", r"\text{The sum diverges.}"),
        ("f'(x)", r"f^{\prime}(x)"),
        ("x_2^3", "x^3_2"),
        (r"\left\{ x \mid x > 0 \right\}", r"\{x | x>0\}"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"\lim_{x\to 0} f(x)", r"{\lim_{x \rightarrow 0} f(x)}"),
    ],
)
def test_notation_without_meaning(gold: str, answer: str) -> None:
    assert is_same_text(gold, answer)
    assert is_same_text(answer, gold)
    assert math.verify(gold, f"\\boxed{{{answer}}}").reward == 1.0


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("f'", "f"),
        ("f''", "f'"),
        (r"\text{no where}", r"\text{now here}"),
        ("a part", "apart"),
        (r"\text{so on}", r"\text{soon}"),
        ("a cat is so on", "a cat is soon"),
        (r"\text{a part}", r"\text{apart}"),
        ("A b", "a b"),
        ("a-b", "b-a"),
        ("-5", "5"),
        ("5\\%", "5"),
        ("1,234", "1, 234"),
        ("1 2", "12"),
        ("x_1 2", "x_{12}"),
        ("x^{ab}", "x^ab"),
        ("a/{bc}", "a/bc"),
        (r"\vec{v}", "v"),
        (r"\overline{z}", "z"),
        (r"\phi", r"\varphi"),
        (r"a\times b", r"a\cdot b"),
        (r"\int f(x) dx", r"\int f(t) dt"),  # a function of x, not of t
        (r"\int_0^x t\,dt", r"\int_0^t t\,dt"),
        (r"\sum_{j} j k", r"\sum_{k} k k"),  # the free k
        (r"j+\sum_{j=1}^n j", r"m+\sum_{m=1}^n m"),
        (r"\sum_{j=1}^n j^{m}", r"\sum_{m=1}^n m^{j}"),
        (r"\sum_{j=1}^{n} a_j", r"\sum_{j=1}^{m} a_j"),
        (r"\sum_{j=1}^{\infty} a_j", r"\sum_{j=2}^{\infty} a_j"),
        ("???", "???"),  # says nothing
    ],
)
def test_a_symbol_that_counts(gold: str, answer: str) -> None:
    assert not is_same_text(gold, answer)
    assert not is_same_text(answer, gold)


SYMBOLS = ["x", "y", "A", "2", "3", "+", "-", "(", ")", "'", r"\pi ", r"\int ", r"\forall "]


@given(st.lists(st.sampled_from(SYMBOLS), max_size=9), st.data())
def test_spaces_beside_marks_never_count_and_every_symbol_does(
    before: list[str], data: st.DataObject
) -> None:
    symbols = ["x", *before]
    spaces = [data.draw(st.sampled_from(["", " ", r"\,"])) if each in "+-()" else "" for each in symbols]
    assert is_same_text("".join(symbols), "".join(map("".join, zip(symbols, spaces, strict=True))))
    place = data.draw(st.integers(0, len(symbols) - 1))
    other = data.draw(st.sampled_from([each for each in SYMBOLS if each != symbols[place]]))
    assert not is_same_text("".join(symbols), "".join([*symbols[:place], other, *symbols[place + 1 :]]))


@given(
    st.lists(
        st.sampled_from([*SYMBOLS, *r"{}[]^_$.,'&|", r"\frac", r"\sqrt", r"\text{", r"\sum", r"\left", "d"]),
        max_size=14,
    )
)
def test_a_broken_text_equals_itself_and_raises_nothing(symbols: list[str]) -> None:
    text = "".join(symbols)
    assert is_same_text("1" + text, f"1{text} ")
    assert not is_same_text("1" + text, f"{text}2")


@pytest.mark.parametrize(
    "answer", ["{" * 400 + "5" + "}" * 400, r"\sqrt" * 700 + "5", "5" + " " * 9000, "5" + "^" * 900]
)
def test_a_long_or_deep_answer_is_no_error(answer: str) -> None:
    assert not is_same_text("x 5", answer)
    assert not is_same_text("5", answer) or answer.strip() == "5"


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data/math, which is not part of the project")
def test_every_gold_of_math_equals_itself_in_other_notation() -> None:
    rows = map(json.loads, DATA.read_text(encoding="utf-8").splitlines())
    golds = {row["answer"].strip() for row in rows} - {""}
    assert len(golds) > 3_000
    refused = []
    for gold in sorted(golds):
        without_sizes = re.sub(r"\\(left|right)(?=[^a-z.])", "", gold)
        styles = [gold, gold.replace("\\frac", "\\dfrac"), without_sizes]
        styles += [f"{gold}."] * (not gold.endswith(".")) + [f"${gold}$"] * ("$" not in gold)
        refused += [style for style in styles if math.verify(gold, f"\\boxed{{{style}}}").reward != 1.0]
    assert not refused
