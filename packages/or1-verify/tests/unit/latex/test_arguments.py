"""Letters that a definition binds may be renamed; other letters may not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right


@settings(max_examples=30)
@given(st.sampled_from("abux"), st.permutations("kmn"), st.integers(2, 9))
def test_an_index_of_a_sequence_may_have_any_name(name: str, letters: list[str], base: int) -> None:
    index, other, third = letters
    gold = f"{name}_{index}={base}^{index}+3"
    assert is_right(gold, f"{name}_{other}={base}^{other}+3")
    assert not is_right(gold, f"{name}_{other}={base}^{index}+3")
    assert not is_right(gold, f"{name}_{other}={base}^{third}+3")
    assert not is_right(gold, f"{name}_{other}={base}^{other}+4")
    assert not is_right(gold, f"p_{other}={base}^{other}+3")


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        ("a_n=n+k", "a_k=k+n", False),  # k is free in the gold
        ("a_n=n+k", "a_m=m+k", True),
        ("x_n=5", "x_k=5", False),
        ("f(x)=x+t", "f(t)=t+x", False),
        ("f(x)=x+1", "f(t)=t+1", True),
        (r"(t,2t),\ t\in\mathbb{R}", r"(s,2s),\ s\in\mathbb{R}", True),
        (r"(t,2t),\ t\in\mathbb{R}", r"(2s,s),\ s\in\mathbb{R}", False),
        (r"(t,2t),\ t\in\mathbb{R}", r"(s,2s),\ s\in\mathbb{Z}", False),
        (r"(x,y)=(t,1-t), t\in\mathbb{R}", r"(s,1-s), s\in\mathbb{R}", True),
        (r"f(n)=n+1, n\in\mathbb{Z}", r"f(n)=n, n\in\mathbb{Z}", False),  # no set of values
        ("Q=CV", "Q=VC", True),
        ("Q=CV", "Q=CR", False),
        ("MATH", "HTAM", False),
        (r"(0,\infty)", r"\mathbb{R}^+", True),
        (r"[0,\infty)", r"\mathbb{R}_{\ge 0}", True),
        (r"(0,\infty)", r"\mathbb{R}_{\ge 0}", False),
        (r"\text{Alice and Bob}", "Bob, Alice", True),
        (r"\text{Alice and Bob}", "Bob, Carol", False),
        (r"\text{Amy, Ben, Cal}", r"\text{Ben, Amy, Cal}", False),  # an order
    ],
)
def test_free_letters_stay(gold: str, answer: str, paid: bool) -> None:
    assert is_right(gold, answer) is paid
