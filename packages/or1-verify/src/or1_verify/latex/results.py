"""Whether an expression is a result in the form that a question asks for: evaluated, factored, expanded."""

from __future__ import annotations

import re
from fractions import Fraction
from math import gcd, isqrt

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.identity import ExactIdentity, NeedsNumbersError
from or1_verify.latex.shapes import shape_of
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
    variables,
    walk,
)

_FACTOR = re.compile(r"(?:^|[.?!,:]\s+|\b(?:completely|to|fully|please|then)\s+)factor(?:i[sz]e)?\b", re.I)
_EXPAND, _RATIONAL = re.compile(r"\bexpand\b", re.I), re.compile(r"\brationali[sz]e\b", re.I)
_EVALUATE = re.compile(r"\bexact value\b|\b(?:compute|evaluate|calculate|simplify)\b", re.I)
_DECIMAL = re.compile(r"\b(?:as|to|into) (?:an? )?(?:\w+ )?decimal\b", re.I)
_OPERATIONS = frozenset({"gcd", "lcm", "max", "min", "mod", "floor", "ceil", "abs"})
_LOWEST = re.compile(
    r"\b(?:simplify|reduce)\b:?\s*(?:the fraction\b|\$+-?\\[dt]?frac\{\d+\}\{\d+\}\s*\.?\$|\$\d+/\d+\$)"
    r"|\blowest terms\b|\bsimplified fraction\b",
    re.I,
)
_SINGLE_LOGARITHM = re.compile(r"\bcondense\b|\b(?:single|one) logarithm\b", re.I)
_PRIME_FACTORS = re.compile(r"\bprime factori[sz]ation\b|\bproduct of (?:its )?prime", re.I)
_COMPLEX = re.compile(r"a\s*\+\s*(?:bi|ib)\b")
_OF_WHOLE = frozenset({"factorial", "factorial2", "binomial", "gcd", "lcm", "floor", "ceil"})
_LARGEST_FACTORED = 10**8
_EVALUATED = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "ln", "log"})
_EXPRESSIONS = frozenset({"root", "abs", "binomial", "factorial"})
"""Functions that stand in results of computations without other functions."""


def needs_step(question: str, found: Node, wanted: Node) -> bool:
    """Whether an answer with the value of the gold lacks a step that the question names, or that the gold has
    done."""
    if _FACTOR.search(question) and not _is_factored(found, wanted):
        return True
    if _EVALUATE.search(question) and _is_exact_number(wanted) and any(map(_is_to_evaluate, walk(found))):
        return True
    if _has_other_logarithms(question, found, wanted):
        return True
    if isinstance(wanted, Product | Power) and _has_composite(question, found):
        return True
    if _COMPLEX.search(question) and _divides_by_imaginary(found):
        return True
    if question and has_series(found) and not has_series(wanted):
        return True
    if _counts(found) and not _counts(wanted) and any(map(_is_periodic, walk(wanted))):
        return True
    is_open = any(map(_is_operation, walk(found))) or _is_in_other_form(question, found, wanted)
    return is_open and _is_literal(wanted)


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
        case Product((Number(sign), wanted_size)), Product((Number(other), size)) if sign == other == -1:
            return _is_in_other_form(question, size, wanted_size)
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


def is_result(question: str, found: Node, wanted: Node) -> bool:
    """Whether an answer with the value of the expression asked for needs no step more than the gold."""
    if _is_literal(wanted):
        return _is_finished(found)
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


def has_series(node: Node) -> bool:
    return any(isinstance(each, Series) for each in walk(node))


def _counts(node: Node) -> bool:
    """Whether an expression has a function of whole numbers, at which `\\sin \\pi x` is zero."""
    return any(isinstance(part, Call) and part.name in _OF_WHOLE and variables(part) for part in walk(node))


def _is_periodic(node: Node) -> bool:
    is_function = isinstance(node, Call) and (node.name in _EVALUATED or node.name == "abs")
    return is_function and bool(variables(node))


def _is_operation(node: Node) -> bool:
    """Whether numbers are still to be put into a function that picks or rounds them, or to be added up."""
    if isinstance(node, Call) and node.name.startswith("arc"):  # `\arctan(\cot x)` is a remainder
        return any(isinstance(part, Call) and part.name in _EVALUATED for part in walk(node.arguments[0]))
    if isinstance(node, Call) and node.name in {"ln", "log"} and IMAGINARY in walk(node):
        return True
    return isinstance(node, Series) or (isinstance(node, Call) and node.name in _OPERATIONS)


def _has_root_below(node: Node) -> bool:
    for part in walk(node):
        match part:
            case Quotient(_, below) if any(map(_is_root, walk(below))):
                return True
            case Power(_, exponent) if _is_root_below(exponent):
                return True
    return False


def _is_root(node: Node) -> bool:
    match node:
        case Call("root", _):
            return True
        case Power(_, Number(value)):
            return value.denominator > 1
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


def _has_other_logarithms(question: str, found: Node, wanted: Node) -> bool:
    """Whether logarithms are still to be put together, or to be expanded."""
    logarithms = [
        sum(isinstance(part, Call) and part.name in {"ln", "log"} for part in walk(each))
        for each in (found, wanted)
    ]
    if _SINGLE_LOGARITHM.search(question):
        return logarithms[0] > logarithms[1]
    return _EXPAND.search(question) is not None and 0 < logarithms[0] < logarithms[1]


def _has_composite(question: str, found: Node) -> bool:
    """Whether a factor is still to be split where prime factors are wanted."""
    if not _PRIME_FACTORS.search(question):
        return False
    factors = found.factors if isinstance(found, Product) else (found,)
    bases = [each.base if isinstance(each, Power) else each for each in factors]
    return any(isinstance(each, Number) and not _is_prime(each.value) for each in bases)


def _is_prime(value: Fraction) -> bool:
    """Whether a number is prime; a large one counts as prime."""
    size = value.numerator
    is_whole = value.denominator == 1 and size > 1
    return is_whole and (size > _LARGEST_FACTORED or all(size % each for each in range(2, isqrt(size) + 1)))


def _divides_by_imaginary(node: Node) -> bool:
    for part in walk(node):
        match part:
            case Quotient(_, below) | Power(below, Number(Fraction(numerator=-1))) if IMAGINARY in walk(
                below
            ):
                return True
            case Product(parts) if sum(IMAGINARY in walk(each) for each in parts) > 1:
                return True
    return False


def _divides_inside(node: Node) -> bool:
    sums = (part for part in walk(node) if isinstance(part, Sum))
    return any(map(_divides, (part for each in sums for part in walk(each))))


def _divides(node: Node) -> bool:
    match node:
        case Quotient(_, below):
            return bool(variables(below))
        case Power(base, Number(value)):
            return value < 0 and bool(variables(base))
    return False


def _num_factors(node: Node) -> int:
    """Factors with a variable, each as often as its power says."""
    match node:
        case Product(factors):
            return sum(map(_num_factors, factors))
        case Power(_, Number(value)) if value == 0:
            return 0
        case Power(Sum() | Product() as base, Number(value)) if value.denominator == 1 and value > 1:
            return int(value) * _num_factors(base)
        case Power(base, Number(value)) if value < 0:
            return -_num_factors(base)
        case Quotient(above, below):
            return _num_factors(above) - _num_factors(below)
    return int(bool(variables(node)))
