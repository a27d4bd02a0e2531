"""The values of tuples and ratios follow the names before them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from builders import is_right

PARTS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "x", "y", "S", "S_1", "AB", "CD"]), st.integers(1, 9)),
    min_size=2,
    max_size=4,
    unique_by=lambda part: part[0],
)


def named(parts: list[tuple[str, int]], values: list[int], form: str) -> str:
    names, numbers = [name for name, _ in parts], list(map(str, values))
    if form == "tuple":
        return f"({','.join(names)})=({','.join(numbers)})"
    return f"{':'.join(names)}={':'.join(numbers)}"


@settings(max_examples=60)
@given(PARTS, st.data(), st.sampled_from(["tuple", "ratio"]))
def test_values_follow_their_names(parts: list[tuple[str, int]], data: st.DataObject, form: str) -> None:
    if form == "tuple":
        assume(all(len(name) == 1 for name, _ in parts))
    values = [value for _, value in parts]
    gold = named(parts, values, form)
    moved = data.draw(st.permutations(parts))
    moved_values = [value for _, value in moved]
    assert is_right(gold, named(moved, moved_values, form))
    assert is_right(gold, named(parts, moved_values, form)) is (values == moved_values)
    assert is_right(gold, named(moved, values, form)) is (values == moved_values)


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        ("(x,y)=(1,2)", "(p,q)=(1,2)", True),
        ("(x,y)=(1,2)", "(p,q)=(2,1)", False),
        ("(y,x)=(1,2)", "(1,2)", True),
        ("(x,y)=(1,2),(3,4)", "(y,x)=(1,2),(3,4)", False),
        ("(x,y)=(1,2),(3,4)", "(y,x)=(4,3),(2,1)", True),
        ("(x,y)=(1,2),(3,4)", "(x,y)=(1,2),(y,x)=(4,3)", True),
        ("(x,y)=(1,2),(3,4)", "(x,y)=(1,2),(y,x)=(3,4)", False),
        (r"(x,y)\in\{(1,2),(3,4)\}", r"(y,x)\in\{(2,1),(4,3)\}", True),
        (r"(x,y)\in\{(1,2),(3,4)\}", r"(y,x)\in\{(1,2),(3,4)\}", False),
        ("AB:BC=1:2", "CB:BA=2:1", True),
        ("AB:BC=1:2", "CB:BA=1:2", False),
        (r"\frac{AB}{BC}=\frac34", r"\frac{BC}{AB}=\frac43", True),
        (r"\frac{AB}{BC}=\frac34", r"\frac{BC}{AB}=\frac34", False),
        (r"S_{MBCN}:S=7:32", r"S:S_{MBCN}=32:7", True),
        (r"S_{MBCN}:S=7:32", r"S:S_{MBCN}=7:32", False),
        (r"\text{men}:\text{women}=2:3", r"\text{women}:\text{men}=3:2", True),
        (r"\text{men}:\text{women}=2:3", r"\text{women}:\text{men}=2:3", False),
        (r"\text{men to women}=2:3", r"\text{women to men}=2:3", False),
        ("|AB|=1", "|BA|=1", True),
        ("|AB|=1", "AB=1", True),
        ("|AB|=1", "|AC|=1", False),
        ("|z|=2", "2", True),
        ("|z|=2", "r=2", True),
        ("|z|=2", "z=2", False),
        ("|z|=2", "|w|=2", False),
        ("z=2", "|z|=2", False),
        (r"\frac{dy}{dx}", r"\frac{y}{x}", False),
        (r"x\frac{dy}{dx}=2y", r"\frac{dy}{dx}x=2y", True),
        (r"x\frac{dy}{dx}=2y", r"x\frac{dx}{dy}=2y", False),
        (r"\frac{d^2y}{dt^2}+y=0", r"\frac{d^2y}{dt^2}-y=0", False),
        (r"\frac{\partial u}{\partial t}-u=0", r"\frac{\partial u}{\partial x}-u=0", False),
    ],
)
def test_names_of_parts(gold: str, answer: str, paid: bool) -> None:
    assert is_right(gold, answer) is paid
