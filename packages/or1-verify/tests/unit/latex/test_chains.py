"""`a = b = 1` is a set of equalities: one more or one less is another answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right

NAMES = st.lists(st.sampled_from("abcdmnpqxyz"), min_size=2, max_size=4, unique=True)


@settings(max_examples=30)
@given(NAMES, st.integers(-50, 50), st.data())
def test_a_chain_is_the_list_of_its_equalities(names: list[str], value: int, data: st.DataObject) -> None:
    chain = "=".join([*names, str(value)])
    shuffled = data.draw(st.permutations(names))
    assert is_right(chain, "=".join([*shuffled, str(value)]))
    listed = ", ".join(f"{name}={value}" for name in shuffled)
    assert is_right(chain, listed)
    assert is_right(listed, chain)
    assert not is_right(chain, "=".join([*names[1:], str(value)]))
    assert not is_right(chain, "=".join([*names, "w", str(value)]))
    assert not is_right(chain, "=".join([*names, str(value + 1)]))


@settings(max_examples=30)
@given(NAMES, st.data())
def test_names_alone_are_equal_in_any_order(names: list[str], data: st.DataObject) -> None:
    chain = "=".join([*names, "w"])
    assert is_right(chain, "=".join(data.draw(st.permutations([*names, "w"]))))
    assert not is_right(chain, "=".join(names))
    assert not is_right(chain, "=".join([*names, "-w"]))


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        ("3", "x=y=3", True),
        ("x=3", "x=y=3", True),
        ("z=3", "x=y=3", False),
        ("AB=BC=2", "AB=2", False),
        ("(3,3)", "x=y=3", True),
        ("a=b=2, c=3", "a=2, b=2, c=3", True),
        ("a=b=2, c=3", "a=2, b=3, c=3", False),
        ("AB=BC=CA", "BC=CA=AB", True),
        ("AB=BC=CA", "AB=CA", False),
        (r"S=\frac{3\cdot 4}{2}=6", "S=6", True),
    ],
)
def test_chains_beside_values(gold: str, answer: str, paid: bool) -> None:
    assert is_right(gold, answer) is paid


@settings(max_examples=30)
@given(st.lists(st.integers(-99, 99), min_size=2, max_size=5, unique=True), st.data())
def test_an_element_twice_is_another_list(values: list[int], data: st.DataObject) -> None:
    gold = ", ".join(map(str, values))
    doubled = data.draw(st.permutations([*values, data.draw(st.sampled_from(values))]))
    assert not is_right(gold, ", ".join(map(str, doubled)))
    assert is_right(rf"\{{{gold}\}}", rf"\{{{', '.join(map(str, doubled))}\}}"), "a set has no repetition"
