"""Several values with labels, in golds that are otherwise words."""

# ruff: noqa: E501 - answers in one line

from __future__ import annotations

import pytest

from builders import is_right
from or1_verify import math
from or1_verify.latex.labels import labelled_values

CIRCLE = "center $(3,-2)$, radius $4$"
WAVE = r"amplitude $3$, period $\pi$, phase shift $\frac{\pi}{2}$"


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        (CIRCLE, r"\text{Center: }(3,-2),\ \text{Radius: }4", True),
        (CIRCLE, r"\text{radius } 4 \text{ and center } (3,-2)", True),
        (CIRCLE, "(3,-2), 4", True),
        (CIRCLE, "4, (3,-2)", False),
        (CIRCLE, r"\text{Center: }(-3,2),\ \text{Radius: }4", False),
        (CIRCLE, r"\text{Center: }(3,-2),\ \text{Radius: }16", False),
        (CIRCLE, r"\text{Center: }(3,-2)", False),
        (CIRCLE, r"\text{Center: }(3,-2), \text{Diameter: }4", False),
        (WAVE, r"\text{Amplitude}=3,\quad \text{Period}=\pi,\quad \text{Phase shift}=\frac{\pi}{2}\text{ (to the right)}", True),
        (WAVE, r"\text{Amplitude}=3,\quad \text{Period}=\pi,\quad \text{Phase shift}=\frac{\pi}{2}\text{ (to the left)}", False),
        (WAVE, r"\text{Amplitude}=3,\quad \text{Period}=2\pi,\quad \text{Phase shift}=\frac{\pi}{2}", False),
        ("mean $5$; median $4.5$", r"\text{median} = 4.5, \text{mean} = 5", True),
        ("mean $=7$, median $=7$", r"\text{Mean}=\text{Median}=7", True),
        ("vertex: $(2,-5)$; axis of symmetry: $x=2$", r"\text{Axis: }x=2,\ \text{Vertex: }(2,-5)", True),
        ("Absolute maximum $18$; absolute minimum $-2$", r"f_{\min}=-2,\ f_{\max}=18", True),
        ("Absolute maximum $18$; absolute minimum $-2$", r"f_{\min}=18,\ f_{\max}=-2", False),
        (r"Vertices $(\pm5,0)$, foci $(\pm4,0)$", r"\text{Vertices: }(5,0),(-5,0);\ \text{Foci: }(4,0),(-4,0)", True),
        (r"Vertices $(\pm5,0)$, foci $(\pm4,0)$", r"\text{Vertices: }(4,0),(-4,0);\ \text{Foci: }(5,0),(-5,0)", False),
        (r"slope $\frac34$, $y$-intercept $-2$", r"m=\frac{3}{4},\ b=-2", True),
        (r"slope $\frac34$, $y$-intercept $-2$", r"m=-2,\ b=\frac{3}{4}", False),
        ("mean $5$; median $4.5$", r"\text{median} = 5, \text{mean} = 4.5", False),
    ],
)  # fmt: skip
def test_values_by_their_labels(gold: str, answer: str, right: bool) -> None:
    verdict = math.verify(gold, rf"\boxed{{{answer}}}")
    assert verdict.outcome.value == ("right" if right else "wrong")


@pytest.mark.parametrize(
    "text", ["5", "radius 4", "center (1, 2), 4", r"\sin 3, \cos 4", "mean 3, mean 4", "Softball, Picnic"]
)
def test_texts_without_several_labels_have_none(text: str) -> None:
    assert labelled_values(text) is None


def test_values_that_are_taken_back_are_none() -> None:
    assert not is_right(CIRCLE, r"\text{wrong center } (3,-2), \text{wrong radius } 4")
