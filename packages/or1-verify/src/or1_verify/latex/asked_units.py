"""A gold without a unit has the one that its question asks for."""

from __future__ import annotations

import re
from dataclasses import replace

from or1_verify.latex.forms import Form, Named, Value
from or1_verify.latex.tree import DEGREE, Product
from or1_verify.latex.units import measure_of
from or1_verify.latex.words import are_of_other_things

_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_REQUEST = re.compile(
    r"\?|^\W*(?:find|compute|determine|calculate|express|give|enter|state)\b", re.IGNORECASE
)
_IN_UNITS = re.compile(r"\bin\s+((?:(?:cubic|square)\s+)?[A-Za-z]+(?:\s*(?:per|/)\s*[A-Za-z]+)?)")
_HOW_MANY = re.compile(r"\b[Hh]ow many\s+((?:[a-z]+\s){0,2}[a-z]+)")
_WORD = re.compile(r"[A-Za-z]+")


def with_asked_unit(gold: Form, answer: Form, question: str) -> Form:
    """The gold `90` as `90 minutes`, if the question asks for it in minutes and the answer has another unit,
    of which the request says nothing, or asks how many minutes; as `90 boys`, if it asks how many boys and
    the answer counts girls; else the gold as it is."""
    if isinstance(gold, Named):
        return replace(gold, form=with_asked_unit(gold.form, answer, question))
    answer = answer.form if isinstance(answer, Named) else answer
    if not question or not isinstance(gold, Value) or not isinstance(answer, Value) or not answer.unit:
        return gold
    measure = measure_of(answer.unit)
    if gold.unit or gold.is_percent or gold.radians is not None:
        return gold
    things = _HOW_MANY.findall(question)
    if things and are_of_other_things(things[-1], answer.unit):
        return replace(gold, unit=things[-1])
    if not measure:
        return gold
    requests = " ".join(each for each in _SENTENCE.split(question) if _REQUEST.search(each))
    named = {unit for word in _WORD.findall(requests) if word != "in" for unit in measure_of(word)}
    first_words = (phrase.split()[0] for phrase in _HOW_MANY.findall(requests))
    counted = [unit for unit in first_words if measure_of(unit)]
    asked = counted or [unit for unit in _IN_UNITS.findall(requests) if measure_of(unit)]
    is_clear = len({frozenset(measure_of(unit).items()) for unit in asked}) == 1
    wanted = measure_of(asked[0]) if is_clear else {}
    is_other_power = "unit" not in measure and measure != wanted and measure.keys() == wanted.keys()
    if not is_clear or not (counted or is_other_power or not measure.keys() <= named):
        return gold
    in_degrees = Product((gold.node, DEGREE)) if measure_of(asked[0]) == {"degree": 1} else None
    return replace(gold, unit=asked[0], radians=in_degrees)
