"""Units as products, quotients and powers, in every notation; compared by name and power."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right
from or1_verify import math
from or1_verify.latex.units import UNIT_OF, measure_of, with_named_units

SYMBOLS = {
    "m": "meters",
    "kg": "kilograms",
    "s": "seconds",
    "min": "minutes",
    "dm": "decimeters",
    "mol": "moles",
}
UNITS = st.sampled_from(sorted(SYMBOLS))
POWERS = st.integers(1, 3)
QUOTIENTS = st.tuples(UNITS, POWERS, UNITS, POWERS).filter(lambda parts: parts[0] != parts[2])
NOTATIONS = (
    r"\mathrm{%s^%d}/\mathrm{%s^%d}",
    r"\,\text{%s}^{%d}/\text{%s}^{%d}",
    r"\ \text{%s}^{%d}\cdot\text{%s}^{-%d}",
    r"\mathrm{~%s}^{%d} \mathrm{~%s}^{-%d}",
    r"\frac{\mathrm{%s}^{%d}}{\mathrm{%s}^{%d}}",
    r"\left(\mathrm{~%s}^{%d} / \mathrm{%s}^{%d}\right)",
)


@given(QUOTIENTS, st.sampled_from(NOTATIONS), st.sampled_from(NOTATIONS))
def test_one_unit_has_many_notations(parts: tuple[str, int, str, int], gold: str, answer: str) -> None:
    assert is_right("14.6" + gold % parts, "14.6" + answer % parts)
    assert is_right("14.6" + gold % parts, "14.6")
    assert is_right("14.6", "14.6" + answer % parts)
    assert not is_right("14.6" + gold % parts, "14.5" + answer % parts)


@given(QUOTIENTS, QUOTIENTS, st.sampled_from(NOTATIONS), st.sampled_from(NOTATIONS))
def test_different_units_are_different(
    left: tuple[str, int, str, int], right: tuple[str, int, str, int], gold: str, answer: str
) -> None:
    assert is_right("7" + gold % left, "7" + answer % right) is (left == right)


@given(UNITS, POWERS, UNITS)
def test_symbols_and_words_are_one_unit(above: str, power: int, below: str) -> None:
    prefix = ("", "square ", "cubic ")[power - 1]
    words = rf"\text{{ {prefix}{SYMBOLS[above]} per {SYMBOLS[below]}}}"
    assert is_right(rf"5\,\mathrm{{{above}}}^{power}/\mathrm{{{below}}}", f"5{words}") is True


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("31", r"31\,\mathrm{dm^2}", True),
        (r"19\,\mathrm{min}", "19", True),
        ("27", r"27\mathrm{~min}", True),
        ("8", "8 in", True),
        ("8", r"8 \in \mathbb{R}", False),
        ("50", r"50\ km/h", True),
        (r"60\text{ mph}", r"60\frac{\text{miles}}{\text{hour}}", True),
        (r"60\text{ miles per hour}", r"60\text{ miles per minute}", False),
        (r"5\,\mathrm{m/s}", r"5\,\mathrm{m}/\mathrm{min}", False),
        (r"5\,\mathrm{N\cdot m}", r"5\,\mathrm{N/m}", False),
        (r"12\ \mathrm{cm}", "0.12 m", False),
        (r"\$3\text{ per hour}", r"\$3/\text{hour}", True),
        (r"\$3\text{ per hour}", r"\$3\text{ per day}", False),
        (r"3\text{ rpm}", r"3\,\text{rev/min}", True),
        (r"3\text{ cups}", r"3\text{ tablespoons}", False),
        (r"20^\circ C", r"20^\circ F", False),
        (r"20^\circ\mathrm{C}", r"20\text{ degrees Celsius}", True),
        ("20", r"20^{\circ}\text{F}", True),
        (r"25\ {}^\circ\text{C}", "25", True),
        (r"20\text{ degrees Celsius}", r"20\text{ degrees Fahrenheit}", False),
        (r"30\text{ cm}", r"30^\circ", False),
        (r"\frac{\pi}{2}", r"90\text{ degrees}", True),
        (r"36\text{ square units}", r"36\text{ cm}^2", True),
        (r"36\text{ square units}", r"36\text{ cm}^3", False),
        (r"10\,\mu\text{m}", r"10\,\mathrm{\mu m}", True),
        (r"10\,\mu\text{m}", r"10\,\text{nm}", False),
        (r"9.8\text{ m/s}^2", r"9.8\,\mathrm{m/s^2}", True),  # the power is of the last unit
        (r"9.8\text{ m/s}^2", r"9.8\,\mathrm{m^2/s^2}", False),
        (r"9.8\left(\mathrm{m/s}\right)^2", r"9.8\,\mathrm{m^2/s^2}", True),
        (r"3\ \text{people/km}^2", "3", True),
        (r"3\ \text{cents}/\text{apple}", r"3\ \text{cents per pear}", False),
        (r"\$132", r"132^\circ", False),
        (r"\$132", "132", True),
        (r"40^\circ", r"40\%", False),
        (r"8\text{ meals}", r"8\text{ cm}", False),
        (r"8\text{ cm}", r"8\text{ meals}", False),
        (r"12\text{ gm}", r"12\text{ grams}", True),
        ("7", r"3\text{ cm}+4\text{ cm}", False),
        ("2", "2m", False),  # an italic letter is a variable
        ("2", "2m/x", False),
        ("(3,4)", r"(3\text{ cm}, 4\text{ cm})", True),
    ],
)
def test_units(gold: str, answer: str, right: bool) -> None:
    assert is_right(gold, answer) is right


@pytest.mark.parametrize(
    "text", ["2m", "3x + 2", r"\min(3, 4)", r"x \in [0, 1]", "2mn", r"\text{12 apples}", "5ms"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert with_named_units(text) == text


def test_every_unit_is_read_back_from_its_own_name() -> None:
    names = set(UNIT_OF.values())
    assert [name for name in sorted(names) if measure_of(name) != {name: 1}] == []
    assert len(names) > 150


def test_words_that_are_no_units_are_skipped() -> None:
    assert measure_of("square miles of land") == {"mile": 2}
    assert measure_of("dollars an hour") == {"dollar": 1, "hour": -1}
    assert measure_of("students") == {}


PARTS = st.lists(
    st.sampled_from(
        [
            r"\mathrm{m}",
            r"\text{ cm}",
            "squared ",
            "square ",
            "per ",
            "/",
            r"\frac{",
            "}",
            "{",
            "(",
            ")",
            "^2",
            "5",
            "not ",
            r"\mu",
            r"\{",
            r"\}",
            r"\mid ",
            r"\in ",
            r"\mathbb{Z}",
            "k",
            "=",
            ",",
            "^{-1}",
            "f'",
            "(x)",
            "or ",
            r"\sim ",
        ]
    ),
    max_size=14,
)


@given(PARTS, PARTS)
def test_every_text_has_a_verdict(gold: list[str], answer: list[str]) -> None:
    verdict = math.verify("1" + "".join(gold), f"\\boxed{{{''.join(answer)}}}")
    assert verdict.outcome in {"right", "wrong", "no_answer", "not_judged"}
    assert with_named_units(with_named_units("".join(answer))) == with_named_units("".join(answer))
