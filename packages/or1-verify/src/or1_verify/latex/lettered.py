r"""Answers to the parts of one question: `(a)\ 3\quad (b)\ 4`."""

from __future__ import annotations

import re
from collections.abc import Callable

from or1_verify.latex.forms import Form, Many, Named, Order

_LABEL = re.compile(
    r"(?:(?<=quad)|(?<![A-Za-z0-9^_)]))(?P<wrapper>\\text\w*\s*\{\s*)?"
    r"\((?P<name>[a-h]|i{1,3}|iv|v|[1-9])\)[:.]?(?(wrapper)\s*\})"
)
_SEQUENCES = (list("abcdefgh"), ["i", "ii", "iii", "iv", "v"], list("123456789"))
_BLANK = r"\s|~|\\[,;:! \\]|\\q?quad(?![a-z])"
_EDGES = re.compile(
    rf"^(?:(?:{_BLANK})*:)?(?:{_BLANK})*|(?:{_BLANK}|[,;.]|(?:\\text\w*\s*\{{\s*)?\band(?:\s*\}})?)*$"
)
_OPERATOR = re.compile(r"[-+*/^=<>_]$|^[+*/^=<>_)]|\\(?:cdot|times|div|pm|mp)$|^\\(?:cdot|times|div)")
_SEPARATED = re.compile(r"(?:[,;]|quad|\\\\|\\ )\s*$")


def read_parts(text: str, read: Callable[[str], Form]) -> Form | None:
    r"""The values of lettered or numbered parts by their labels, in the order of these; None for other texts.

    `(1)(2)`, `(a)+(b)` and `2(1) 3` are expressions.
    """
    found = list(_LABEL.finditer(text))
    names = [label["name"] for label in found]
    sequence = next((each for each in _SEQUENCES if sorted(names) == sorted(each[: len(names)])), None)
    if sequence is None or len(names) < 2 or text[: found[0].start()].strip():
        return None
    are_separate = all(label["wrapper"] or _SEPARATED.search(text[: label.start()]) for label in found[1:])
    if not are_separate and sequence is _SEQUENCES[-1]:
        return None
    ends = [*(label.start() for label in found[1:]), len(text)]
    values = [_EDGES.sub("", text[label.end() : end]) for label, end in zip(found, ends, strict=True)]
    if any(not value or _OPERATOR.search(value) or value.count("{") != value.count("}") for value in values):
        return None
    parts = sorted(zip(names, values, strict=True), key=lambda part: sequence.index(part[0]))
    return Many(Order.LIST, tuple(Named(f"part {name}", read(value)) for name, value in parts))
