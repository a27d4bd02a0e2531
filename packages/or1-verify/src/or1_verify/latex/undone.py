r"""Answers that leave undone what the question asks for.

`\cos 72^\circ` has the value that "Compute $\cos 72^\circ$" asks for, and so has every expression that a
question asks to compute, simplify or convert. To repeat it is no answer, in any order and notation, nor are
its first steps; a product that is to be factored has the factors of the gold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd, prod

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Named, Relation, Scoped, Value
from or1_verify.latex.normal import symbols_of
from or1_verify.latex.notations import without_name
from or1_verify.latex.parameters import FORMULA
from or1_verify.latex.reader import read
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import (
    IMAGINARY,
    ONE,
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
    mapped,
    replaced,
    variables,
    walk,
)

_TASK = re.compile(
    r"\b(?:compute|evaluate|calculate|simplify|convert|expand|factor|rationali[sz]e|express|write|rewrite|find"
    r"|determine|what|multiply|add|reduce)[a-z]*\b[^$.?!\\]{0,80}?[.:]?\s*(?:\$[A-Za-z]\$:?\s*)?"
    rf"(?:{FORMULA}|(?<![\d.])(\d+\.\d+)(?= (?:as|to|into)\b))(?!\s*(?:,\s*)?(?:\$|\\\(|or\b|and\b))",
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
_MOST_COPIES, _MOST_NODES = 6, 64
"""Largest power that is the same as a product written out [dimensionless], and largest such product
[nodes]."""
_OPERATIONS = frozenset({"gcd", "lcm", "max", "min", "mod", "floor", "ceil", "abs"})
_SOLVE = re.compile(r"\b(?:solve|find|values? of|what is|determine)\b", re.I)
_CURVE = re.compile(
    r"\b(?:equations? (?:of|for)|lines?|asymptotes?|axis|directrix|planes?|curve|locus|graph)\b", re.I
)
_LOGARITHM = re.compile(r"\\log_(\d)(\d+)$")
r"""`\log_28` is the logarithm of 8, as TeX shows it."""
_SET_TO = re.compile(r"(?<![A-Za-z\\])([A-Za-z])\s*=\s*(-?\d+(?:\.\d+)?)(?![\d/.]|\s*[-+*^])")
_MINUS_ONE = Number(Fraction(-1))
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
    if isinstance(gold, Named) and isinstance(answer, Relation) and _SOLVE.search(question):
        return isinstance(gold.form, Value) and not variables(gold.form.node) and not _CURVE.search(question)
    wanted, found = _node(gold), _node(answer)
    if wanted is None or found is None:
        return False
    if _FACTOR.search(question) and _num_factors(found) < _num_factors(wanted):
        return True
    is_number = _is_literal(wanted)
    if is_number and (any(map(_is_operation, walk(found))) or _is_in_other_form(question, found, wanted)):
        return True
    asked = {_shape(each): each for each in _asked_nodes(question)}
    asked.pop(_shape(wanted), None)
    if _shape(found) in asked or (_has_series(found) and any("dots" in each for each in _formulas(question))):
        return True
    is_done = _is_finished(found) if is_number else _is_result(question, found, wanted)
    return not is_done and any(_has_value(each, gold, same) for each in asked.values())


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
        yield _LOGARITHM.sub(r"\\log_{\1}\2", formula.strip().rstrip(".,;:? "))


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


def _shape(node: Node) -> Node:
    """The node without order and notation: quotients and roots as powers, short powers as products."""
    node = mapped(node, _shape)
    match node:
        case Number(value):
            return Number(value)
        case Quotient(above, below):
            return _shape_of_product((above, Power(below, _MINUS_ONE)))
        case Call("root", (base, Number(degree))) if degree:
            return _root_of(base, 1 / degree)
        case Power(base, Power(Number(value), Number(power))) if value and power == -1:
            return _root_of(base, 1 / value)
        case Power(base, Number(value)) if value in range(2, _MOST_COPIES + 1):
            is_small = sum(1 for _ in walk(base)) * value <= _MOST_NODES
            return _shape_of_product((base,) * int(value)) if is_small else node
        case Product(factors):
            return _shape_of_product(factors)
        case Sum(terms):
            flat = [each for term in terms for each in (term.terms if isinstance(term, Sum) else (term,))]
            return Sum(tuple(sorted(flat, key=repr)))
    return node


def _root_of(base: Node, power: Fraction) -> Node:
    """A root of a root is one root, and numbers below it are one number."""
    match base:
        case Power(inner, Number(other)):
            return Power(inner, Number(power * other))
        case Product(factors):
            numbers = [each.value for each in factors if isinstance(each, Number)]
            rest = [each for each in factors if not isinstance(each, Number)]
            return Power(_shape_of_product((Number(prod(numbers, start=Fraction(1))), *rest)), Number(power))
    return Power(base, Number(power))


def _shape_of_product(factors: Sequence[Node]) -> Node:
    flat = [each for one in factors for each in (one.factors if isinstance(one, Product) else (one,))]
    is_negative = sum(isinstance(each, Number) and each.value < 0 for each in flat) % 2 == 1
    sizes = [Number(abs(each.value)) if isinstance(each, Number) else each for each in flat]
    rest = sorted((each for each in sizes if each != ONE), key=repr)
    parts = [_MINUS_ONE, *rest] if is_negative else rest
    return parts[0] if len(parts) == 1 else Product(tuple(parts)) if parts else ONE


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
    if not any(map(_is_function, walk(wanted))) and any(map(_is_function, walk(found))):
        return False
    if isinstance(wanted, Matrix) and sum(isinstance(each, Matrix) for each in walk(found)) > 1:
        return False
    if _EXPAND.search(question) and isinstance(wanted, Sum) and not isinstance(found, Sum):
        return False
    return not _RATIONAL.search(question) or _has_root_below(wanted) or not _has_root_below(found)


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
    below = [part.below for part in walk(node) if isinstance(part, Quotient)]
    return any(isinstance(each, Call) and each.name == "root" for one in below for each in walk(one))


def _num_factors(node: Node) -> int:
    """Factors with a variable, each as often as its power says."""
    match node:
        case Product(factors):
            return sum(map(_num_factors, factors))
        case Power(Sum() | Product() as base, Number(value)) if value.denominator == 1 and value > 1:
            return int(value) * _num_factors(base)
        case Quotient(above, _):
            return _num_factors(above)
    return int(bool(variables(node)))
