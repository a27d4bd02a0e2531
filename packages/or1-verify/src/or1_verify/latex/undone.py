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

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Based, Form, Named, Relation, Scoped, Value
from or1_verify.latex.normal import symbols_of
from or1_verify.latex.notations import without_name
from or1_verify.latex.parameters import FORMULA, formulas_of
from or1_verify.latex.reader import read
from or1_verify.latex.results import has_series, is_result, needs_step
from or1_verify.latex.shapes import shape_of
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import (
    Node,
    Number,
    Product,
    Symbol,
    replaced,
    variables,
)
from or1_verify.latex.words import EXTREMA

_TASK = re.compile(
    r"\b(?:compute|evaluate|calculate|simplify|convert|expand|factor|rationali[sz]e|express|write|rewrite|find"
    r"|determine|what|multiply|add|reduce|condense|combine|decompose|distribute|put|change)[a-z]*\b"
    r"[^$.?!\\]{0,80}?[.:]?\s*(?:\$[A-Za-z]\$:?\s*)?"
    rf"(?:{FORMULA}|(?<![\d.])(\d+\.\d+)(?= (?:as|to|into)\b))(?!\s*(?:,\s*)?(?:(?:or|and)\s+)?(?:\$|\\\())",
    re.IGNORECASE | re.DOTALL,
)
"""A verb and the one formula that it asks about; of several, as in a list of choices, each may be chosen."""
_GROUPING = frozenset({" ", "{", "}", "(", ")", "[", "]", r"\{", r"\}", r"\cdot", r"\times", "*"})
"""Symbols that an expression may have or not, without another meaning."""
_QUOTIENTS = {"/": r"\frac", r"\div": r"\frac"}
_SOLVE = re.compile(r"\b(?:solve|find|values? of|what is|determine)\b", re.I)
_CURVE = re.compile(
    r"\b(?:equations? (?:of|for)|lines?|asymptotes?|axis|directrix|planes?|curve|locus|graph)\b", re.I
)
_SOLVED_FOR = re.compile(
    r"\bsolve\b[^.?!]*\bfor\s+\$?\\?[A-Za-z](?![a-z])|\bslope-intercept\b|\bvertex form\b|\bin terms of\b",
    re.I,
)
_ASKED_NAME = re.compile(
    r"\b(?:find|compute|determine|calculate|what is|evaluate|(?:complex )?number)\s+"
    r"(?:the (?:length|value|measure) of\s+)?"
    r"\$\s*([A-Za-z](?: ?[A-Za-z]){0,2})\s*\$",
    re.I,
)
_CONVERT = re.compile(
    r"\bconvert\b|\bhow many [a-z]+ (?:are|is) (?:there )?(?:in )?\$?\d"
    r"|\b(?:as|into) an? (?:[a-z]+ )?(?:fraction|decimal)\b|\b(?:to|into) (?:degrees|radians)\b",
    re.I,
)
_EXTREMA = {
    kind: re.compile(rf"\b(?:{kind[:5]}|(?:{'|'.join(sorted(names))})\b)", re.I)
    for kind, names in EXTREMA.items()
}
"""Words of a question about each extremum: `maximize` too."""
_PART = re.compile(r"([A-Za-z])(\([-\d./]+\)|_\{?\d+\}?)")
"""A value of a function or sequence: `f(2)`, `x_1`."""
_SIDES = re.compile(r"=|,|<|>|\\[lg]eq?(?![A-Za-z])")
_SET_TO = re.compile(r"(?<![A-Za-z\\])([A-Za-z])\s*=\s*(-?\d+(?:\.\d+)?)(?![\d/.]|\s*[-+*^])")


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
    if needs_step(question, found, wanted):
        return True
    asked = {shape_of(each): each for each in _asked_nodes(question)}
    asked.pop(shape_of(wanted), None)
    if shape_of(found) in asked or (
        has_series(found) and any("dots" in each for each in _formulas(question))
    ):
        return True
    return not is_result(question, found, wanted) and any(
        _has_value(each, gold, same) for each in asked.values()
    )


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
    if isinstance(answer, Named) and _names_other_part(question, answer.name):
        return True
    if any(_is_made_of(answer, name) for name in _ASKED_NAME.findall(question)):
        return True
    is_fraction = isinstance(answer, Named) and answer.name.startswith("\\frac")
    if not _asked_nodes(question) or not (is_fraction or isinstance(answer, Relation)):
        return False
    named = (
        _shapes(answer.name)
        if isinstance(answer, Named)
        else {shape_of(side) for side in answer.sides if variables(side)}
    )
    return named.isdisjoint(_all_shapes(question))


def _is_made_of(answer: Relation | Named, name: str) -> bool:
    r"""Whether an answer gives the conjugate or a power of the question's name: `AD^2 = 26` for `AD`."""
    name = name.replace(" ", "")
    if isinstance(answer, Named):
        return answer.name in {rf"\overline{name}", rf"\bar{name}"}
    own = shape_of(Product(tuple(map(Symbol, name)))) if len(name) > 1 else Symbol(name)
    sides = [side for side in answer.sides if variables(side)]
    return len(sides) == 1 and variables(sides[0]) == {*name} and shape_of(sides[0]) != own


def _names_other_part(question: str, name: str) -> bool:
    """Whether a name has another argument or index than the one asked for, or is the other extremum."""
    asked = {kind for kind, words in _EXTREMA.items() if words.search(question)}
    if name in _EXTREMA and asked and name not in asked:
        return True
    found = _PART.fullmatch(name)
    if found is None:
        return False
    formulas = (_PART.fullmatch(each.replace(" ", "")) for each in _formulas(question))
    parts = [each[2].strip("(){}_") for each in formulas if each and each[1] == found[1]]
    return bool(parts) and found[2].strip("(){}_") not in parts


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
