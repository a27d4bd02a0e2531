"""Units and words beside a value."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from or1_verify.latex.conversions import conversion
from or1_verify.latex.forms import Form, Many, Named, Value, Words
from or1_verify.latex.things import are_of_other_things
from or1_verify.latex.tree import PI, Product, Symbol, walk
from or1_verify.latex.units import measure_of, same_measure
from or1_verify.latex.words import (
    counted_words,
    has_direction,
    may_be_left_out,
    meaning_words,
    rejects,
)


def beside_agrees(gold: Value, answer: Value) -> bool:
    """Whether the units and words of two values may stand for one thing."""
    if not (gold.unit or answer.unit or gold.is_percent or answer.is_percent):
        return True
    if unit_factor(gold, answer) is None or not _words_agree(gold, answer):
        return False
    gold_measure, answer_measure = _measure(gold), _measure(answer)
    counts_things = (not answer_measure and _is_noun(answer.unit)), (not gold_measure and _is_noun(gold.unit))
    return not any(
        noun and measure and "unit" not in measure
        for measure, noun in zip((gold_measure, answer_measure), counts_things, strict=True)
    )


def unit_factor(gold: Value, answer: Value) -> Fraction | None:
    """The factor from the unit of an answer to the one of a gold: 1 where a unit is missing; None for units
    of different kinds."""
    measures = _measure(gold), _measure(answer)
    return Fraction(1) if same_measure(*measures) else conversion(*measures)


def _is_noun(words: str) -> bool:
    return bool(meaning_words(words)) and not has_direction(words)


def or_counts(form: Many) -> bool:
    """Whether "or" differs from "and" in a list: between words, letters or values of different names, and not
    between the solutions for one name, or for several names that each have as many values.
    """
    names = Counter(item.name for item in form.items if isinstance(item, Named))
    are_rounds = min(names.values(), default=0) == max(names.values(), default=0) > 1
    return (len(names) > 1 and not are_rounds) or all(map(_is_statement, form.items))


def _is_statement(form: Form) -> bool:
    if isinstance(form, Words):
        return True
    return isinstance(form, Value) and all(isinstance(part, Symbol | Product) for part in walk(form.node))


def _measure(value: Value) -> dict[str, int]:
    if value.is_percent:
        return {"percent": 1}
    return measure_of(value.unit) or ({"degree": 1} if value.radians is not None else {})


def _words_agree(gold: Value, answer: Value) -> bool:
    """Words after a number may be on one side only; words after a variable are part of the answer."""
    if isinstance(gold.node, Symbol) or isinstance(answer.node, Symbol):
        return meaning_words(gold.unit) == meaning_words(answer.unit)
    if are_of_other_things(gold.unit, answer.unit) or rejects(answer.unit, gold.unit):
        return False
    if not may_be_left_out(answer.unit, gold.unit):
        return False
    gold_words, answer_words = counted_words(gold.unit), counted_words(answer.unit)
    common = set(gold_words) & set(answer_words)
    if common not in (set(gold_words), set(answer_words)):
        return False
    if has_direction(gold.unit) and not common:
        return False
    return [word for word in gold_words if word in common] == [
        word for word in answer_words if word in common
    ]


def is_in_radians(value: Value) -> bool:
    return "radian" in measure_of(value.unit) or any(part == PI for part in walk(value.node))
