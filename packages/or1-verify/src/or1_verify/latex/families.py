"""Families of functions with arbitrary constants: `x^2 + C` and `x^2 + k`, `c_1 e^x` and `A e^x`."""

from __future__ import annotations

import re
from itertools import permutations

from or1_verify.latex.constants import OF_INTEGRATION, VARIABLES, ConstantPlace, is_arbitrary, places
from or1_verify.latex.identity import Identity
from or1_verify.latex.tree import ZERO, Matrix, Node, Sum, Symbol, renamed, replaced, variables, walk

_ARBITRARY = re.compile(r"alpha|beta|[CcKkABD]|[CcKkAB]_\d")
_MOST = 3
"""Most constants that are matched [constants]."""


def same_family(gold: Node, answer: Node, identity: Identity, is_solution: bool = False) -> bool:
    """Whether both are one family of functions: equal after renaming the constants, or, with a constant of
    integration as a term of both, up to a constant; `is_solution` as in `constants.is_arbitrary`.
    """
    if any(isinstance(part, Matrix) for part in (*walk(gold), *walk(answer))):
        return False
    gold_names, answer_names = variables(gold), variables(answer)
    old, new = sorted(gold_names - answer_names), sorted(answer_names - gold_names)
    if len(old) != len(new) or len(old) > _MOST or not gold_names & answer_names:
        return False
    gold_terms, answer_terms = _constants(gold), _constants(answer)
    free = {name for name, place in gold_terms.items() if is_arbitrary(name, place, gold_names, is_solution)}
    if not free.issuperset(old) or not answer_terms.keys() >= set(new):
        return False
    if not old:
        old = sorted(free & answer_terms.keys())
        old = new = old if 1 < len(old) <= _MOST else []
    for names in permutations(old) if old else ():
        if identity.equal(gold, renamed(answer, dict(zip(new, names, strict=True)))):
            return True
    if len(old) > 1:
        return False
    pairs = list(zip(old, new, strict=True)) or [(name, name) for name in gold_terms]
    added = [pair for pair in pairs if gold_terms[pair[0]] == answer_terms.get(pair[1]) == ConstantPlace.TERM]
    return len(added) == 1 and _differ_by_constant(gold, answer, *added[0], identity)


def _constants(node: Node) -> dict[str, ConstantPlace]:
    """The places of the names that may be arbitrary constants and occur once."""
    return {name: place for name, place in places(node).items() if _ARBITRARY.fullmatch(name)}


def _differ_by_constant(
    gold: Node, answer: Node, gold_name: str, answer_name: str, identity: Identity
) -> bool:
    if not OF_INTEGRATION.fullmatch(gold_name):
        return False
    gold, answer = replaced(gold, Symbol(gold_name), ZERO), replaced(answer, Symbol(answer_name), ZERO)
    names = variables(gold) | variables(answer)
    if len(names) != 1 or not names <= VARIABLES:
        return False
    (name,) = names
    here, there = Symbol(name), Symbol(f"{name}'")
    left = Sum((gold, replaced(answer, here, there)))
    return identity.equal(left, Sum((replaced(gold, here, there), answer)))
