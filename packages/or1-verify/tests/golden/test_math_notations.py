"""Notations of the same answer, by kind, beside near-misses of each that are incorrect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "math_notations.jsonl").read_text(encoding="utf-8").splitlines()
]
KINDS = sorted({row["kind"] for row in ROWS})


@pytest.mark.parametrize("kind", KINDS)
def test_each_notation_has_its_verdict(kind: str) -> None:
    rows = [row for row in ROWS if row["kind"] == kind]
    found = [(row, math.verify(row["gold"], row["response"])) for row in rows]
    different = [
        f"{row['gold']} <- {row['response']}: {verdict.outcome} {verdict.reason}, not {row['outcome']}"
        for row, verdict in found
        if verdict.outcome != row["outcome"]
    ]
    assert not different, "\n".join(different)
    assert {row["outcome"] for row in rows} == {"right", "wrong"}


def reward(gold: str, answer: str) -> float | None:
    return math.verify(gold, f"\\boxed{{{answer}}}").reward


@given(st.lists(st.integers(100, 999), min_size=2, max_size=6, unique=True), st.data())
def test_numbers_of_three_digits_are_a_list_with_and_without_blanks(
    numbers: list[int], data: st.DataObject
) -> None:
    texts = [str(number) for number in numbers]
    spaced, joined = ", ".join(texts), ",".join(texts)
    assert reward(spaced, joined) == reward(joined, spaced) == 1.0
    assert reward(spaced, "".join(texts)) == 0.0
    place = data.draw(st.integers(0, len(texts) - 1))
    assert reward(spaced, ",".join(texts[:place] + texts[place + 1 :])) == 0.0


@given(st.integers(1_000_000, 10**15), st.sampled_from([",", "'", ".", r"\,", "{,}"]))
def test_thousands_are_one_number_with_any_separator(number: int, mark: str) -> None:
    shown = f"{number:,}".replace(",", mark)
    assert reward(str(number), shown) == 1.0
    assert reward(str(number + 1), shown) == 0.0


CLAUSES = [
    r" \text{ for all } t", r"\text{ for every real } t", r", t \in \mathbb{R}", r" \quad \forall t",
    r",\ t > 0", r" \text{ where } t \ge 2", r"\ (t \in \mathbb{N})", r" for all real numbers t",
]  # fmt: skip


@given(st.integers(2, 99), st.integers(1, 99), st.sampled_from(CLAUSES))
def test_a_domain_after_a_function_changes_no_verdict(slope: int, start: int, clause: str) -> None:
    gold = f"h(t)={slope}t+{start}"
    assert reward(gold, gold + clause) == 1.0
    assert reward(gold + clause, gold + clause) == 1.0
    assert reward(gold, f"h(t)={slope}t-{start}{clause}") == 0.0
    assert reward(gold + clause, f"{gold}, t < -1") == 0.0


@given(st.integers(-50, 50), st.integers(1, 50), st.sampled_from(["x", "t", "z"]))
def test_a_range_with_a_point_is_a_union(end: int, distance: int, name: str) -> None:
    point = end + distance
    gold = rf"{name} < {end} \text{{ or }} {name} = {point}"
    union = rf"(-\infty, {end}) \cup \{{{point}\}}"
    assert reward(gold, union) == reward(union, gold) == 1.0
    assert reward(gold, rf"(-\infty, {end}) \cup \{{{point + 1}\}}") == 0.0
    assert reward(gold, rf"(-\infty, {end}] \cup \{{{point}\}}") == 0.0
    assert reward(union, rf"{name} < {end}") == 0.0


@given(st.sets(st.integers(-30, 30), min_size=2, max_size=4))
def test_excluded_points_in_any_notation(points: set[int]) -> None:
    listed = ",".join(map(str, points))
    gold = rf"\mathbb{{R}} \setminus \{{{listed}\}}"
    each = r" \text{ and } ".join(rf"x \ne {point}" for point in sorted(points))
    assert reward(gold, rf"x \ne {listed}") == reward(each, gold) == 1.0
    assert reward(gold, rf"x \ne {', '.join(map(str, sorted(points)[1:]))}") == 0.0
    assert reward(gold, rf"{each}, x \ne 31") == 0.0


@given(st.integers(1, 300), st.integers(0, 59), st.sampled_from(["a", r"\beta", "x"]))
def test_degrees_inside_an_expression(degrees: int, minutes: int, name: str) -> None:
    gold = f"{degrees}-{name}"
    assert reward(gold, rf"{degrees}^\circ-{name}") == reward(rf"{degrees}^\circ-{name}", gold) == 1.0
    assert reward(gold, rf"{degrees + 1}^\circ-{name}") == 0.0
    assert reward(gold, rf"{degrees}^\circ+{name}") == 0.0
    arc = rf"{degrees}^\circ {minutes}'"
    assert reward(arc, rf"\frac{{{60 * degrees + minutes}}}{{60}}^\circ") == 1.0
    assert reward(arc, rf"{degrees}^\circ {minutes + 1}'") == 0.0


@given(st.integers(1, 60), st.integers(1, 60))
def test_signs_inside_a_tuple(first: int, second: int) -> None:
    both = rf"(\pm {first}, {second})"
    listed = f"(-{first}, {second}), ({first}, {second})"
    assert reward(both, listed) == reward(listed, both) == 1.0
    assert reward(both, f"({first}, {second})") == reward(f"({first}, {second})", both) == 0.0
    assert reward(listed, rf"({first}, \pm {second})") == 0.0
    assert reward(listed, rf"(\pm {first}, \pm {second})") == 0.0


@given(st.integers(2, 36), st.integers(1, 10**6))
def test_a_number_in_a_base_has_its_value(base: int, value: int) -> None:
    digits, rest = "", value
    while rest:
        digits, rest = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest % base] + digits, rest // base
    if set(digits) <= set("0123456789ABCDEF") and base != 10:
        shown = f"{digits}_{{{base}}}"
        assert reward(str(value), shown) == reward(shown, digits) == 1.0
        assert reward(str(value + 1), shown) == reward(shown, f"{digits}_{{{base + 1}}}") == 0.0
