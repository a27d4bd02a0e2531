"""Expression trees, built by the parser and walked by the evaluators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction
    is_decimal: bool = False
    """Written with a decimal point or exponent: it may be rounded."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, or one of the constants `pi`, `e`, `i`, `infinity`."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Product:
    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    above: Node
    below: Node


@dataclass(frozen=True, slots=True)
class Power:
    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `numeric.FUNCTIONS`, one that is only a letter (`f`), or a sequence (`a_`)."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A sum or product over an index."""

    kind: str
    """`sum` or `prod`."""
    index: str
    first: Node
    last: Node
    body: Node


Node = Number | Symbol | Sum | Product | Quotient | Power | Call | Matrix | Series

ZERO, ONE = Number(Fraction(0)), Number(Fraction(1))
PI, E, IMAGINARY, INFINITY = Symbol("pi"), Symbol("e"), Symbol("i"), Symbol("infinity")
ENDLESS = Symbol("endless")
"""The last index of an infinite series."""
DEGREE = Quotient(PI, Number(Fraction(180)))
CONSTANTS = frozenset({"pi", "e", "i", "infinity", "endless"})


def children(node: Node) -> Iterator[Node]:
    match node:
        case Sum(parts) | Product(parts) | Call(_, parts):
            yield from parts
        case Quotient(a, b) | Power(a, b):
            yield a
            yield b
        case Matrix(rows):
            for row in rows:
                yield from row
        case Series():
            yield from (node.first, node.last, node.body)


def walk(node: Node) -> Iterator[Node]:
    """The node and all its descendants."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        if not isinstance(top, Symbol | Number):
            stack.extend(children(top))


def variables(node: Node) -> frozenset[str]:
    """Names of the free variables."""
    found, bound = set[str](), set[str]()
    for part in walk(node):
        if isinstance(part, Symbol):
            found.add(part.name)
        elif isinstance(part, Series):
            bound.add(part.index)
    return frozenset(found - bound - CONSTANTS)


def negated(node: Node) -> Node:
    if isinstance(node, Number):
        return Number(-node.value, node.is_decimal)
    return Product((Number(Fraction(-1)), node))


def mapped(node: Node, function: Callable[[Node], Node]) -> Node:
    """The node with the function applied to each of its children."""
    match node:
        case Sum(parts):
            return Sum(tuple(map(function, parts)))
        case Product(parts):
            return Product(tuple(map(function, parts)))
        case Call(name, parts):
            return Call(name, tuple(map(function, parts)))
        case Quotient(above, below):
            return Quotient(function(above), function(below))
        case Power(base, exponent):
            return Power(function(base), function(exponent))
        case Matrix(rows):
            return Matrix(tuple(tuple(map(function, row)) for row in rows))
        case Series(kind, index, first, last, body):
            return Series(kind, index, function(first), function(last), function(body))
    return node


def replaced(node: Node, old: Node, new: Node) -> Node:
    """The tree with each `old` replaced by `new`."""
    return new if node == old else mapped(node, lambda part: replaced(part, old, new))


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """The tree with other letters, all at once: two may change places."""
    for old, new in names.items():
        node = replaced(node, Symbol(old), Symbol(f"{new}'"))
    for new in names.values():
        node = replaced(node, Symbol(f"{new}'"), Symbol(new))
    return node
