r"""Sets by their members: `\{3k \mid k \in \mathbb{Z}\}`, `\{x \in \mathbb{Z} \mid 0 < x < 5\}`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import permutations

from or1_verify.latex.domains import domains_of, same_kind
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Builder, Domain, Form, Many, Named, Order, Region, Scoped, Span, Value
from or1_verify.latex.identity import ExactIdentity, Identity, NeedsNumbersError, is_infinite
from or1_verify.latex.names import is_variable
from or1_verify.latex.parameters import with_nodes
from or1_verify.latex.split import split, text_of
from or1_verify.latex.tokens import Token, UnreadableError
from or1_verify.latex.tree import Node, Number, Product, Sum, Symbol, negated, renamed, replaced, variables

_MOST_INTEGERS = 50
"""Largest set of whole numbers between bounds that is listed [numbers]."""
_POINTS = [Fraction(0), Fraction(1), Fraction(2), Fraction(7, 3), Fraction(-5)]
_SHIFTS = range(-2, 3)
_MOST_LETTERS = 3
_REAL = frozenset({"any", "real"})


def read_builder(
    left: list[Token],
    right: list[Token],
    read: Callable[[list[Token]], Form],
    read_text: Callable[[str], Form],
) -> Form:
    r"""The set of the members `left` under the conditions `right`.

    The set of a variable is the set of numbers that its conditions describe. A linear image of an interval is
    an interval.

    Raises:
        UnreadableError: a condition that cannot be read.
    """
    domains: list[Domain] = []
    if len(split(left, {"\\in"})) == 2:
        found = list(domains_of(_spaced(left), read_text))
        if any(isinstance(each.kind, Region) for each in found):  # `x \in [0, 9]` is one more condition
            right, found = [*left, Token("mark", ","), *right], []
        domains += found
        left = split(left, {"\\in"})[0]
    name = text_of(left)
    conditions, pending = [], list[Token]()
    for item in split(right, {","}):
        sides = split(item, {"="})
        if is_variable(text_of(item)):
            pending += [*item, Token("mark", ",")]
        elif is_variable(name) and len(sides) == 2 and text_of(sides[0]) == name:
            left, name = sides[1], ""
        elif found := _domains(pending + item, read_text):
            domains, pending = domains + found, []
        else:
            conditions.append(item)
    if is_variable(name):
        return _subset(name.removeprefix("\\"), domains, right, conditions, read)
    member = read(left)
    if conditions:
        if isinstance(member, Many) and _are_letters(member):
            return read(right)
        return Builder(member, tuple(domains), tuple(map(read, conditions)))
    return _image(member, domains) or Builder(member, tuple(domains))


def _spaced(tokens: list[Token]) -> str:
    return " ".join(token.text for token in tokens)


def _domains(tokens: list[Token], read_text: Callable[[str], Form]) -> list[Domain]:
    try:
        return list(domains_of(_spaced(tokens), read_text))
    except UnreadableError:
        return []


def _are_letters(member: Many) -> bool:
    nodes = [item.node for item in member.items if isinstance(item, Value)]
    return len({*nodes}) == len(member.items) and all(isinstance(node, Symbol) for node in nodes)


def _subset(
    name: str,
    domains: list[Domain],
    right: list[Token],
    conditions: list[list[Token]],
    read: Callable[[list[Token]], Form],
) -> Form:
    """The values of one variable."""
    if any(domain.name != name for domain in domains):
        raise UnreadableError("a condition on another variable")
    regions = [domain.kind for domain in domains if isinstance(domain.kind, Region)]
    kinds = [domain.kind for domain in domains if isinstance(domain.kind, str) and domain.kind not in _REAL]
    if not kinds:
        found = read(right) if regions or conditions else Region((Span(*_ALL),))
        return found.form if isinstance(found, Named) and isinstance(found.form, Region) else found
    if len(kinds) == len(regions) == 1 and not conditions:
        numbers = _integers(kinds[0], regions[0])
        if numbers is not None:
            return Many(Order.SET, tuple(Value(Number(Fraction(number))) for number in numbers))
    return Builder(Value(Symbol(name)), tuple(domains), tuple(map(read, conditions)))


_ALL = (negated(Symbol("infinity")), Symbol("infinity"), False, False)


def _integers(kind: str, region: Region) -> list[int] | None:
    """The whole numbers of an interval; None for too many, or another kind of numbers."""
    match region.spans:
        case (Span(Number(low), Number(high), has_low, has_high),):
            first = math.ceil(low) + (low.denominator == 1 and not has_low)
            last = math.floor(high) - (high.denominator == 1 and not has_high)
            if last - first < _MOST_INTEGERS and (kind == "integer" or (kind == "natural" and first > 0)):
                return list(range(first, last + 1))
    return None


def _image(member: Form, domains: list[Domain]) -> Region | None:
    """The image of a set of reals under a linear function with rational coefficients."""
    if not isinstance(member, Value) or len(domains) != 1 or variables(member.node) != {domains[0].name}:
        return None
    kind = domains[0].kind
    region = kind if isinstance(kind, Region) else Region((Span(*_ALL),)) if kind in _REAL else None
    linear = _linear(member.node, domains[0].name)
    if region is None or linear is None:
        return None
    factor, constant = linear
    spans = []
    for span in region.spans:
        low, high = _moved(span.low, factor, constant), _moved(span.high, factor, constant)
        spans.append(
            Span(low, high, span.has_low, span.has_high)
            if factor > 0
            else Span(high, low, span.has_high, span.has_low)
        )
    return Region(tuple(spans), region.conditions)


def _linear(node: Node, name: str) -> tuple[Fraction, Fraction] | None:
    """Factor and constant of a linear function with rational coefficients."""
    try:
        values = [ExactIdentity().value(replaced(node, Symbol(name), Number(point))) for point in _POINTS]
    except (NeedsNumbersError, NotExactError, UndefinedError, TooLargeError):
        return None
    factor, constant = values[1] - values[0], values[0]
    is_linear = factor and all(
        value == factor * point + constant for value, point in zip(values, _POINTS, strict=True)
    )
    return (factor, constant) if is_linear else None


def _moved(end: Node, factor: Fraction, constant: Fraction) -> Node:
    if is_infinite(end):
        return end if factor > 0 else Symbol("infinity") if end == _ALL[0] else _ALL[0]
    return Sum((Product((Number(factor), end)), Number(constant)))


def as_builder(form: Form) -> Builder | None:
    r"""`3k, k \in \mathbb{Z}` as the set of its values."""
    match form:
        case (Builder() as found) | Named(_, Builder() as found):
            return found
        case Scoped(Value() as member, domains) | Scoped(Many(Order.TUPLE) as member, domains):
            return Builder(member, domains)
        case Scoped(Named(name, (Value() | Many(Order.TUPLE)) as member), domains):
            is_bound = any(re.search(rf"[(,_]{re.escape(each.name)}(?![a-z])", name) for each in domains)
            return None if is_bound else Builder(member, domains)
    return None


def same_builder(
    gold: Builder, answer: Builder, identity: Identity, same: Callable[[Form, Form], bool]
) -> bool:
    """Whether two sets have the same members: with other letters, or counted from another whole number."""
    names = list(dict.fromkeys(domain.name for domain in gold.domains))
    others = list(dict.fromkeys(domain.name for domain in answer.domains))
    if (
        len(names) != len(others)
        or len(names) > _MOST_LETTERS
        or len(gold.conditions) != len(answer.conditions)
    ):
        return False
    if not all(map(same, gold.conditions, answer.conditions)):
        return False
    for order in permutations(others):
        new_names = dict(zip(order, names, strict=True))
        if _same_domains(gold, answer, new_names, identity):
            member = with_nodes(answer.member, partial(renamed, names=new_names))
            if any(same(gold.member, each) for each in _recounted(member, gold)):
                return True
    return False


def _same_domains(gold: Builder, answer: Builder, new_names: dict[str, str], identity: Identity) -> bool:
    left = sorted(gold.domains, key=lambda domain: (domain.name, str(domain.kind)))
    moved = (Domain(new_names[domain.name], domain.kind) for domain in answer.domains)
    right = sorted(moved, key=lambda domain: (domain.name, str(domain.kind)))
    return len(left) == len(right) and all(
        one.name == other.name and same_kind(one.kind, other.kind, identity)
        for one, other in zip(left, right, strict=True)
    )


def _recounted(member: Form, gold: Builder) -> Iterator[Form]:
    """A member with the counter k, and with k + s and s - k where k is any whole number."""
    yield member
    if len(gold.domains) != 1 or gold.domains[0].kind != "integer" or gold.conditions:
        return
    name = gold.domains[0].name
    nodes = [form.node for form in (gold.member, member) if isinstance(form, Value)]
    lines = [_linear(node, name) for node in nodes]
    shifts = list(_SHIFTS)
    match lines:
        case [(gold_factor, gold_constant), (factor, constant)]:
            turns = (gold_constant - constant) / factor
            shifts = [int(turns)] if abs(gold_factor) == abs(factor) and turns.denominator == 1 else []
    for shift in shifts:
        for step in (Symbol(name), negated(Symbol(name))):
            turned = Sum((step, Number(Fraction(shift))))
            yield with_nodes(member, partial(replaced, old=Symbol(name), new=turned))
