r"""Lists with a counter: `45^\circ + 90^\circ k` for `k = 0, 1, 2, 3` as its four elements."""

from __future__ import annotations

import re

from or1_verify.latex.elements import numbers_left_out
from or1_verify.latex.notations import in_plain_words, without_name

_MOST = 60
"""Most elements that are written out [elements]."""
_NUMBER = r"-?\d{1,3}"
_DOTS = r"\\(?:[lc]?dots[cbmio]?|hdots)|\.\.\.|…"
_COUNTER = re.compile(
    r"^(?P<head>.*?[^ ,;:(|]) ?(?:[,;:(|]|\\mid|\bfor\b|\bwhere\b|\bwith\b| )[ ,;:(]*(?:(?:for|where|with) )?"
    rf"(?:(?P<low>{_NUMBER}) ?(?:\\leq?|≤) ?(?P<between>[a-z]) ?(?:\\leq?|≤) ?(?P<high>{_NUMBER})"
    r"|(?P<letter>[a-z]) ?(?:=|\\in|∈) ?(?:\\?\{)?"
    rf"(?P<values>(?:[-\d, ]|{_DOTS}|\band\b|\bor\b)+)(?:\\?\}})?)"
    r"[ ).]*$"
)
"""Blanks are single ones, and no two parts of a repeated group begin alike: its time is linear."""
_BRACES = re.compile(r"^\\\{(.*)\\\}$", re.DOTALL)


def written_out(text: str) -> str | None:
    r"""The elements of a list with a counter; None for other texts, and for more than `_MOST` elements.

    >>> written_out(r"2^n \text{ for } n = 0, 1, 2"), written_out("x = 3k, k = 1")
    ('2^(0), 2^(1), 2^(2)', None)
    """
    plain = " ".join(in_plain_words(text).split())
    braced = _BRACES.match(plain)
    found = _COUNTER.match(braced[1].strip() if braced else plain)
    if found is None:
        return None
    letter = found["letter"] or found["between"]
    values = _values(found)
    head = without_name(found["head"]).strip()
    place = re.compile(rf"(?<![A-Za-z\\]){letter}(?![A-Za-z])")
    if not 1 < len(values) <= _MOST or not place.search(head):
        return None
    return ", ".join(place.sub(f"({value})", head) for value in values)


def _values(found: re.Match[str]) -> list[int]:
    if found["between"]:
        return list(range(int(found["low"]), int(found["high"]) + 1))
    before, *after = [list(map(int, re.findall(_NUMBER, part))) for part in re.split(_DOTS, found["values"])]
    if not after:
        return before
    left_out = numbers_left_out(before, after[0]) if len(after) == 1 else None
    return [] if left_out is None else [*before, *left_out, *after[0]]
