r"""Values follow their names: `(b, a) = (2, 1)` is `(a, b) = (1, 2)`, and `BC:AB = 2:1` is `AB:BC = 1:2`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from or1_verify.latex.elements import elements_of
from or1_verify.latex.forms import Form, Many, Named, Order, Ratio, Value
from or1_verify.latex.normal import is_same_text
from or1_verify.latex.parameters import formulas_of
from or1_verify.latex.tree import ONE, Quotient

_FRACTION = re.compile(r"\\frac\{(.+)\}\{(.+)\}")
_ASKED = re.compile(r"\(([^()]*,[^()]*)\)")
_LAYOUT = re.compile(r"\\(?:left|right)(?![a-z])|\\[,;:! ]|[\s{}$]")
_ORDERED = re.compile(
    r"\b(?:order|arrange|rank|sort|(?:put|place|list|write|express)(?! (?:them|your|all|each)\b)|what are the"
    r" (?:\w+ )?(?:numbers|fractions))\b(?:[^.?!]|\.(?=\d)){0,200}?"
    r"\b(?:from|in)\s+(?:order\s+from\s+)?(?:the\s+)?(?:ascending|descending|increasing|decreasing|alphabetical"
    r"|\w+est|least|most)\b(?:\s+to\b|\s+order\b)",
    re.IGNORECASE,
)
_RISING = re.compile(r"(?:from|in)\W+(?:the )?(?:least|smallest|lowest|shortest|ascending|increasing)", re.I)
_FALLING = re.compile(
    r"(?:from|in)\W+(?:the )?(?:greatest|largest|highest|biggest|longest|descending|decreasing)", re.I
)
_PARTS = re.compile(r"\(a\)[^?.]+[?.].*\(b\)[^?.]+[?.]", re.DOTALL)
_CHAIN = re.compile(r"(<|>|\\[lg]t(?![A-Za-z]))")
_COMPARED = re.compile(
    r"(\\[lg]eq?(?:slant)?(?![A-Za-z])|[<>≤≥]|\\in(?![A-Za-z])|\\text\s*\{\s*(?:or|and)\s*\}|\b(?:or|and)\b|\\lor|,|;)"
)
_SEGMENT = re.compile(r"[A-Z]{2}")


def with_asked_names(gold: Form, answer: Form, question: str) -> Form:
    """The gold `(5, -5)` as `(k, a) = (5, -5)`, if the answer names its parts and the question has these
    names in this order; else the gold as it is."""
    if not (question and isinstance(gold, Many) and gold.order is Order.TUPLE):
        return gold
    names = sorted(elements_of(answer).names)
    for asked in reversed(_ASKED.findall(question)):
        parts = _LAYOUT.sub("", asked).split(",")
        if len(parts) == len(gold.items) and sorted(parts) == names:
            return Named(f"({','.join(parts)})", gold)
    return gold


def in_asked_order(gold: Form, answer: Form, question: str) -> tuple[Form, Form]:
    """Two lists as tuples, if the question says to put things in an order or has parts (a), (b); else as they
    are."""
    match gold, answer:
        case Many(Order.LIST), Many(Order.LIST) if asked_order(question) or _has_parts(question):
            return replace(gold, order=Order.TUPLE), replace(answer, order=Order.TUPLE)
    return gold, answer


@lru_cache(maxsize=64)
def asked_order(question: str) -> str:
    """The words by which a question says to put things in an order; empty if it does not.

    >>> asked_order("Rank the speeds from slowest to fastest.")
    'Rank the speeds from slowest to'
    """
    found = _ORDERED.search(question)
    return found.group() if found else ""


@lru_cache(maxsize=64)
def _has_parts(question: str) -> bool:
    return _PARTS.search(question) is not None


def as_ordered_list(text: str, question: str) -> str:
    """A chain `a < b < c` as the list `a, b, c`, if the question says to put things in an order."""
    parts = _CHAIN.split(text)
    signs = {sign.replace("\\lt", "<").replace("\\gt", ">") for sign in parts[1::2]}
    if len(parts) < 3 or len(signs) > 1 or not asked_order(question):
        return text
    turned = _RISING if signs == {">"} else _FALLING
    return text if turned.search(asked_order(question)) else ", ".join(parts[::2])


def with_asked_formula(answer: str, question: str) -> str | None:
    r"""The answer with a letter for a formula of the question that stands between its signs of order.

    >>> with_asked_formula(r"x+\frac1x\le -2", r"Find the values of $x + \frac{1}{x}$.")
    ' t \\le -2'
    """
    if not _COMPARED.search(answer):
        return None
    formulas = formulas_of(question)
    parts = _COMPARED.split(answer)
    named = [any(len(each) > 1 and is_same_text(each, part) for each in formulas) for part in parts]
    renamed = (" t " if is_formula else part for is_formula, part in zip(named, parts, strict=True))
    return "".join(renamed) if any(named) else None


def aligned(gold: Form, answer: Form) -> Form:
    """The answer with its parts in the order of the gold, if both name the same parts in different orders;
    else the answer as it is."""
    wanted = _name_of(gold)
    return _in_order(answer, wanted, _parts(_name_of(answer))) if wanted else answer


def _name_of(form: Form) -> str:
    """The first name of several parts."""
    match form:
        case Named(name):
            return name if len(_parts(name)) > 1 else ""
        case Many(_, items):
            return next((name for item in items if (name := _name_of(item)).startswith("(")), "")
    return ""


def _parts(name: str) -> list[str]:
    """The names of the parts; a segment is the same from both ends.

    >>> _parts("(a,b)"), _parts("BA:S_{1}"), _parts("x")
    (['a', 'b'], ['AB', 'S_1'], ['x'])
    """
    fraction = _FRACTION.fullmatch(name)
    if name.startswith("("):
        return name[1:-1].split(",")
    parts = list(fraction.groups()) if fraction else re.split(":| to ", name)
    plain = (re.sub(r"[{}]", "", part) for part in parts)
    return ["".join(sorted(part)) if _SEGMENT.fullmatch(part) else part for part in plain]


def _in_order(form: Form, wanted: str, names: list[str]) -> Form:
    """A form with its parts, which have these names, in the wanted order."""
    parts = _parts(wanted)
    if isinstance(form, Named):
        names = _parts(form.name)
        is_other = sorted(names) != sorted(parts) or len(set(names)) < len(names)
        return form if is_other else replace(form, name=wanted, form=_in_order(form.form, wanted, names))
    if sorted(names) != sorted(parts):
        return form
    places = [names.index(part) for part in parts]
    match form:
        case Many(Order.TUPLE, items) if len(items) == len(places):
            return replace(form, items=tuple(items[place] for place in places))
        case Many(_, items):
            return replace(form, items=tuple(_in_order(item, wanted, names) for item in items))
        case Ratio(values) if len(values) == len(places):
            return Ratio(tuple(values[place] for place in places))
        case Value(node) if places == [1, 0]:
            return Value(Quotient(ONE, node))
    return form
