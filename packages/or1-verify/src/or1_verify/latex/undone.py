r"""Answers that leave undone what the question asks for.

`\cos 72^\circ` has the value that "Compute $\cos 72^\circ$" asks for, and so has every expression that a
question asks to compute, simplify or convert. To repeat it is no answer, in any order and notation, nor are
its first steps; a product that is to be factored has the factors of the gold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from math import gcd

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Based, Form, Named, Relation, Scoped, Value
from or1_verify.latex.identity import ExactIdentity, NeedsNumbersError
from or1_verify.latex.normal import symbols_of
from or1_verify.latex.notations import without_name
from or1_verify.latex.parameters import FORMULA, formulas_of
from or1_verify.latex.reader import read
from or1_verify.latex.shapes import shape_of
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import (
    IMAGINARY,
    Call,
    E,
    Matrix,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Series,
    Sum,
    Symbol,
    replaced,
    variables,
    walk,
)

_TASK = re.compile(
    r"\b(?:compute|evaluate|calculate|simplify|convert|expand|factor|rationali[sz]e|express|write|rewrite|find"
    r"|determine|what|multiply|add|reduce|condense|combine|decompose|distribute|put|change)[a-z]*\b"
    r"[^$.?!\\]{0,80}?[.:]?\s*(?:\$[A-Za-z]\$:?\s*)?"
    rf"(?:{FORMULA}|(?<![\d.])(\d+\.\d+)(?= (?:as|to|into)\b))(?!\s*(?:,\s*)?(?:(?:or|and)\s+)?(?:\$|\\\())",
    re.IGNORECASE | re.DOTALL,
)
"""A verb and the one formula that it asks about; of several, as in a list of choices, each may be chosen."""
_FACTOR = re.compile(r"(?:^|[.?!,:]\s+|\b(?:completely|to|fully|please|then)\s+)factor(?:i[sz]e)?\b", re.I)
_EXPAND, _RATIONAL = re.compile(r"\bexpand\b", re.I), re.compile(r"\brationali[sz]e\b", re.I)
_DECIMAL = re.compile(r"\b(?:as|to|into) (?:an? )?(?:\w+ )?decimal\b", re.I)
_LOWEST = re.compile(r"\b(?:simplify|reduce) the fraction\b|\blowest terms\b|\bsimplified fraction\b", re.I)
_GROUPING = frozenset({" ", "{", "}", "(", ")", "[", "]", r"\{", r"\}", r"\cdot", r"\times", "*"})
"""Symbols that an expression may have or not, without another meaning."""
_QUOTIENTS = {"/": r"\frac", r"\div": r"\frac"}
_OPERATIONS = frozenset({"gcd", "lcm", "max", "min", "mod", "floor", "ceil", "abs"})
_SOLVE = re.compile(r"\b(?:solve|find|values? of|what is|determine)\b", re.I)
_CURVE = re.compile(
    r"\b(?:equations? (?:of|for)|lines?|asymptotes?|axis|directrix|planes?|curve|locus|graph)\b", re.I
)
_SOLVED_FOR = re.compile(
    r"\bsolve\b[^.?!]*\bfor\s+\$?\\?[A-Za-z](?![a-z])|\bslope-intercept\b|\bvertex form\b|\bin terms of\b",
    re.I,
)
_CONVERT = re.compile(
    r"\bconvert\b|\bhow many [a-z]+ (?:are|is) (?:there )?(?:in )?\$?\d"
    r"|\b(?:as|into) an? (?:[a-z]+ )?(?:fraction|decimal)\b|\b(?:to|into) (?:degrees|radians)\b",
    re.I,
)
_COMPLEX = re.compile(r"a\s*\+\s*(?:bi|ib)\b")
_SIDES = re.compile(r"=|,|<|>|\\[lg]eq?(?![A-Za-z])")
_SET_TO = re.compile(r"(?<![A-Za-z\\])([A-Za-z])\s*=\s*(-?\d+(?:\.\d+)?)(?![\d/.]|\s*[-+*^])")
_EVALUATED = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "ln", "log"})
_EXPRESSIONS = frozenset({"root", "abs", "binomial", "factorial"})
"""Functions that stand in results of computations without other functions."""


def repeats(question: str, gold: str, answer: str) -> bool:
    r"""Whether the text of an answer is that of the expression that the question asks about, in any order.

    >>> question = r"Find $1 + 2 + \cdots + 9$."
    >>> [repeats(question, gold, r"9 + 1 + \cdots + 2") for gold in ("45", r"1+2+\cdots+9")]
    [True, False]
    """
    asked = _asked(question)
    given = _signs(without_name(answer)) if asked else Counter[str]()
    return given in asked and given != _signs(without_name(gold))


def after_asked(question: str, answer: str) -> str | None:
    r"""What stands after the last equality of an answer that begins with the expression asked for.

    >>> after_asked("What is $P(2) + P(-2)$?", "P(2)+P(-2) = 6k + 8k = 14k")
    ' 14k'
    """
    asked = _asked(question) if "=" in answer else ()
    return answer.rpartition("=")[2] if asked and _signs(answer.partition("=")[0]) in asked else None


def is_undone(question: str, gold: Form, answer: Form, same: Callable[[Form, Form], bool]) -> bool:
    """Whether an answer with the value of the gold is a form of the question's expression, or needs a step
    more that the gold does not need.

    Args:
        question: its text.
        gold: of the problem.
        answer: equal to the gold.
        same: compares two forms.
    """
    if isinstance(answer, Relation | Named) and _is_unsolved(question, gold, answer):
        return True
    wanted, found = _node(gold), _node(answer)
    if wanted is None or found is None:
        is_based = isinstance(answer, Based) and wanted is not None and answer.base != "10"
        return is_based and _CONVERT.search(question) is not None
    if _CONVERT.search(question) and not _has_value(found, Value(wanted), same):
        return True  # as it stands in the question, with its unit
    if _FACTOR.search(question) and not _is_factored(found, wanted):
        return True
    if question and _is_exact_number(wanted) and any(map(_is_to_evaluate, walk(found))):
        return True
    if _COMPLEX.search(question) and _divides_by_imaginary(found):
        return True
    if question and _has_series(found) and not _has_series(wanted):
        return True
    is_number = _is_literal(wanted)
    if is_number and (any(map(_is_operation, walk(found))) or _is_in_other_form(question, found, wanted)):
        return True
    asked = {shape_of(each): each for each in _asked_nodes(question)}
    asked.pop(shape_of(wanted), None)
    if shape_of(found) in asked or (
        _has_series(found) and any("dots" in each for each in _formulas(question))
    ):
        return True
    is_done = _is_finished(found) if is_number else _is_result(question, found, wanted)
    return not is_done and any(_has_value(each, gold, same) for each in asked.values())


def _is_unsolved(question: str, gold: Form, answer: Relation | Named) -> bool:
    """Whether an equation stands for the value of one name, or names another expression than the question."""
    node = _node(gold)
    if node is None:
        return False
    if not isinstance(gold, Named):
        return not variables(node) and _is_of_other(question, answer)
    if _SOLVED_FOR.search(question):
        name = gold.name.removeprefix("\\")
        solved = answer.sides if isinstance(answer, Relation) else (Symbol(answer.name.removeprefix("\\")),)
        is_open = isinstance(answer, Relation) or name in _variables_of(answer)
        return is_open and Symbol(name) not in solved
    if isinstance(answer, Named) or variables(node) or _CURVE.search(question):
        return False
    return _SOLVE.search(question) is not None


def _variables_of(form: Form) -> frozenset[str]:
    node = _node(form)
    return frozenset() if node is None else variables(node)


def _is_of_other(question: str, answer: Relation | Named) -> bool:
    r"""Whether an answer gives the value of an expression that the question does not have, which asks for
    another one: `x-y=5` where `x+y` is wanted."""
    if isinstance(answer, Named) and answer.name.startswith("\\sigma^"):
        return "variance" not in question.lower()
    is_fraction = isinstance(answer, Named) and answer.name.startswith("\\frac")
    if not _asked_nodes(question) or not (is_fraction or isinstance(answer, Relation)):
        return False
    named = (
        _shapes(answer.name)
        if isinstance(answer, Named)
        else {shape_of(side) for side in answer.sides if variables(side)}
    )
    return named.isdisjoint(_all_shapes(question))


@lru_cache(maxsize=64)
def _all_shapes(question: str) -> frozenset[Node]:
    """The shapes of the expressions of a question, and of the sides of its equations."""
    return frozenset().union(*map(_shapes, formulas_of(question)))


def _shapes(formula: str) -> frozenset[Node]:
    found = set[Node]()
    for side in _SIDES.split(formula):
        with suppress(UnreadableError, RecursionError):
            node = _node(read(side))
            found |= set() if node is None else {shape_of(node)}
    return frozenset(found)


def _has_value(asked: Node, gold: Form, same: Callable[[Form, Form], bool]) -> bool:
    try:
        return same(Value(asked), gold)
    except (NotExactError, TooLargeError, UndefinedError):
        return False


@lru_cache(maxsize=64)
def _asked(question: str) -> tuple[Counter[str], ...]:
    """The signs of each formula that the question asks about; a number or letter alone is none."""
    found = map(_signs, _formulas(question))
    return tuple(signs for signs in found if signs.total() > 1 and not all(map(str.isdigit, signs)))


@lru_cache(maxsize=64)
def _asked_nodes(question: str) -> tuple[Node, ...]:
    """The expressions that the question asks about, as far as they can be read, with the values of letters
    that it names."""
    values = {name: Number(Fraction(value)) for name, value in _SET_TO.findall(question)}
    found = []
    for formula in _formulas(question):
        try:
            node = _node(read(formula))
        except (UnreadableError, RecursionError):
            continue
        if node is not None and not isinstance(node, Symbol):
            for name in variables(node) & values.keys():
                node = replaced(node, Symbol(name), values[name])
            found.append(node)
    return tuple(found)


def _formulas(question: str) -> Iterator[str]:
    for found in _TASK.finditer(question):
        formula = "".join(filter(None, found.groups())).replace("\\displaystyle", "")
        yield formula.strip().rstrip(".,;:? ")


def _signs(text: str) -> Counter[str]:
    """How often a text has each symbol, and each digit of its numbers."""
    found = [_QUOTIENTS.get(each, each) for each in symbols_of(text) if each not in _GROUPING]
    return Counter(
        sign for each in found for sign in (each.replace(",", "") if each[-1].isdigit() else [each])
    )


def _node(form: Form) -> Node | None:
    match form:
        case Named(_, inner) | Scoped(inner):
            return _node(inner)
        case Value(node):
            return node
    return None


def _is_literal(node: Node) -> bool:
    """Whether a gold is a number: whole, decimal, a fraction or a mixed number."""
    match node:
        case Number() | Quotient(Number(), Number()) | Sum((Number(), Quotient(Number(), Number()))):
            return True
        case Product((Number(value), other)):
            return value == -1 and _is_literal(other)
    return False


def _is_finished(node: Node) -> bool:
    """Whether a number is a result: a literal, a product of powers of different numbers, a fraction of these,
    or a power and a number, as `2^{10} - 1`."""
    match node:
        case Sum((Power(Number(), Number()), Number())):
            return True
        case Sum():
            return _is_literal(node)
        case Quotient(above, below):
            return _is_monomial(above) and _is_monomial(below)
        case Product((Number(value), other)) if value == -1:
            return _is_finished(other)
    return _is_monomial(node)


def _is_in_other_form(question: str, found: Node, wanted: Node) -> bool:
    """Whether a number is a fraction where a decimal is wanted, or a fraction that can be reduced."""
    match wanted, found:
        case Number(), Quotient() | Sum():
            return _DECIMAL.search(question) is not None
        case Quotient(Number(), Number()), Quotient(Number(above), Number(below)):
            is_whole = above.denominator == below.denominator == 1
            return is_whole and gcd(int(above), int(below)) > 1 and _LOWEST.search(question) is not None
    return False


def _is_monomial(node: Node) -> bool:
    factors = node.factors if isinstance(node, Product) else (node,)
    bases = []
    for factor in factors:
        match factor:
            case Number(value):
                bases.append(value)
            case Power(Number(value), Number(exponent)) if exponent.denominator == 1:
                bases.append(value)
            case _:
                return False
    return len(set(bases)) == len(bases)


def _is_result(question: str, found: Node, wanted: Node) -> bool:
    """Whether an expression needs no step more than the gold."""
    if not _has_function(wanted) and _has_function(found):
        return False
    if isinstance(wanted, Matrix) and sum(isinstance(each, Matrix) for each in walk(found)) > 1:
        return False
    if _EXPAND.search(question) and _is_expanded(shape_of(wanted)) and not _is_expanded(shape_of(found)):
        return False
    return not _RATIONAL.search(question) or _has_root_below(wanted) or not _has_root_below(found)


def _has_function(node: Node) -> bool:
    return any(map(_is_function, walk(node)))


def _is_exact_number(node: Node) -> bool:
    """Whether a gold is a number without a function, and without a decimal point: it is no rounded value."""
    is_rounded = any(isinstance(part, Number) and part.is_decimal for part in walk(node))
    return not (is_rounded or variables(node) or _has_function(node))


def _is_to_evaluate(node: Node) -> bool:
    return isinstance(node, Call) and node.name in _EVALUATED


def _is_function(node: Node) -> bool:
    match node:
        case Call(name):
            return name not in _EXPRESSIONS
        case Power(base, exponent):
            return base == E and IMAGINARY in walk(exponent)
    return isinstance(node, Series)


def _has_series(node: Node) -> bool:
    return any(isinstance(each, Series) for each in walk(node))


def _is_operation(node: Node) -> bool:
    """Whether numbers are still to be put into a function that picks or rounds them, or to be added up."""
    return isinstance(node, Series) or (isinstance(node, Call) and node.name in _OPERATIONS)


def _has_root_below(node: Node) -> bool:
    for part in walk(node):
        match part:
            case Quotient(_, below) if any(
                isinstance(each, Call) and each.name == "root" for each in walk(below)
            ):
                return True
            case Power(_, exponent) if _is_root_below(exponent):
                return True
    return False


def _is_root_below(exponent: Node) -> bool:
    try:
        value = ExactIdentity().value(exponent)
    except (NeedsNumbersError, NotExactError, UndefinedError, TooLargeError):
        return False
    return value < 0 and value.denominator > 1


def _is_expanded(shape: Node) -> bool:
    """Whether an expression is a sum without sums in its products."""
    terms = shape.terms if isinstance(shape, Sum) else ()
    return bool(terms) and not any(isinstance(part, Sum) for term in terms for part in walk(term))


def _is_factored(found: Node, wanted: Node) -> bool:
    """Whether an answer has as many factors as the gold and, like it, divides by no variable in a factor."""
    if _num_factors(found) < _num_factors(wanted):
        return False
    return not _divides_inside(found) or _divides_inside(wanted)


def _divides_by_imaginary(node: Node) -> bool:
    return any(isinstance(part, Quotient) and IMAGINARY in walk(part.below) for part in walk(node))


def _divides_inside(node: Node) -> bool:
    sums = (part for part in walk(node) if isinstance(part, Sum))
    return any(isinstance(part, Quotient) and variables(part.below) for each in sums for part in walk(each))


def _num_factors(node: Node) -> int:
    """Factors with a variable, each as often as its power says."""
    match node:
        case Product(factors):
            return sum(map(_num_factors, factors))
        case Power(_, Number(value)) if value == 0:
            return 0
        case Power(Sum() | Product() as base, Number(value)) if value.denominator == 1 and value > 1:
            return int(value) * _num_factors(base)
        case Quotient(above, _):
            return _num_factors(above)
    return int(bool(variables(node)))
