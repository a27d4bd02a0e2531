"""A gold without a unit has the one that its question asks for, else one that the question has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from or1_verify.latex.conversions import dimension
from or1_verify.latex.forms import Form, Named, Value
from or1_verify.latex.things import are_of_other_things, opposite_asked, singular
from or1_verify.latex.tree import DEGREE, Product
from or1_verify.latex.units import in_words, is_unit_word, measure_of
from or1_verify.latex.words import meaning_words

_SENTENCE = re.compile(r"(?<=[.?!])(?<!\b[MD][rs]\.)(?<!\bMrs\.)\s+")
_REQUEST = re.compile(
    r"\?|^\W*(?:find|compute|determine|calculate|express|give|enter|state)\b", re.IGNORECASE
)
_UNIT = r"((?:(?:cubic|square)\s+)?[A-Za-z]+(?:\s*(?:per|/)\s*[A-Za-z]+)?)"
_COUNTED = re.compile(
    r"(?:\bhow many|\b(?:what|find|compute|determine|calculate|give)\b[^.?!,]{0,40}\bnumber of)"
    rf"\s+{_UNIT}",
    re.IGNORECASE,
)
_IN_UNITS = re.compile(rf"\bin\s+{_UNIT}", re.IGNORECASE)
_HOW_MANY = re.compile(r"\b[Hh]ow many\s+((?:[a-z]+\s){0,2}[a-z]+)")
_THINGS = re.compile(r"\b[Hh]ow many\s+((?:[a-z-]+\s+)??[a-z]{2,}(?<![sui])s|people|children|men|women)\b")
_WORD = re.compile(r"[A-Za-z]+")
_DOLLAR = re.compile(r"\\\$|(?<![\w$])\$(?=\d[\d,.]*(?:\s|[?!;]|$))")
"""A dollar sign before an amount; one that begins a formula has another one behind its number."""
_MARKS = {'"': "inch", "'": "foot"}
_AFTER_LENGTH = re.compile(r"(?<=\d)['\"](?![\w'])")
_AGE = re.compile(r"\b(?:ages?|old|older|younger)\b")
_PERCENT = re.compile(r"%|\b(?:percent|percentage|per cent|rate|interest|discount|fraction|markup|margin)\b")
_WHAT_PERCENT = re.compile(r"\b(?:what|which|how many) (?:percent|percentage)\b", re.IGNORECASE)
_HOW_MUCH = re.compile(r"\bhow much\b", re.IGNORECASE)
_QUANTITY = re.compile(
    r"\b(?:what(?:'s| is| was| are| should| must| will| would)|find|compute|determine|calculate)"
    r"\s+(?:the\s+|its\s+)?(?:[a-z]+\s+){0,3}?"
    r"(area|volume|perimeter|circumference|length|distance|height|width|radius|diameter|side|edge)s?\b",
    re.IGNORECASE,
)
_IN_ONE = re.compile(r"\b(?:in an?|in one|per|each|every|an?|one|this|the) ([a-z]+)")
_POWERS = {"area": 2, "volume": 3}
_LENGTHS = frozenset({"length", "unit"})
_COUNT = "count"
"""The noun of a number of things, which has no measure."""


def with_asked_unit(gold: Form, answer: Form, question: str) -> Form:
    """The gold `90` as `90 minutes`, if the question asks for minutes, or has no other time than minutes, and
    the answer is in seconds; as `90 boys`, if it asks how many boys and the answer counts girls, and as a
    `loss`, if it asks for one and the answer is a gain; else the gold as it is."""
    if isinstance(gold, Named):
        return replace(gold, form=with_asked_unit(gold.form, answer, question))
    answer = answer.form if isinstance(answer, Named) else answer
    if not question or not isinstance(gold, Value) or not isinstance(answer, Value) or gold.unit:
        return gold
    if not (answer.unit or answer.is_percent or answer.radians is not None):
        return gold
    requests = " ".join(each for each in _SENTENCE.split(question) if _REQUEST.search(each))
    if opposite := opposite_asked(answer.unit, requests):
        return replace(gold, unit=opposite)
    if gold.is_percent or gold.radians is not None:
        return gold
    unit = _thing_asked(question, requests, answer) or _unit_asked(question, requests, answer)
    is_degrees = measure_of(unit) == {"degree": 1}
    return replace(gold, unit=unit, radians=Product((gold.node, DEGREE)) if is_degrees else None)


def _thing_asked(question: str, requests: str, answer: Value) -> str:
    """The things that a question counts, if an answer is of others, or measures something."""
    things: list[str] = _HOW_MANY.findall(question)
    if things and "than" not in answer.unit.split() and are_of_other_things(things[-1], answer.unit):
        return things[-1]
    if meaning_words(answer.unit):
        return ""
    if answer.radians is not None and not answer.unit:
        return _COUNT if _counts_things(requests) else ""
    if answer.is_percent:
        is_amount = _HOW_MUCH.search(requests) is not None and _DOLLAR.search(question) is not None
        is_amount = is_amount or _counts_things(requests)
        return _COUNT if is_amount and not _PERCENT.search(requests) else ""
    named = {*_units_of(question)}
    is_measured = any(
        power > 0 and dimension(unit) != unit and unit not in named
        for unit, power in measure_of(answer.unit).items()
    )
    asks_number = _counts_things(requests) or _WHAT_PERCENT.search(requests) is not None
    return _COUNT if is_measured and asks_number else ""


def _counts_things(requests: str) -> bool:
    found = _THINGS.findall(requests)
    return bool(found) and not any(is_unit_word(singular(word)) for word in found[-1].split())


def _unit_asked(question: str, requests: str, answer: Value) -> str:
    """The unit that a question asks for; empty if an answer has it, or the question does not say."""
    measure = measure_of(answer.unit)
    if not measure:
        return ""
    named = {unit for word in _WORD.findall(requests) if word != "in" for unit in measure_of(word)}
    counted = list(filter(_names_unit, _COUNTED.findall(requests)))
    asked = counted or list(filter(_names_unit, _IN_UNITS.findall(requests)))
    measures = {frozenset(measure_of(unit).items()) for unit in asked}
    if len(measures) > 1:
        return ""
    if measures:
        wanted = measure_of(asked[0])
        if min(wanted.values()) > 0:  # `12 miles a week` for miles in a week
            measure = {
                unit: power for unit, power in measure.items() if power > 0 or not _is_in(unit, requests)
            }
        if measure and min(measure.values()) > 0:  # `20 seconds` for seconds per minute
            wanted = {unit: power for unit, power in wanted.items() if power > 0} or wanted
        if measure == wanted:
            return ""
        is_other_power = "unit" not in measure and measure.keys() == wanted.keys()
        if counted or is_other_power or not measure.keys() <= named:
            return in_words(Counter(wanted))
    return _with_power_of_quantity(requests, measure) or _with_units_of_story(question, measure)


def _names_unit(phrase: str) -> bool:
    """Whether a phrase names a unit, which `total per month` does not."""
    return max(measure_of(phrase).values(), default=0) > 0


def _is_in(unit: str, requests: str) -> bool:
    """Whether a question asks for the amount in one unit, as `in a week`."""
    return any(unit in measure_of(word) for word in _IN_ONE.findall(requests))


def _with_power_of_quantity(requests: str, measure: dict[str, int]) -> str:
    """The unit of an answer with the power of the area or volume asked for; empty if it has this power."""
    wanted = {_POWERS.get(name.lower(), 1) for name in _QUANTITY.findall(requests)}
    ((unit, power),) = measure.items() if len(measure) == 1 else [("", 0)]
    if dimension(unit) not in _LENGTHS or len(wanted) != 1 or power in wanted or (unit, power) == ("unit", 1):
        return ""
    return in_words(Counter({unit: wanted.pop()}))


def _with_units_of_story(question: str, measure: dict[str, int]) -> str:
    """The unit of an answer with those of the question in place of others of their kinds; empty if there are
    none. A sum may be in dollars where the prices are in cents."""
    named, found = list(_units_of(question)), Counter[str]()
    for unit, power in measure.items():
        alike = [each for each in named if dimension(each) == dimension(unit)]
        found[alike[0] if alike and unit not in {*alike, "dollar"} else unit] += power
    return "" if found == measure else in_words(found)


def _units_of(question: str) -> Iterator[str]:
    """The units that a text names; a single letter is none, nor is `second` in the singular."""
    for word in _WORD.findall(question):
        if len(word) > 1 and word not in {"in", "second", "am", "Ms"}:
            yield from measure_of(word)
    yield from (unit for unit, sign in (("dollar", _DOLLAR), ("year", _AGE)) if sign.search(question))
    yield from (_MARKS[mark] for mark in _AFTER_LENGTH.findall(question))
