r"""Functions by pieces: `\begin{cases} x, & x \ge 0 \\ -x, & x < 0 \end{cases}`; systems of equations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from or1_verify.latex.forms import Cases, Form, Named, Region, Scoped, Span, Value
from or1_verify.latex.identity import Identity, is_infinite
from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.regions import as_region, point
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import (
    ONE,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    negated,
    replaced,
    variables,
)

_CASES = re.compile(
    r"(?P<head>[^{}&]*?)(?:\\left\s*)?(?:\\\{)?\s*\\begin\s*\{(?P<kind>[dr]?cases|array|aligned|matrix)\}(?:\s*\{[clr|\s]*\})?"
    r"(?P<rows>.*)\\end\s*\{(?P=kind)\}\s*(?:\\right\s*\.?)?",
    re.DOTALL,
)
_ROW_END = re.compile(r"\\\\(?:\s*\[[^\]]*\])?")
_SIGN = r"[<>=≤≥≠∈]|\\(?:[lg]eq?(?:slant)?|[lg]t|neq?|in)(?![A-Za-z])"
_CONDITION = re.compile(
    r",?\s*\b(?:if|for|when|where|with)\b|,(?=[^,]*(?:" + _SIGN + r"|\b(?:even|odd|otherwise|else)\b))"
)
_WORDS = re.compile(r"^[\s,]*(?:(?:if|for|when|where|with|on|all)\b)?[\s,]*|[\s,;.]+$")
_REST = re.compile(r"otherwise|else(?:where)?|(?:in )?(?:all )?other(?:wise)?(?: cases| values)?")
_EQUATIONS = re.compile(r"[^=]*=[^=]*")
_NEAR = Fraction(1, 10**40)
"""Two ends of intervals that are no farther apart are one: values have sixty digits."""


def read_cases(text: str, read: Callable[[str], Form]) -> Form | None:
    r"""A function by its pieces, or a system of equations as a list; None for another text.

    Raises:
        UnreadableError: rows that are neither.
    """
    found = _CASES.fullmatch(text.strip().rstrip(".,;"))
    if found is None or ("\\{" not in text and "cases" not in found["kind"]):
        return None
    rows = [row for row in _ROW_END.split(found["rows"]) if row.strip(" ,;&")]
    head = found["head"].strip().removesuffix("=").strip()
    if not head and all(_EQUATIONS.fullmatch(row) and not _condition_in(row)[1] for row in rows):
        return read(", ".join(row.replace("&", "").strip(" ,;.") for row in rows))
    cases = _cases(rows, read)
    if not head:
        return cases
    named = read(f"{head} = 1")
    if not isinstance(named, Named):
        raise UnreadableError("a name of a function that is none")
    return replace(named, form=cases)


def _condition_in(row: str) -> tuple[str, str]:
    """The value of a row, and its condition."""
    value, mark, condition = row.partition("&")
    if not mark:
        plain = in_plain_words(row)
        start = _CONDITION.search(plain)
        value, condition = (plain[: start.start()], plain[start.start() :]) if start else (plain, "")
    return value.strip(" ,;"), _WORDS.sub("", _WORDS.sub("", in_plain_words(condition.replace("&", " "))))


def _cases(rows: list[str], read: Callable[[str], Form]) -> Cases:
    pieces: list[tuple[Node, Region | str]] = []
    name = ""
    for row in rows:
        text, condition = _condition_in(row)
        value = read(text)
        if (
            not isinstance(value, Value)
            or not condition
            or value
            != Value(
                value.node, literal=value.literal, num_digits=value.num_digits, num_places=value.num_places
            )
        ):
            raise UnreadableError("a row of cases without a value and a condition")
        where = "" if _REST.fullmatch(condition) else _where(condition, read)
        if isinstance(where, Named):
            if name not in {"", where.name}:
                raise UnreadableError("cases of several variables")
            name, region = where.name, _region(where.form)
            pieces.append((value.node, region))
        else:
            pieces.append((value.node, where))
    return Cases(name, tuple(pieces))


def _where(condition: str, read: Callable[[str], Form]) -> Named | str:
    try:
        form = read(condition)
    except UnreadableError:
        form = None
    if isinstance(form, Named) and (isinstance(form.form, Value) or as_region(form.form) is not None):
        return form
    if re.search(_SIGN, condition):
        raise UnreadableError("a condition of cases")
    return " ".join(re.sub(r"\b(?:is|an?)\b|[{}$]", " ", condition.lower()).split())


def _region(form: Form) -> Region:
    region = point(form.node) if isinstance(form, Value) else as_region(form)
    if (
        region is None
        or len(region.conditions) > 1
        or any(variables(end) for span in region.spans for end in (span.low, span.high))
    ):
        raise UnreadableError("a condition of cases")
    return region


def same_cases(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Whether two functions have the same values on the same domain.

    Between the ends of all intervals one piece of each holds, and these are compared there: where an end or
    two bound the place, by an expression that takes no other values than those between them.
    """
    names = {text for _, text in (*gold.pieces, *answer.pieces) if isinstance(text, str) and text}
    if names:
        return _same_by_words(gold, answer, identity)
    x = Symbol(gold.name or answer.name)
    if answer.name and answer.name != x.name:
        answer = Cases(
            x.name, tuple((replaced(node, Symbol(answer.name), x), at) for node, at in answer.pieces)
        )
    ends = _ends(gold, answer, identity)
    places = [(end, end) for end in ends] + list(pairwise([None, *ends, None]))
    for low, high in places:
        pair = [_piece_at(cases, low, high, identity) for cases in (gold, answer)]
        if pair[0] is None or pair[1] is None:
            if pair[0] is not pair[1]:
                return False
            continue
        inside = _inside(low, high)
        left, right = (
            node if inside is None else replaced(node, x, inside) for node in pair if node is not None
        )
        if not identity.equal(left, right):
            return False
    return True


