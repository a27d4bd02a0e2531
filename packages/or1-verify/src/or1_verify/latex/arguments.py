"""Letters that a definition binds: the argument of a function, an index, a counter of angles."""

from __future__ import annotations

import re
from dataclasses import replace

from or1_verify.latex.forms import Form, Named, Value
from or1_verify.latex.parameters import letters_of
from or1_verify.latex.tree import PI, Node, Symbol, replaced, variables, walk

_ARGUMENT = re.compile(r"([A-Za-z]'*(?:\^\{?-1\}?)?)\(([a-z])\)")
_INDEX = re.compile(r"([A-Za-z])_([i-n])")
_COUNTERS = frozenset("kmn")
"""Integer parameters of a family of angles; any of these letters may be used."""


def is_function(name: str) -> bool:
    return _ARGUMENT.fullmatch(name) is not None


def with_counter(answer_node: Node, gold_node: Node) -> Node:
    r"""`\pi + 2 k \pi` with the letter of the gold for k."""
    gold_names, answer_names = variables(gold_node), variables(answer_node)
    if gold_names == answer_names or not gold_names | answer_names <= _COUNTERS:
        return answer_node
    if len(gold_names) != 1 or len(answer_names) != 1 or PI not in walk(gold_node):
        return answer_node
    return replaced(answer_node, Symbol(*answer_names), Symbol(*gold_names))


def with_argument(answer: Named, gold: Named) -> Named:
    """`f(t) = t + 1` as a function of the gold's x, `a_k = 2^k` as a sequence with the gold's index. A free
    letter of the answer that is the one of the gold is renamed."""
    for pattern in (_ARGUMENT, _INDEX):
        old, new = pattern.fullmatch(answer.name), pattern.fullmatch(gold.name)
        if old is None or new is None or old[2] == new[2] or not isinstance(answer.form, Value):
            continue
        if pattern is _INDEX and (old[1] != new[1] or old[2] not in variables(answer.form.node)):
            continue  # `x_1 = n` is no sequence
        without_free = replaced(answer.form.node, Symbol(new[2]), Symbol(f"{new[2]}'"))
        node = replaced(without_free, Symbol(old[2]), Symbol(new[2]))
        name = gold.name if pattern is _INDEX else answer.name
        return replace(answer, name=name, form=replace(answer.form, node=node))
    return answer


def with_gold_variable(gold: Form, answer: Form, question: str) -> Form:
    """`p(x) = x^2 - 5x` in the letter of the gold, an expression of one letter that the question lacks; other
    answers as they are."""
    match gold, answer:
        case Value(wanted), Named(name, Value(node)) if (found := _ARGUMENT.fullmatch(name)) is not None:
            letters, given = variables(wanted), letters_of(question)
            is_free = len(letters) == 1 and given is not None and letters.isdisjoint(given)
            if is_free and variables(node) == {found[2]}:
                return replace(answer, form=Value(replaced(node, Symbol(found[2]), Symbol(*letters))))
    return answer
