r"""Several values with the words that name them: `center $(3, -2)$, radius $4$`."""

from __future__ import annotations

import re

from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.words import FUNCTIONS, normal_words, singular, takes_back

_SEPARATOR = re.compile(r"[,;]|\s+and\s+|\\\\(?![A-Za-z])")
_LABELLED = re.compile(
    r"(?:the\s+)?(?P<label>(?:[a-z]-)?[a-z]{3,}(?:[ -][a-z]{2,}){0,3}?)"
    r"\s*(?:[:=]|\b(?:is|of|at)\b(?=\s*[^a-z\s]))?\s*(?P<value>(?:[^a-z\s:=]|[a-z](?![a-z])).*)",
    re.IGNORECASE | re.DOTALL,
)
_TO_THE_RIGHT = re.compile(r"\s*\(?\s*(?:units?\s+)?(?:to\s+the\s+)?right\s*\)?\s*$")


def split_values(text: str) -> list[str]:
    r"""The parts of a text between commas, semicolons and "and" outside brackets.

    >>> split_values(r"\text{Center: }(3,-2), radius 4")
    ['Center: (3,-2)', 'radius 4']
    """
    plain = " ".join(in_plain_words(text).split())
    depths, depth = [], 0
    for character in plain:
        depth -= character in ")]}"
        depths.append(depth)
        depth += character in "([{"
    ends = [0]
    for found in _SEPARATOR.finditer(plain):
        if not depths[found.start()]:
            ends += found.span()
    ends.append(len(plain))
    parts = (plain[start:end].strip(" .") for start, end in zip(ends[::2], ends[1::2], strict=True))
    return [part for part in parts if part]


def labelled_values(text: str) -> dict[str, str] | None:
    r"""The values by their labels; None if one of the parts has none, or there is only one part.

    >>> labelled_values(r"\text{Amplitude}=3, period $\pi$")
    {'amplitude': '3', 'period': '\\pi'}
    """
    found: dict[str, str] = {}
    parts = split_values(text)
    for part in parts:
        named = _LABELLED.fullmatch(part)
        if named is None or named["label"].lower() in FUNCTIONS or takes_back(named["label"]):
            return None
        label = " ".join(singular(word) for word in normal_words(named["label"]).split())
        value = named["value"]
        found[label] = _TO_THE_RIGHT.sub("", value) if "shift" in label else value
    return found if len(parts) > 1 and len(found) == len(parts) else None
