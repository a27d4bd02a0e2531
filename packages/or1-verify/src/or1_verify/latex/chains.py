r"""Chains of equalities between numbers: `x = \frac{10}{4} = 2.5`. All members have one value.

A decimal states the value to its last digit, rounded or truncated. Members with the same variables are equal
in a chain of three or more; others say nothing, and neither do functions of plain numbers that may be in
degrees, or sides that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import combinations, product

from or1_verify.latex.beside import unit_factor
from or1_verify.latex.derived import times
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Many, Order, Ratio, Value
from or1_verify.latex.identity import Identity, is_infinite
from or1_verify.latex.notations import with_plain_numbers
from or1_verify.latex.reader import bare, read_tokens, written_out
from or1_verify.latex.residues import has_modulus
from or1_verify.latex.signs import with_tied_signs
from or1_verify.latex.split import inside_brackets, marks_between, split
from or1_verify.latex.tokens import Token, UnreadableError, tokenize
from or1_verify.latex.tree import (
    IMAGINARY,
    PI,
    Call,
    E,
    Matrix,
    Node,
    Number,
    Quotient,
    Symbol,
    variables,
    walk,
)

_EQUALITIES = frozenset({"=", "\\sim"})
_RELATIONS = _EQUALITIES | {"<", ">", "<=", ">=", "!=", "\\in", "\\approx", "\\equiv"}
_BETWEEN = re.compile(r"[,;]|\\(?:[Ll]ong)?(?:left)?[Rr]ightarrow|\\implies|\\iff|\\to")
"""Between two elements of a list, or two steps."""
_NAMED = re.compile(r"\s*[A-DF-Za-df-hj-z]\s*=[^=]*")
"""One equality with a letter that is no constant: there is nothing to compare."""
_FEWEST_OF_STEPS = 2
"""Sides of an equation; with more, those with the same variables are steps [sides]."""
_MOST_MEMBERS = 12
"""Most members of a chain that are compared [members]."""
_BY_ANGLE = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan"})
_ROUGH = Fraction(1, 100)
"""Largest relative error of an expression of rounded decimals [dimensionless]."""


def chains_hold(text: str, identity: Identity) -> bool:
    r"""Whether the members of each chain in an answer are equal, as far as they can be compared.

    Raises:
        NeedsNumbersError: from an exact identity.
    """
    return any(
        all(
            _agree(left, right, identity)
            for chain in chains_of(reading)
            for left, right in combinations(chain[:_MOST_MEMBERS], 2)
        )
        for reading in with_tied_signs(text)
    )


def without_rounding(text: str) -> str | None:
    r"""`\frac23 = 0.667` with an approximation sign before its decimal; None for other texts.

    >>> without_rounding(r"x=\frac23=0.667"), without_rounding("x=0.667")
    ('x=\\frac23\\approx 0.667', None)
    """
    before, _, last = text.rpartition("=")
    match chains_of(text) if "." in last else []:
        case [[*_, Value(literal=None), Value(literal=Fraction())]]:
            return f"{before}\\approx {last}"
    return None


def chains_of(text: str) -> list[list[Form]]:
    r"""The members of the equalities in an answer, of each element; without those that say nothing.

    >>> [len(chain) for chain in chains_of(r"A=\pi r^2=9\pi, \frac12=0.5")]
    [2, 2]
    """
    is_open = "=" in text and _NAMED.fullmatch(text) is None
    if not (is_open or "sim" in text) or has_modulus(text):
        return []
    try:
        return list(_chains(tokenize(written_out(with_plain_numbers(bare(text))))))
    except (UnreadableError, RecursionError):
        return []


def _chains(tokens: list[Token]) -> Iterator[list[Form]]:
    inner = inside_brackets(tokens, "{", "\\{", "(", "[")
    if inner is not None:
        yield from _chains(inner)
        return
    items = split(tokens, frozenset(token.text for token in tokens if _BETWEEN.fullmatch(token.text)))
    if len(items) > 1:
        for item in items:
            yield from _chains(item)
        return
    signs = marks_between(tokens, _RELATIONS)
    if "\\approx" in signs:
        signs = signs[: signs.index("\\approx")]
    if signs and set(signs) <= _EQUALITIES:
        sides = split(tokens, _RELATIONS)[: len(signs) + 1]
        member = partial(_member, with_variables=len(sides) > _FEWEST_OF_STEPS)
        found = zip(["=", *signs], map(member, sides), strict=True)
        yield [_rounded(each) if sign == "\\sim" else each for sign, each in found if each is not None]


def _member(side: list[Token], *, with_variables: bool) -> Form | None:
    """A constant, or several, or an expression `with_variables`; None for a side that says nothing."""
    texts = [token.text for token in side]
    is_named = len(side) > 1 and side[0].kind == "letter" and texts[1] == "("  # `P(4, 4)`
    if is_named or texts.count("%") > 1:
        return None
    try:
        form = read_tokens(side)
    except (UnreadableError, RecursionError):
        return None
    if with_variables and isinstance(form, Value) and _is_step(form.node):
        return form
    parts = form.items if isinstance(form, Many) else form.parts if isinstance(form, Ratio) else (form,)
    return form if all(isinstance(part, Value) and _is_constant(part.node) for part in parts) else None


def _is_step(node: Node) -> bool:
    """Whether a side is an expression with variables, and neither a name nor an unknown function."""
    is_named = isinstance(node, Symbol) or any(isinstance(part, Call) for part in walk(node))
    return bool(variables(node)) and not is_named and not is_infinite(node)


def _is_constant(node: Node) -> bool:
    r"""Whether a value is a number with one meaning: `\sin 30` may be in degrees."""
    if variables(node) or is_infinite(node):
        return False
    calls = [part for part in walk(node) if isinstance(part, Call)]
    return not any(
        call.name in {"f", "g"}
        or call.name.endswith("_")
        or (call.name in _BY_ANGLE and PI not in walk(call.arguments[0]))
        for call in calls
    )


def _rounded(form: Form) -> Form:
    r"""A whole number after `\sim` is rounded."""
    match form:
        case Value(Number(value, False)) if value.denominator == 1:
            return replace(form, literal=value)
    return form


def _agree(left: Form, right: Form, identity: Identity) -> bool:
    match left, right:
        case Value(one), Value(other) if variables(one) or variables(other):
            return (
                variables(one) != variables(other)
                or bool(left.unit or right.unit)
                or identity.equal(one, other)
            )
        case Value(), Value():
            return _same_value(left, right, identity)
        case (Ratio(parts), Ratio(others)):
            return len(parts) == len(others) and all(
                _agree(_quotient(part, parts[0]), _quotient(other, others[0]), identity)
                for part, other in zip(parts, others, strict=True)
            )
        case (Many(Order.TUPLE, items), Many(Order.TUPLE, others)):
            return len(items) == len(others) and all(
                _agree(item, other, identity) for item, other in zip(items, others, strict=True)
            )
    return True


def _quotient(part: Form, first: Form) -> Form:
    match part, first:
        case Value(above), Value(below):
            return Value(Quotient(above, below))
    return part


def _same_value(left: Value, right: Value, identity: Identity) -> bool:
    factor = unit_factor(left, right) if left.unit and right.unit else Fraction(1)
    if factor is None or (left.unit and not right.unit) or _constants(left) != _constants(right):
        return True  # `90 minutes = 1.5`; `e = \frac12` names an eccentricity
    have_one_sign = left.is_percent == right.is_percent and (left.radians is None) == (right.radians is None)
    pairs = list(product(_readings(left), _readings(right)))[: 1 if have_one_sign else None]
    try:
        if isinstance(left.node, Matrix) and isinstance(right.node, Matrix):
            return _same_entries(left.node, right.node, identity)
        return any(
            _is_near((left, node), (right, other if factor == 1 else times(other, Number(factor))), identity)
            for node, other in pairs
        )
    except (NotExactError, TooLargeError, UndefinedError):
        return True


def _same_entries(left: Matrix, right: Matrix, identity: Identity) -> bool:
    if [*map(len, left.rows)] != [*map(len, right.rows)]:
        return False
    rows = zip(left.rows, right.rows, strict=True)
    return all(identity.equal(*pair) for row in rows for pair in zip(*row, strict=True))


def _constants(value: Value) -> list[bool]:
    nodes = set(walk(value.node))
    return [E in nodes, IMAGINARY in nodes]


def _readings(value: Value) -> list[Node]:
    """The node of a value, and what its percent or degree sign makes of it."""
    percent = [Quotient(value.node, Number(Fraction(100)))] if value.is_percent else []
    return [value.node, *percent, *([value.radians] if value.radians is not None else [])]


def _is_near(left: tuple[Value, Node], right: tuple[Value, Node], identity: Identity) -> bool:
    """Whether two numbers are equal, or one is a decimal that the other rounds to."""
    is_exact = left[0].literal is right[0].literal is None
    if is_exact and not _has_decimals(left[1]) and not _has_decimals(right[1]):
        return identity.equal(left[1], right[1])
    number, other = identity.value(left[1]), identity.value(right[1])
    return _states(left[0], number, other) or _states(right[0], other, number)


def _states(value: Value, number: Fraction, other: Fraction) -> bool:
    """Whether a decimal may be written for the other number, rounded or truncated."""
    excess = (other - number) * (1 if number >= 0 else -1)
    if value.literal is None:
        return abs(excess) <= (abs(number) * _ROUGH if _has_decimals(value.node) else 0)
    ulp = Fraction(10) ** -value.num_places * (abs(number / value.literal) if value.literal else 1)
    return abs(excess) <= ulp / 2 or (value.num_digits > 1 and 0 <= excess < ulp)


def _has_decimals(node: Node) -> bool:
    return any(isinstance(part, Number) and part.is_decimal for part in walk(node))
