"""Sets of real numbers as unions of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from or1_verify.latex.angles import in_degrees
from or1_verify.latex.exact import UndefinedError
from or1_verify.latex.forms import Form, Many, Named, Order, Region, Span, Value, Words
from or1_verify.latex.identity import Identity, is_infinite
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import INFINITY, ZERO, Node, Number, Product, Sum, Symbol, negated, variables
from or1_verify.latex.words import normal_words

NEGATIVE_INFINITY = negated(INFINITY)
Cut = tuple[int, Fraction, int]
"""A place between numbers: (-1, 0 or 1 for the infinities, number, 0 just below it or 1 just above it)."""


REALS = {
    "real numbers": Region((Span(NEGATIVE_INFINITY, INFINITY, False, False),)),
    "positive real numbers": Region((Span(ZERO, INFINITY, False, False),)),
    "nonnegative real numbers": Region((Span(ZERO, INFINITY, True, False),)),
    "negative real numbers": Region((Span(NEGATIVE_INFINITY, ZERO, False, False),)),
    "nonpositive real numbers": Region((Span(NEGATIVE_INFINITY, ZERO, False, True),)),
}


def as_region(form: Form | Span) -> Region | None:
    """The set of reals that a form describes; None if it does not describe one."""
    match form:
        case Span():
            return Region((form,))
        case Region():
            return form
        case Named(_, inner):
            return as_region(inner)
        case Many(Order.TUPLE, (Value(low), Value(high))):
            return Region((Span(low, high, False, False),))
        case Many(Order.SET, items) if all(isinstance(item, Value) for item in items):
            return union([point(item.node) for item in items if isinstance(item, Value)])
        case Words(text) if len(text) > 1:
            return REALS.get(normal_words(text))
    return None


def is_set(form: Form) -> bool:
    """Whether a form is a set of reals by itself or in words."""
    return isinstance(form, Region) or (isinstance(form, Words) and as_region(form) is not None)


def point(node: Node) -> Region:
    return Region((Span(node, node, True, True),))


def without(node: Node) -> Region:
    """All reals except one."""
    return Region((Span(NEGATIVE_INFINITY, node, False, False), Span(node, INFINITY, False, False)))


def union(regions: Sequence[Region], are_conditions: bool = False) -> Region:
    """All spans: of at least one region, or as conditions that hold together.

    Raises:
        UnreadableError: one of several alternatives is a list of conditions.
    """
    spans = tuple(span for region in regions for span in region.spans)
    if not are_conditions:
        if len(regions) > 1 and any(len(region.conditions) > 1 for region in regions):
            raise UnreadableError("conditions beside alternatives")
        return Region(spans)
    return Region(spans, tuple(size for each in regions for size in each.conditions or (len(each.spans),)))


def region_in_degrees(region: Region) -> Region:
    """The region with degree signs read as one."""
    spans = (replace(span, low=in_degrees(span.low), high=in_degrees(span.high)) for span in region.spans)
    return replace(region, spans=tuple(spans))


def complement(excluded: Region) -> Region | None:
    """All reals outside points or intervals; None for an excluded intersection, or all reals."""
    outside = []
    for span in excluded.spans:
        below = Span(NEGATIVE_INFINITY, span.low, False, not span.has_low)
        above = Span(span.high, INFINITY, not span.has_high, False)
        outside.append(
            tuple(end for end, bound in ((below, span.low), (above, span.high)) if not is_infinite(bound))
        )
    if len(excluded.conditions) > 1 or not all(outside):
        return None
    return union([Region(spans) for spans in outside], are_conditions=True)


def same_region(gold: Region, answer: Region, identity: Identity) -> bool:
    """Whether both are the same set of numbers; with variables in the ends, the same list of intervals."""
    nodes = [node for span in (*gold.spans, *answer.spans) for node in (span.low, span.high)]
    if any(variables(node) for node in nodes):
        return len(gold.spans) == len(answer.spans) and all(
            _same_span(gold_span, answer_span, identity)
            for gold_span, answer_span in zip(gold.spans, answer.spans, strict=True)
        )
    # Equal ends share one number, so that the rounding of irrational ends cannot matter.
    numbers: list[tuple[Node, Cut]] = []
    for node in nodes:
        numbers.append((node, _number(node, numbers, identity)))
    places = [cut for _, cut in numbers]
    spans = [
        (_cut(low, not span.has_low), _cut(high, span.has_high))
        for span, low, high in zip((*gold.spans, *answer.spans), places[::2], places[1::2], strict=True)
    ]
    num_gold = len(gold.spans)
    gold_spans, answer_spans = _numbers_of(gold, spans[:num_gold]), _numbers_of(answer, spans[num_gold:])
    # An empty interval such as (4, pi) is a pair or an error.
    return gold_spans == answer_spans and bool(gold_spans)


def _same_span(gold: Span, answer: Span, identity: Identity) -> bool:
    return (
        (gold.has_low, gold.has_high) == (answer.has_low, answer.has_high)
        and same_end(gold.low, answer.low, identity)
        and same_end(gold.high, answer.high, identity)
    )


def same_end(gold: Node, answer: Node, identity: Identity) -> bool:
    signs = _infinity(gold), _infinity(answer)
    return signs[0] == signs[1] if any(signs) else identity.equal(gold, answer)


def _number(node: Node, known: list[tuple[Node, Cut]], identity: Identity) -> Cut:
    sign = _infinity(node)
    if sign:
        return (sign, Fraction(0), 0)
    for other, cut in known:
        if not cut[0] and identity.equal(node, other):
            return cut
    return (0, identity.value(node), 0)


def _infinity(node: Node) -> int:
    """1 or -1 for an infinite end, else 0; UndefinedError for arithmetic with infinity."""
    if not is_infinite(node):
        return 0
    match node:
        case Symbol():
            return 1
        case Product((Number(factor), Symbol())) if factor in (1, -1):
            return int(factor)
        case Sum((Symbol(),)):
            return 1
    raise UndefinedError("arithmetic with infinity")


def _cut(cut: Cut, is_behind: bool) -> Cut:
    """The place before or behind a number."""
    return (cut[0], cut[1], int(is_behind))


def _numbers_of(region: Region, spans: list[tuple[Cut, Cut]]) -> list[tuple[Cut, Cut]]:
    """The intersection of the conditions (`x > 2, x < 5`); if it is empty and they need not hold, the union
    (`x < 2, x > 5`)."""
    common: list[tuple[Cut, Cut]] | None = None
    rest = spans
    for size in region.conditions:
        allowed, rest = _merged(rest[:size]), rest[size:]
        common = allowed if common is None else _overlap(common, allowed)
    return common if common is not None and region.must_hold else common or _merged(spans)


def _overlap(left: list[tuple[Cut, Cut]], right: list[tuple[Cut, Cut]]) -> list[tuple[Cut, Cut]]:
    return _merged([(max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right])


def _merged(spans: list[tuple[Cut, Cut]]) -> list[tuple[Cut, Cut]]:
    """Sorted intervals without empty ones; those that touch or overlap are joined."""
    merged: list[tuple[Cut, Cut]] = []
    for low, high in sorted((low, high) for low, high in spans if low < high):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def as_union(answer: Form) -> Form:
    """`(0, 1) or (2, 3)` as a union of intervals, for comparison with a set of numbers."""
    if not isinstance(answer, Many) or answer.order is not Order.LIST:
        return answer
    regions = [as_region(item) for item in answer.items]
    return answer if None in regions else union([region for region in regions if region is not None])
