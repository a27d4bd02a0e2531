r"""Signs that stand for several values: `\pm` and `\mp` as lists, `x \ne 1, 2` as two conditions."""

from __future__ import annotations

import re
from itertools import product

from or1_verify.latex.split import inside_brackets, split
from or1_verify.latex.tokens import Token

MAX_FREE_SIGNS = 3
"""Most plus-minus signs whose values are chosen each by itself."""
_OPPOSITE = {"+": "-", "-": "+"}
_SIGN = re.compile(r"\\pm(?![A-Za-z])|±")
_MINUS_PLUS = re.compile(r"\\mp(?![A-Za-z])")
_FREE = "\\freepm"
"""A sign of a tuple that is chosen by itself."""


def with_free_signs(text: str) -> str | None:
    r"""The other reading of signs in a tuple: `(\pm 1, \pm 2)` is two points, or four.

    None for fewer than two signs, more than `MAX_FREE_SIGNS`, or `\mp`, which ties them.
    """
    count = len(_SIGN.findall(text))
    if "," not in text or "\\mp" in text or not 2 <= count <= MAX_FREE_SIGNS:
        return None
    return _SIGN.sub(lambda _: f"{_FREE} ", text)


def with_tied_signs(text: str) -> list[str]:
    r"""The text with its upper signs, and with its lower ones.

    >>> with_tied_signs(r"1 \pm 2"), with_tied_signs("1")
    (['1 + 2', '1 - 2'], ['1'])
    """
    if not _SIGN.search(text):
        return [text]
    return [_SIGN.sub(upper, _MINUS_PLUS.sub(lower, text)) for upper, lower in _OPPOSITE.items()]


def with_both_signs(item: list[Token]) -> list[list[Token]]:
    r"""The values of an element with plus-minus signs: those of a value are free, those of a tuple are tied.

    More than `MAX_FREE_SIGNS` are tied too, any beside `\mp`, and those on both sides of an
    equality. Signs inside a set belong to its elements.
    """
    places, depth = [], 0
    for place, token in enumerate(item):
        depth += (token.text == "\\{") - (token.text == "\\}")
        if depth == 0 and token.text in {"\\pm", "\\mp", _FREE}:
            places.append(place)
    if not places:
        return [item]
    marks = {item[place].text for place in places}
    is_step = any(token.text == "=" for token in item[places[0] : places[-1]])
    are_free = marks == {_FREE} or (marks == {"\\pm"} and not _is_tuple(item) and not is_step)
    if are_free and len(places) <= MAX_FREE_SIGNS:
        return [
            _signed(item, dict(zip(places, signs, strict=True)))
            for signs in product("+-", repeat=len(places))
        ]
    tied = [{p: _OPPOSITE[sign] if item[p].text == "\\mp" else sign for p in places} for sign in "+-"]
    return [_signed(item, signs) for signs in tied]


def _signed(item: list[Token], signs: dict[int, str]) -> list[Token]:
    return [Token("mark", signs[place]) if place in signs else token for place, token in enumerate(item)]


def _is_tuple(item: list[Token]) -> bool:
    inner = inside_brackets(split(item, {"=", "\\in"})[-1], "(", "\\langle")
    return inner is not None and len(split(inner, {","})) > 1


def with_repeated_sign(items: list[list[Token]], relations: frozenset[str]) -> list[list[Token]]:
    r"""`x \ne 1, 2` as `x \ne 1` and `x \ne 2`."""
    prefix: list[Token] = []
    found = []
    for item in items:
        sides = split(item, relations)
        if len(sides) > 1:
            is_excluded = len(sides) == 2 and item[len(sides[0])].text == "!="
            prefix = item[: len(sides[0]) + 1] if is_excluded else []
            found.append(item)
        else:
            found.append([*prefix, *item])
    return found
