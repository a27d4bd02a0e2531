"""Parts of an answer are compared by their labels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right

LABELS = st.sampled_from([["a", "b", "c"], ["i", "ii", "iii"], ["1", "2", "3"]])
LAYOUTS = st.sampled_from(
    [(r"(%s)\ %s", r"\quad "), ("(%s) %s", ", "), (r"\text{(%s) } %s", " "), ("(%s): %s", "; ")]
)


def parts(labels: list[str], values: list[int], layout: tuple[str, str]) -> str:
    return layout[1].join(layout[0] % part for part in zip(labels, values, strict=True))


@settings(max_examples=60)
@given(LABELS, st.lists(st.integers(-99, 99), min_size=2, max_size=3), LAYOUTS, LAYOUTS, st.data())
def test_each_part_has_its_value(
    labels: list[str],
    values: list[int],
    gold_layout: tuple[str, str],
    layout: tuple[str, str],
    data: st.DataObject,
) -> None:
    labels = labels[: len(values)]
    gold = parts(labels, values, gold_layout)
    assert is_right(gold, parts(labels, values, layout))
    assert is_right(gold, ", ".join(map(str, values)))
    moved = data.draw(st.permutations(values))
    assert is_right(gold, parts(labels, moved, layout)) is (moved == values)
    order = data.draw(st.permutations(range(len(values))))
    assert is_right(
        gold, parts([labels[place] for place in order], [values[place] for place in order], layout)
    )


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        (r"(a)\ .5\quad (b)\ x=4", r"(a) \frac12, (b) 4", True),
        (r"(a)\ .5\quad (b)\ x=4", r"(a) 5, (b) 4", False),
        (r"(a)\text{ yes}\quad(b)\text{ no}", r"\text{(a) } \text{yes}, \text{(b) } \text{no}", True),
        (r"(a)\text{ yes}\quad(b)\text{ no}", r"\text{(a) } \text{no}, \text{(b) } \text{yes}", False),
        ("(3,4)", r"(a)\ 3\quad (b)\ 4", True),
        ("(3,4)", r"(a)\ 4\quad (b)\ 3", False),
        ("3a+4b", "3(a)+4(b)", True),
        ("a-2b-3", "(a)-2(b)-3", True),
        ("ab", "(b)(a)", True),
        ("24", "(1)4(2)3", True),
    ],
)
def test_labels_are_no_expressions(gold: str, answer: str, paid: bool) -> None:
    assert is_right(gold, answer) is paid
