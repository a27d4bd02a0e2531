"""`a = b = 1` is a set of equalities: one more or one less is another answer. Chains of numbers hold."""

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


MEMBERS = [r"\frac{%d}{1}", "%d+0", r"2\cdot\frac{%d}{2}", r"\sqrt{%d^2}", "%d.0", "x=%d"]
IRRATIONAL = [r"\sqrt{%d}", r"%d\pi", r"\ln(%d)", r"\sqrt{2}\cdot %d"]


@settings(max_examples=40)
@given(st.integers(2, 99), st.integers(2, 99), st.sampled_from(MEMBERS), st.sampled_from(MEMBERS[:5]))
def test_each_member_of_a_chain_counts(value: int, other: int, first: str, second: str) -> None:
    assert is_right(str(value), f"{first % value}={second % value}={value}")
    assert is_right(str(value), f"{first % other}={second % value}={value}") is (value == other)
    assert is_right(str(value), f"{first % value}={second % other}={value}") is (value == other)


@settings(max_examples=30)
@given(st.integers(2, 50), st.integers(2, 50), st.sampled_from(IRRATIONAL))
def test_each_irrational_member_of_a_chain_counts(value: int, other: int, form: str) -> None:
    gold = form % value
    assert is_right(gold, rf"\frac{{{gold}}}{{1}}={gold}")
    assert is_right(gold, rf"\frac{{{form % other}}}{{1}}={gold}") is (value == other)
    assert is_right(gold, rf"x={form % other}={gold}") is (value == other)


@settings(max_examples=40)
@given(st.integers(1, 99), st.sampled_from([3, 7, 9, 11]), st.integers(2, 6))
def test_a_chain_may_end_in_a_rounded_decimal(above: int, below: int, places: int) -> None:
    gold = rf"\frac{{{above}}}{{{below}}}"
    rounded = f"{above / below:.{places}f}"
    assert is_right(gold, f"{gold}={rounded}")
    assert not is_right(gold, f"{gold}={above / below + 2 * 10**-places:.{places}f}")


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        (r"9\pi", r"A=\pi r^2=9\pi", True),
        (r"9\pi", r"A=\pi r^2=8\pi=9\pi", False),
        ("5", "f(2)=2^2+1=5", True),
        ("5", "x+1=6=5", False),
        ("50\\%", r"\frac12=50\%", True),
        ("50\\%", r"\frac13=50\%", False),
        (r"\frac{\pi}{6}", r"30^\circ=\frac{\pi}{6}", True),
        (r"\frac{\pi}{6}", r"60^\circ=\frac{\pi}{6}", False),
        ("60", r"1\text{ hour}=60\text{ minutes}", True),
        ("60", r"2\text{ hours}=60\text{ minutes}", False),
        (r"\frac12", r"e=\frac{2}{4}=\frac12", True),
        (r"\frac12", r"\sin 30=\frac12", True),
        (r"\frac12", r"\sin 30^\circ=0.4=\frac12", False),
        ("(1,2)", r"(a,b)=(\frac22,2)=(1,2)", True),
        ("(1,2)", "(a,b)=(2,2)=(1,2)", False),
        ("1:2", "a:b=2:4=1:2", True),
        ("1:2", "a:b=2:3=1:2", False),
        (r"\pm 2", r"x=\pm\sqrt4=\pm2", True),
        (r"\pm 2", r"x=\pm\sqrt9=\pm2", False),
        ("x=1,y=2", r"x=1,y=\frac42=2", True),
        ("x=1,y=2", "x=1,y=3=2", False),
        ("5", r"5\sim 8", False),
        (r"\sqrt2", r"\sqrt2\sim 1.41", True),
        (r"\sqrt2", r"\sqrt2\sim 1.51", False),
    ],
)
def test_chains_of_numbers(gold: str, answer: str, paid: bool) -> None:
    assert is_right(gold, answer) is paid
