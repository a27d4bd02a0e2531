"""Constants of a list are computed once, and the verdict stays that of all digits."""

from __future__ import annotations

import pytest

from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import tokenize


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (r"\sqrt{2}", r"\sqrt{2}+2^{-2000}", False),
        (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{6}}", True),
        (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{7}}", False),
        (r"\sin(10^{30}\pi)", "0", True),
        (r"\sqrt[3]{-8}+\sqrt{3}", r"\sqrt{3}-2", True),
    ],
)
def test_the_verdict_is_the_same_in_any_order_and_when_repeated(left: str, right: str, same: bool) -> None:
    nodes = [parse(tokenize(text)) for text in (left, right)]
    identity = NumericIdentity()
    assert [identity.equal(*pair) for pair in (nodes, nodes[::-1], nodes)] == [same] * 3
