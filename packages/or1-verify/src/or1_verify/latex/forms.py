"""The forms of an answer: the structure around its expressions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from or1_verify.latex.tree import Node


@dataclass(frozen=True, slots=True)
class Value:
    """One expression, with its unit, percent sign or degree sign."""

    node: Node
    unit: str = ""
    """The words after the value; units in full."""
    is_percent: bool = False
    radians: Node | None = None
    """The value in radians, if it has a degree sign: `node` is the number of degrees."""
    literal: Fraction | None = None
    """The value, if it is a single number with a decimal point or exponent, which may be rounded."""
    num_digits: int = 0
    """Significant digits of the literal."""
    num_places: int = 0
    """Digits of the literal after the point, minus its power of ten."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words, a choice letter, or a constant such as `no solution`."""

    text: str


@dataclass(frozen=True, slots=True)
class Based:
    """A number in another base: `204_5`."""

    digits: str
    base: str


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time of day, without a leading zero."""

    time: str
    half: str
    """`a` (am), `p` (pm), or empty if not written."""

    def is_same(self, other: TimeOfDay) -> bool:
        """Whether two times are one; a time without am or pm may be of either clock.

        >>> [TimeOfDay("4:30", half).is_same(TimeOfDay("16:30", "")) for half in ("p", "a", "")]
        [True, False, False]
        """
        if bool(self.half) == bool(other.half):
            return self == other
        marked, plain = (self, other) if self.half else (other, self)
        hour, _, rest = marked.time.partition(":")
        return plain.time in {marked.time, f"{int(hour) % 12 + 12 * (marked.half == 'p')}:{rest}"}


@dataclass(frozen=True, slots=True)
class Ratio:
    """`1:2`, `1:2:3`."""

    parts: tuple[Form, ...]


class Order(StrEnum):
    LIST = "list"
    """Commas alone: the order does not matter, repetition does."""
    TUPLE = "tuple"
    """Parentheses: the order matters."""
    SET = "set"
    """Braces: neither order nor repetition matters."""


@dataclass(frozen=True, slots=True)
class Many:
    """A list, tuple or set."""

    order: Order
    items: tuple[Form, ...]
    is_any: bool = False
    """Joined by "or"."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval; an infinite end is the symbol `infinity`, or its negative. Two equal closed ends are a
    point.
    """

    low: Node
    high: Node
    has_low: bool
    has_high: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A union of intervals, in the order written."""

    spans: tuple[Span, ...]
    conditions: tuple[int, ...] = ()
    """In a list of conditions on one variable: number of spans of each. All hold together, if they can."""
    must_hold: bool = False
    """Conditions that cannot hold together are no numbers, and not a list of alternatives."""


@dataclass(frozen=True, slots=True)
class Named:
    """`x = 5`, `f(x) = x + 1`, `x \\in [0, 1)`: a value with its name."""

    name: str
    form: Form
    is_membership: bool = False
    """Written with `\\in`."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Expressions with `=`, `<`, `<=` or `!=` between them; `>` is turned into `<`."""

    signs: tuple[str, ...]
    sides: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Domain:
    r"""`k \in \mathbb{Z}`, `x > 0`, `for all x`, after an answer with that variable."""

    name: str
    kind: str | Region
    """`any`, a name of numbers (`integer`, `natural`, `real`, ...), or the set."""


@dataclass(frozen=True, slots=True)
class Scoped:
    """An answer with the domains of its variables: `f(x) = x^2, x > 0`."""

    form: Form
    domains: tuple[Domain, ...]


@dataclass(frozen=True, slots=True)
class Builder:
    r"""A set by its members: `\\{3k \\mid k \\in \\mathbb{Z}\\}`."""

    member: Form
    domains: tuple[Domain, ...]
    conditions: tuple[Form, ...] = ()
    """Conditions that are no domain of one variable."""


@dataclass(frozen=True, slots=True)
class Cases:
    """A function of one variable by its pieces, the first of which holds."""

    name: str
    """Of the variable; empty if no condition names one."""
    pieces: tuple[tuple[Node, Region | str], ...]
    """Values and where they hold: a set of numbers, words, or "" for the rest."""


@dataclass(frozen=True, slots=True)
class Dots:
    """`\\ldots` as an element: equal only to itself."""


Form = (
    Value
    | Words
    | Based
    | TimeOfDay
    | Ratio
    | Many
    | Region
    | Named
    | Relation
    | Scoped
    | Builder
    | Cases
    | Dots
)