def as_cases(form: Form) -> Cases | None:
    """A function by its pieces; one expression of one variable is one piece."""
    match form:
        case Cases():
            return form
        case Value(node, unit="") if len(variables(node)) < 2:
            return Cases(next(iter(variables(node)), ""), ((node, ""),))
        case Named(_, inner) | Scoped(inner):
            return as_cases(inner)
    return None


End = tuple[Node, Fraction]


def _ends(gold: Cases, answer: Cases, identity: Identity) -> list[End]:
    regions = [where for _, where in (*gold.pieces, *answer.pieces) if isinstance(where, Region)]
    nodes = [end for region in regions for span in region.spans for end in (span.low, span.high)]
    found = sorted(
        ((node, identity.value(node)) for node in nodes if not is_infinite(node)), key=lambda end: end[1]
    )
    return [end for number, end in enumerate(found) if not number or end[1] - found[number - 1][1] > _NEAR]


def _piece_at(cases: Cases, low: End | None, high: End | None, identity: Identity) -> Node | None:
    """The first piece that holds between two ends, or at one; the piece without a condition else."""
    for node, where in cases.pieces:
        if isinstance(where, Region) and any(_covers(span, low, high, identity) for span in where.spans):
            return node
    return next((node for node, where in cases.pieces if where == ""), None)


def _covers(span: Span, low: End | None, high: End | None, identity: Identity) -> bool:
    is_point = low is not None and low is high
    for bound, has_bound, end, sign in (
        (span.low, span.has_low, low, 1),
        (span.high, span.has_high, high, -1),
    ):
        if is_infinite(bound):
            continue
        if end is None:
            return False
        beyond = sign * (end[1] - identity.value(bound))
        if beyond < -_NEAR or (is_point and not has_bound and beyond <= _NEAR):
            return False
    return True


def _inside(low: End | None, high: End | None) -> Node | None:
    """An expression of `u` whose values are those between two ends; None for all numbers."""
    if low is not None and low is high:
        return low[0]
    square = Power(Symbol("u"), Number(Fraction(2)))
    if low is not None and high is not None:
        width = Sum((high[0], negated(low[0])))
        return Sum((low[0], Quotient(Product((width, square)), Sum((ONE, square)))))
    if low is not None:
        return Sum((low[0], square))
    return None if high is None else Sum((high[0], negated(square)))


def _same_by_words(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Pieces by conditions in words (`n even`): the same conditions, and their values."""
    wanted, found = (
        {_key(where, cases.name): node for node, where in cases.pieces} for cases in (gold, answer)
    )
    if wanted.keys() != found.keys() or len(wanted) < len(gold.pieces):
        return False
    return all(identity.equal(node, found[where]) for where, node in wanted.items())


def _key(where: Region | str, name: str) -> object:
    return (name, where) if isinstance(where, Region) else where
