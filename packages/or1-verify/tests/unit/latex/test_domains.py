"""Domains after an answer."""

from __future__ import annotations

import pytest

from or1_verify.latex.forms import Scoped
from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.reader import read
from or1_verify.latex.same import Comparer


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        (r"2t \text{ for all } t", [("t", "any")]),
        (r"2t, \text{ where $t$ is a positive integer}", [("t", "natural")]),
        (r"k\pi+2m\pi, k, m \in \mathbb{Z}", [("k", "integer"), ("m", "integer")]),
        (r"k\pi, k = 0, \pm 1, \pm 2, \ldots", [("k", "integer")]),
        (r"2n, n = 1, 2, 3, \ldots", [("n", "natural")]),
        (r"cx \text{ for some constant } c", [("c", "any")]),
        (r"k\pi \ \left(k \in \mathbb{Z}\right)", [("k", "integer")]),
        (r"2t \text{ on } \mathbb{R}", [("", "real")]),
        (r"x^a \quad (a \in \mathbb{R}^+)", [("a", "positive real")]),
    ],
)
def test_the_domains_that_a_text_names(text: str, domains: list[tuple[str, str]]) -> None:
    form = read(text)
    assert isinstance(form, Scoped)
    assert [(domain.name, domain.kind) for domain in form.domains] == domains


@pytest.mark.parametrize(
    "text",
    [
        "x > 2, x < 5",  # two conditions on one variable
        "5, y > 0",  # the value has no y
        "x^2, x = 0",
        r"k\pi, k \in \{0, 1\}",
        "2x, 3x",
        "R, N",
        "x, R",
        "x, Z",
        "2 : R",
        "x: y",
        "N(R)",
        "(1, x), (2, x)",
    ],
)
def test_lists_and_conditions_are_no_domains(text: str) -> None:
    assert not isinstance(read(text), Scoped)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"f(x)=\sqrt{x-1}, x \ge 1", r"f(x)=\sqrt{x-1}", True),  # the root is real there alone
        (r"\frac{x+1}{x-1}, x \ne 1", r"\frac{x+1}{x-1}", True),
        (r"\ln(4-x^2), -2 < x < 2", r"\ln(4-x^2)", True),
        (r"f(x)=x^2-1, x \ge 0", "f(x)=x^2-1", False),
        (r"x+2, x \ne 2", "x+2", False),
        (r"\sqrt{x-1}, x \ge 1", r"\sqrt{x-1}, x \ge 2", False),
        (r"\sqrt{x-1}, x \ge 2", r"\sqrt{x-1}", False),
    ],
)
def test_a_domain_may_be_missing_where_the_value_implies_it(gold: str, answer: str, same: bool) -> None:
    assert Comparer(NumericIdentity()).same(read(gold), read(answer)) is same
