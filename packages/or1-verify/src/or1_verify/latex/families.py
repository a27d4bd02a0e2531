"""Families of functions with arbitrary constants: `x^2 + C` and `x^2 + k`, `c_1 e^x` and `A e^x`."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from itertools import permutations

from or1_verify.latex.constants import (
    OF_INTEGRATION,
    VARIABLES,
    is_beside_variables,
    is_letter_of_integration,
)
from or1_verify.latex.identity import Identity
from or1_verify.latex.tree import Node, Number, Product, Quotient, Sum, Symbol, replaced, variables, walk

_ARBITRARY = re.compile(r"alpha|beta|[CcKkABD]|[CcKkAB]_\d")
_ANYWHERE = re.compile(r"C(?:_\d)?")
"""Names of a gold that are arbitrary wherever they stand once: `\\sqrt{x^2 + C}`."""
_AMPLITUDES = frozenset("AB")
"""Names of a gold that are arbitrary as two factors beside one variable: `A \\cos x + B \\sin x`."""
_MOST = 3
"""Most constants that are matched [constants]."""
_ZERO = Number(Fraction(0))


def same_family(gold: Node, answer: Node, identity: Identity) -> bool:
    """Whether both are one family of functions: equal after renaming the constants, or, with a constant of
    integration as a term of both, up to a constant.
    """
    gold_names, answer_names = variables(gold), variables(answer)
    old, new = sorted(gold_names - answer_names), sorted(answer_names - gold_names)
    if len(old) != len(new) or len(old) > _MOST or not gold_names & answer_names:
        return False
    if not is_beside_variables(gold_names):
        return False
    gold_terms, answer_terms = _constants(gold), _constants(answer)
    if not all(name in gold_terms and _is_free(name, gold_terms[name], gold_names) for name in old):
        return False
    if not all(name in answer_terms for name in new):
        return False
    if not old:
        old = sorted(
            name for name in gold_terms.keys() & answer_terms if _is_free(name, gold_terms[name], gold_names)
        )
        old = new = old if 1 < len(old) <= _MOST else []
    for names in permutations(old) if old else ():
        if identity.equal(gold, _renamed(answer, dict(zip(new, names, strict=True)))):
            return True
    if len(old) > 1:
        return False
    pairs = list(zip(old, new, strict=True)) or [(name, name) for name in gold_terms]
    added = [pair for pair in pairs if gold_terms[pair[0]] == answer_terms.get(pair[1]) == "term"]
    return len(added) == 1 and _differ_by_constant(gold, answer, *added[0], identity)


def _is_free(name: str, place: str, names: frozenset[str]) -> bool:
    if place == "term" and is_letter_of_integration(name, names):
        return True
    if place == "factor" and name in _AMPLITUDES:
        others = names - _AMPLITUDES
        return names >= _AMPLITUDES and others <= VARIABLES and len(others) == 1
    return (_ANYWHERE if place == "inside" else OF_INTEGRATION).fullmatch(name) is not None


def _constants(node: Node) -> dict[str, str]:
    """The names of arbitrary constants that occur once, with the place of each: a `term` by itself, a
    `factor` of a term, or `inside` another expression.
    """
    counts = Counter(part.name for part in walk(node) if isinstance(part, Symbol))
    found = {name: "inside" for name, count in counts.items() if count == 1 and _ARBITRARY.fullmatch(name)}
    for term in node.terms if isinstance(node, Sum) else (node,):
        factors = _factors(term)
        for factor in factors:
            if isinstance(factor, Symbol) and factor.name in found:
                others = [each for each in factors if each is not factor]
                is_term = isinstance(node, Sum) and not any(map(variables, others))
                found[factor.name] = "term" if is_term else "factor"
    return found


def _factors(node: Node) -> tuple[Node, ...]:
    match node:
        case Product(factors):
            return tuple(each for factor in factors for each in _factors(factor))
        case Quotient(above, Number()):
            return _factors(above)
    return (node,)


def _renamed(node: Node, names: dict[str, str]) -> Node:
    for old, new in names.items():
        node = replaced(node, Symbol(old), Symbol(f"{new}'"))
    for new in names.values():
        node = replaced(node, Symbol(f"{new}'"), Symbol(new))
    return node


def _differ_by_constant(
    gold: Node, answer: Node, gold_name: str, answer_name: str, identity: Identity
) -> bool:
    if not OF_INTEGRATION.fullmatch(gold_name):
        return False
    gold, answer = replaced(gold, Symbol(gold_name), _ZERO), replaced(answer, Symbol(answer_name), _ZERO)
    names = variables(gold) | variables(answer)
    if len(names) != 1 or not all(name.islower() for name in names):
        return False
    (name,) = names
    here, there = Symbol(name), Symbol(f"{name}'")
    left = Sum((gold, replaced(answer, here, there)))
    return identity.equal(left, Sum((replaced(gold, here, there), answer)))
