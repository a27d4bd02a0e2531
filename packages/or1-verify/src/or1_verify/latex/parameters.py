r"""Letters by any name: those that an answer introduces itself, as `m` in `n = 2^m`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import permutations

from or1_verify.latex.forms import Domain, Form, Many, Named, Order, Scoped, Value
from or1_verify.latex.tree import Call, Node, Power, Sum, Symbol, renamed, variables, walk

FORMULA = (
    r"\$+([^$]+)\$+|\\\((.+?)\\\)|\\\[(.+?)\\\]"
    r"|\\begin\{(?:align|equation|gather)\*?\}(.+?)\\end\{(?:align|equation|gather)\*?\}"
)
"""A formula in the text of a question."""
_MATH = re.compile(FORMULA, re.DOTALL)
_NO_LETTERS = re.compile(r"\\(?:text|mathrm|operatorname|mathbb)\s*\{[^{}]*\}|\\[A-Za-z]+")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_ALONE = re.compile(r"(?<![A-Za-z\\'])(?:[B-HJ-Zb-z](?![A-Za-z])|a(?![A-Za-z]|\s+[A-Za-z]{2}))")
_PARAMETER = re.compile(r"(?:[a-df-hj-z]|[A-DKM])(?:_\d)?")
_MOST = 3
"""Most parameters that are matched [parameters]."""


@lru_cache(maxsize=64)
def formulas_of(question: str) -> tuple[str, ...]:
    r"""The formulas of a question, without the marks around them.

    >>> formulas_of(r"Find $x+1$ and \( y \).")
    ('x+1', 'y')
    """
    return tuple("".join(found).strip() for found in _MATH.findall(question))


def with_gold_letters(gold: Form, answer: Form, question: str) -> Iterator[Form]:
    """The answer with its parameters named as those of the gold, in each order.

    A parameter is a letter that the question does not have. Where nothing but the letter stands beside a
    number it may be a unit, and is none.
    """
    gold_names, answer_names = variables_of(gold), variables_of(answer)
    if not gold_names or not answer_names or len(gold_names) != len(answer_names):
        return
    asked = letters_of(question)
    if asked is None:
        return
    old, new = sorted(answer_names - asked), sorted(gold_names - asked)
    is_parameter = all(map(_PARAMETER.fullmatch, (*old, *new)))
    if len(old) != len(new) or not 0 < len(new) <= _MOST or not is_parameter:
        return
    if not all(_is_free(form, set(names)) for form, names in ((gold, new), (answer, old))):
        return
    for names in permutations(new):
        if list(names) != old:
            letters = dict(zip(old, names, strict=True))
            yield with_nodes(answer, partial(renamed, names=letters))


def with_nodes(form: Form, change: Callable[[Node], Node]) -> Form:
    """The form with its expressions and the letters of its domains changed."""
    match form:
        case Value(node):
            return replace(form, node=change(node))
        case Many(_, items):
            return replace(form, items=tuple(with_nodes(item, change) for item in items))
        case Named(_, inner):
            return replace(form, form=with_nodes(inner, change))
        case Scoped(inner, domains):
            return Scoped(with_nodes(inner, change), tuple(_moved(each, change) for each in domains))
    return form


def _moved(domain: Domain, change: Callable[[Node], Node]) -> Domain:
    letter = change(Symbol(domain.name))
    return replace(domain, name=letter.name) if isinstance(letter, Symbol) else domain


def variables_of(form: Form) -> frozenset[str]:
    """The letters of the expressions of a form."""
    match form:
        case Value(node):
            return variables(node)
        case Many(_, items):
            return frozenset().union(*map(variables_of, items))
        case Named(_, inner) | Scoped(inner):
            return variables_of(inner)
    return frozenset()


@lru_cache(maxsize=64)
def letters_of(question: str) -> frozenset[str] | None:
    """The letters of the formulas of a question, and those that stand alone; None if it has no formula."""
    formulas = ["".join(found) for found in _MATH.findall(question)]
    if not formulas or "[asy]" in question:
        return None
    named = frozenset(_COMMAND.findall("".join(formulas)))
    inside = "".join(_NO_LETTERS.sub(" ", formula) for formula in formulas)
    alone = _ALONE.findall(_MATH.sub(" ", question))
    return named.union(alone, (each for each in inside if each.isalpha()))


def _is_free(form: Form, names: set[str]) -> bool:
    """Whether the letters are surely no units: in a sum, an exponent, a function or a tuple, or beside
    another letter under a name."""
    match form:
        case Named(_, Value(node)):
            return bool(variables(node) - names) or _is_free(form.form, names)
        case Named(_, inner) | Scoped(inner):
            return _is_free(inner, names)
        case Many(order, items):
            return order is Order.TUPLE or all(
                _is_free(item, names & variables_of(item)) for item in items if names & variables_of(item)
            )
        case Value(node):
            held = (_held(part) for part in walk(node))
            return names <= frozenset().union(*held)
    return False


def _held(node: Node) -> frozenset[str]:
    match node:
        case Sum() | Call():
            return variables(node)
        case Power(_, exponent):
            return variables(exponent)
    return frozenset()
