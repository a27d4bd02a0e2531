r"""Answers that leave undone what the question asks for: its own expression, a product that is not factored.

`\cos 72^\circ` has the value that "Compute $\cos 72^\circ$" asks for, and so has every expression that a
question asks to compute, simplify or convert: to repeat it is no answer.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from or1_verify.latex.forms import Form, Named, Scoped, Value
from or1_verify.latex.tree import Node, Number, Power, Product, Quotient, Sum, variables

_FORMULA = r"(?:\$+([^$]+)\$+|\\\((.+?)\\\)|\\\[(.+?)\\\])"
_TASK = re.compile(
    r"\b(?:comput|evaluat|calculat|simplif|convert|expand|factor|rationali[sz]|express|writ|rewrit|find"
    r"|determin|what|multiply|add|reduc)[a-z]*\b[^$.?!\\]{0,80}?"
    rf"{_FORMULA}(?!\s*(?:,|or\b|and\b))",
    re.IGNORECASE | re.DOTALL,
)
"""A verb and the one formula that it asks about; of several, as in a list of choices, each may be chosen."""
_FACTOR = re.compile(r"(?:^|[.?!,:]\s+|\b(?:completely|to|fully|please|then)\s+)factor(?:i[sz]e)?\b", re.I)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\S")
_LAYOUT = re.compile(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|cdot|times)|\\[,!;: (){}]|[*{}()\[\]~&]")
_FRACTION, _BINOMIAL = r"\frac", r"\binom"
_SAME = {
    r"\dfrac": _FRACTION, r"\tfrac": _FRACTION, r"\cfrac": _FRACTION, r"\div": _FRACTION, "/": _FRACTION,
    r"\dbinom": _BINOMIAL, r"\tbinom": _BINOMIAL,
}  # fmt: skip
_NO_OPERATIONS = frozenset({".", ",", "%", "'", "$", "\\pi", "\\circ", "\\infty", "\\%", "\\$", "="})
_SHARED = 0.7
"""An answer of arithmetic is no result if this share of its signs are those of the question's expression."""
_FEW = 2
"""Operations that a result may have [operations]."""
_NAME = re.compile(r"^\s*[A-Za-z]\s*=(?!.*=)", re.DOTALL)
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\\[,!]|\{,\}|,\\!)+(?=\d{3}(?!\d))")


def is_undone(question: str, gold: str, answer: str) -> bool:
    r"""Whether an answer with the value of the gold is the expression that the question asks about, in any
    order, or most of it with few steps done. The gold itself is always an answer.

    >>> asked = r"Find $76-(-4\cdot8-2)+13$."
    >>> [is_undone(asked, "123", answer) for answer in (r"13+76-(-8\cdot4-2)", "76-(-34)+13", "89+34")]
    [True, True, False]
    """
    asked = _asked(question)
    if not asked:
        return False
    given, wanted = _signs(_NAME.sub("", answer)), _signs(_NAME.sub("", gold))
    if given == wanted:
        return False
    if given in asked:
        return True
    is_arithmetic = not any(map(str.isalpha, given)) and _num_operations(wanted) <= 1
    if not is_arithmetic or "=" in given or _num_operations(given) <= _FEW:
        return False
    return any((given & signs).total() >= _SHARED * given.total() for signs in asked)


@lru_cache(maxsize=64)
def _asked(question: str) -> tuple[Counter[str], ...]:
    """The signs of each formula that the question asks about; a number or letter alone is none."""
    found = (_signs("".join(filter(None, each.groups()))) for each in _TASK.finditer(question))
    return tuple(signs for signs in found if signs.total() > 1 and not all(map(str.isdigit, signs)))


def _signs(text: str) -> Counter[str]:
    tokens = _TOKEN.findall(_THOUSANDS.sub("", text.strip().strip("$").rstrip(".,;:?! ")))
    return Counter(_SAME.get(token, token) for token in tokens if not _LAYOUT.fullmatch(token))


def _num_operations(signs: Counter[str]) -> int:
    return sum(count for sign, count in signs.items() if not sign.isalnum() and sign not in _NO_OPERATIONS)


def has_fewer_factors(question: str, gold: Form, answer: Form) -> bool:
    """Whether the question asks to factor, and the answer has fewer factors than the gold."""
    if not _FACTOR.search(question):
        return False
    wanted, found = _node(gold), _node(answer)
    return wanted is not None and found is not None and _num_factors(found) < _num_factors(wanted)


def _node(form: Form) -> Node | None:
    match form:
        case Named(_, inner) | Scoped(inner):
            return _node(inner)
        case Value(node):
            return node
    return None


def _num_factors(node: Node) -> int:
    """Factors with a variable, each as often as its power says."""
    match node:
        case Product(factors):
            return sum(map(_num_factors, factors))
        case Power(base, Number(value)) if value.denominator == 1 and value > 1 and isinstance(base, Sum):
            return int(value) * _num_factors(base)
        case Quotient(above, _):
            return _num_factors(above)
    return int(bool(variables(node)))
