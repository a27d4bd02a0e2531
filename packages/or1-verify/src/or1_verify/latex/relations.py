"""Equations and inequalities: a value with its name, a region of one variable, or an unsolved relation."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from or1_verify.latex.exact import TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Many, Named, Region, Relation, Span, Value, Words
from or1_verify.latex.identity import ExactIdentity, NeedsNumbersError
from or1_verify.latex.names import JOINT, is_name, is_variable, with_short_partials
from or1_verify.latex.parser import parse
from or1_verify.latex.regions import NEGATIVE_INFINITY, union, without
from or1_verify.latex.split import marks_between, split, text_of
from or1_verify.latex.tokens import Token, UnreadableError
from or1_verify.latex.tree import (
    INFINITY,
    Call,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    negated,
    variables,
    walk,
)
from or1_verify.latex.units import measure_of
from or1_verify.latex.words import EXTREMA, MONEY, takes_back

_SIGNS = frozenset({"=", "<", ">", "<=", ">=", "!=", "\\in", "\\approx", "\\equiv", "\\sim"})
_LETTERS = re.compile(r"[A-Z]{2,3}")
"""A product of capital letters, which may name a segment instead: `PV = nRT`."""
_CALCULATIONS = frozenset({"\\int", "\\iint", "\\iiint", "\\oint", "\\lim", "\\limsup", "\\liminf"})
"""Commands at the start of a left side that is not read: a constant right side is its value."""
_LONGEST_CHAIN = 12
"""Most sides of a chain of inequalities: each is tried as the one in the middle [sides]."""
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_LABELS = frozenset(
    {"answer", "result", "parity", "type", "day", "month", "name", "shape", "choice", "solution"}
)
"""Words for which another word may be the value."""


def read_relation(tokens: list[Token], read: Callable[[list[Token]], Form]) -> Form:
    """Read tokens with relation signs between them; `read` reads a side without any."""
    sides, signs = split(tokens, _SIGNS), marks_between(tokens, _SIGNS)
    sides, signs = _until_approximation(sides, signs)
    if takes_back(" ".join(map(_words_of, sides[:-1]))):
        raise UnreadableError("words that take the value back")
    if not signs:
        return read(sides[0])
    if any(not side for side in sides):
        raise UnreadableError("a side of the relation is missing")
    if any(map(_has_words_inside, sides)):
        raise UnreadableError("words between two values")
    if "\\in" in signs:
        if len(sides) != 2:
            raise UnreadableError("a chain of memberships")
        return Named(_shown(sides[0]), read(sides[1]), is_membership=True)
    if set(signs) <= {"=", "\\equiv"}:
        return _equation(sides, read)
    return _inequality(sides, signs)


def _has_words_inside(side: list[Token]) -> bool:
    """Whether words that are no unit stand between two values: `4 since x` in `x = 4 since x = 3`."""
    triples = zip(side, side[1:], side[2:], strict=False)
    inner = [
        each for first, each, last in triples if first.kind != "text" and last.kind not in {"text", "mark"}
    ]
    return any(each.kind == "text" and not measure_of(each.text) and each.text not in MONEY for each in inner)


def _until_approximation(sides: list[list[Token]], signs: list[str]) -> tuple[list[list[Token]], list[str]]:
    marks = {"\\approx", "\\sim"}
    if signs[0] == "\\sim" and not sides[0] and sides[1][:1] and sides[1][0].kind != "number":
        raise UnreadableError("a negation")
    if signs[0] in marks and not sides[0]:
        sides, signs = sides[1:], signs[1:]
        if not signs:
            return sides, signs
    if signs[0] in marks and len(signs) == 1 and name_of(sides[0]) is not None:
        return sides, ["="]
    cut = next((number for number, sign in enumerate(signs) if sign in marks), len(signs))
    return sides[: cut + 1], signs[:cut]


def name_of(tokens: list[Token]) -> str | None:
    """The name that the tokens spell; None if they are more than a name."""
    if all(token.kind == "text" or (token.text == ":" and len(tokens) > 1) for token in tokens):
        return " ".join(token.text.lower() for token in tokens).replace(" : ", ":")
    shown = _shown(tokens)
    return shown if is_name(shown) else None


def _shown(tokens: list[Token]) -> str:
    return with_short_partials(re.sub(r"_\{(\w)\}", r"_\1", text_of(tokens)))


def _equation(sides: list[list[Token]], read: Callable[[list[Token]], Form]) -> Form:
    first, last = name_of(sides[0]), name_of(sides[-1])
    words = {*_words_of(sides[0]).lower().split()}
    if (
        len(words) == 1
        and not words <= _LABELS
        and all(token.kind == "text" for token in [*sides[0], *sides[-1]])
    ):
        raise UnreadableError("one word is another")
    if first is not None:
        names = [name_of(side) or "" for side in sides[:-1]]
        is_joint = all(map(is_variable, names)) or all(map(is_product, names))
        return Named(JOINT.join(names) if is_joint else first, read(sides[-1]))
    if len(sides) > 2:
        return read(sides[-1])
    if any(side[0].kind == "text" or side[-1].kind == "text" for side in sides):
        form, label = read(sides[-1]), label_of(sides[0])
        return Named(label, form) if label and isinstance(form, Value) else form
    if sides[0][0].text in _CALCULATIONS and _is_constant(parse(sides[-1])):
        return Named(_shown(sides[0]), read(sides[-1]))
    nodes = [parse(side) for side in sides]
    if _is_identity(*nodes):
        return read(sides[-1])
    if last is not None and not variables(nodes[0]):
        return Named(last, read(sides[0]))
    if not variables(nodes[0]) and not variables(nodes[1]):
        return read(sides[-1])
    return Relation(("=",), tuple(nodes))


def label_of(side: list[Token]) -> str:
    r"""The kind of an extremum in words before a name: `\text{maximum at } x = 2`; empty for other words."""
    words = set(re.findall("[a-z]+", _words_of(side).lower()))
    found = {kind for kind, names in EXTREMA.items() if names & words}
    return found.pop() if len(found) == 1 else ""


def _words_of(side: list[Token]) -> str:
    return " ".join(token.text for token in side if token.kind == "text")


def _is_identity(left: Node, right: Node) -> bool:
    """Whether a simplification is shown, `10k/2 = 5k`: its result is the answer."""
    if isinstance(left, Symbol) or not variables(left):
        return False
    try:
        return ExactIdentity().equal(left, right)
    except (NeedsNumbersError, UndefinedError, TooLargeError):
        return False


def _inequality(sides: list[list[Token]], signs: list[str]) -> Form:
    if len(sides) > _LONGEST_CHAIN:
        raise UnreadableError("a long chain of inequalities")
    for number, side in enumerate(sides):
        found = _scaled_name(side)
        others = [parse(other) for place, other in enumerate(sides) if place != number]
        if found is None or not all(map(_is_constant, others)):
            continue
        name, factor = found
        if name.startswith("|") and signs == ["!="]:
            return Named(
                name[1:-1], union([without(others[0]), without(negated(others[0]))], are_conditions=True)
            )
        region = _region_of(number, signs, others, factor)
        if region is not None:
            return _without_bars(name, region)
    if any(sign not in _TURNED for sign in signs):
        raise UnreadableError("a chain with several kinds of signs")
    return _turned(signs, [parse(side) for side in sides])


def _without_bars(name: str, region: Form) -> Form:
    """`1 < |x| < 3` as a region of x; bounds are assumed to be positive."""
    if not (name.startswith("|") and is_variable(name[1:-1]) and isinstance(region, Region)):
        return Named(name, region)
    (span,) = region.spans if len(region.spans) == 1 else (None,)
    if span is None:
        return Named(name, region)
    if span.low == NEGATIVE_INFINITY:
        return Named(name[1:-1], Region((Span(negated(span.high), span.high, span.has_high, span.has_high),)))
    low = NEGATIVE_INFINITY if span.high == INFINITY else negated(span.high)
    mirrored = Span(low, negated(span.low), span.has_high, span.has_low)
    return Named(name[1:-1], Region((mirrored, span)))


def _is_constant(node: Node) -> bool:
    return not variables(node) and not any(
        isinstance(part, Call) and part.name in {"f", "g"} for part in walk(node)
    )


def _turned(signs: list[str], nodes: list[Node]) -> Form:
    """Written with the smaller side first."""
    if all(sign in {">", ">=", "="} for sign in signs) and set(signs) != {"="}:
        return Relation(tuple(_TURNED[sign] for sign in reversed(signs)), tuple(reversed(nodes)))
    return Relation(tuple(signs), tuple(nodes))


def _scaled_name(side: list[Token]) -> tuple[str, Fraction] | None:
    """`x`, `f(x)` or `-2x`: a name and its factor. `2x - 1` is not solved for x: None."""
    name = name_of(side)
    if name is not None:
        return name, Fraction(1)
    try:
        node = parse(side)
    except UnreadableError:
        return None
    match node:
        case Product((Number(factor), Symbol(name))) if factor:
            return name, factor
        case Product((Number(sign), Product((Number(factor), Symbol(name))))) if factor:
            return name, sign * factor
    return None


def _region_of(place: int, signs: list[str], others: list[Node], factor: Fraction) -> Form | None:
    """The values of the name at `place` of a chain of at most three sides."""
    bounds = [other if factor == 1 else Quotient(other, Number(factor)) for other in others]
    if len(signs) == 1:
        sign = signs[0] if place == 0 else _TURNED.get(signs[0], signs[0])
        return _half_line(sign if factor > 0 else _TURNED.get(sign, sign), bounds[0])
    if len(signs) != 2 or place != 1:
        return None
    low, high = bounds
    left, right = signs
    if {left, right} <= {">", ">="}:
        low, high, left, right = high, low, _TURNED[right], _TURNED[left]
    if not {left, right} <= {"<", "<="}:
        return None
    if factor < 0:
        low, high, left, right = high, low, right, left
    return Region((Span(low, high, left == "<=", right == "<="),))


def _half_line(sign: str, bound: Node) -> Form | None:
    match sign:
        case ">" | ">=":
            return Region((Span(bound, INFINITY, sign == ">=", False),))
        case "<" | "<=":
            return Region((Span(NEGATIVE_INFINITY, bound, False, sign == "<="),))
        case "!=":
            return without(bound)
    return None


def equations_of(gold: Form, answer: Form) -> tuple[Relation, Relation] | None:
    """Both as equations; None if one is none, or if a product of letters is a name and the variables differ:
    `AB = 2x` and `AC = 2x` are segments."""
    left, right = equation_of(gold), equation_of(answer)
    if left is None or right is None:
        return None
    has_product = any(isinstance(each, Named) and is_product(each.name) for each in (gold, answer))
    return None if has_product and _variables(left) != _variables(right) else (left, right)


def equation_of(form: Form) -> Relation | None:
    """`y = 2x` as an equation, where its name is a variable or a product of letters."""
    match form:
        case Relation(("=",), _):
            return form
        case Named(name, Value(node)) if is_variable(name):
            return Relation(("=",), (Symbol(name.removeprefix("\\")), node))
        case Named(name, Value(node)) if is_product(name) and variables(node):
            return Relation(("=",), (Product(tuple(map(Symbol, name))), node))
    return None


def squared(form: Form) -> Form:
    r"""`y = \pm\sqrt{x}` as `y^2 = x`; other forms as they are."""
    match form:
        case Many(_, (Named(name, Value(node)), Named(other, Value(Product((Number(sign), opposite)))))):
            if name == other and is_variable(name) and sign == -1 and node == opposite and variables(node):
                two = Number(Fraction(2))
                return Relation(("=",), (Power(Symbol(name.removeprefix("\\")), two), Power(node, two)))
    return form


def _variables(relation: Relation) -> frozenset[str]:
    return frozenset[str]().union(*map(variables, relation.sides))


def same_names_alone(gold: Named, answer: Named) -> bool:
    """Whether both say that the same names are equal, without a value: `a = b = c`."""
    return JOINT in gold.name and _all_names(gold) == _all_names(answer) != frozenset()


def _all_names(named: Named) -> frozenset[str]:
    match named.form:
        case Value(Symbol(last), unit="") | Words(last):
            return frozenset({*named.name.split(JOINT), last})
    return frozenset()


def is_product(name: str) -> bool:
    """Whether a name may be a product of capital letters."""
    return _LETTERS.fullmatch(name) is not None


def is_solved_for(gold: Named, answer: Named) -> bool:
    """Whether an answer solves a formula of products for one letter: `P = nRT/V` for `PV = nRT`. Other names
    beside a product of letters are names of a segment."""
    match gold.form, answer.form:
        case Value(given), Value(solved) if is_product(gold.name) and variables(given):
            return is_variable(answer.name) and bool({answer.name, *variables(solved)} & set(gold.name))
    return False


def are_products(gold: Named, answer: Named) -> bool:
    """`Q = CV` and `Q = VC`: capital letters after the name of a quantity are factors."""
    match gold, answer:
        case Named(name, Words(left)), Named(other, Words(right)) if name == other and is_variable(name):
            return is_product(left) and sorted(left) == sorted(right)
    return False


def difference(relation: Relation) -> Node:
    left, right = relation.sides
    return Sum((left, negated(right)))
