r"""Several values with the words that name them: `center $(3, -2)$, radius $4$`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.things import singular
from or1_verify.latex.words import FUNCTIONS, normal_words, takes_back

_SEPARATOR = re.compile(r"[,;]|\s+and\s+|\\\\(?![A-Za-z])")
_LABELLED = re.compile(
    r"(?:the\s+)?(?P<label>(?:[a-z]-)?[a-z]{3,}(?:[ -][a-z]{2,}){0,3}?)"
    r"\s*(?P<link>[:=]|\b(?:is|of|at|on)\b(?=\s*[^a-z\s]))?\s*(?<![a-z])(?P<value>(?:[^a-z\s:=]|[a-z](?![a-z])).*)",
    re.IGNORECASE | re.DOTALL,
)
_TO_THE_RIGHT = re.compile(r"\s*\(?\s*(?:units?\s+)?(?:to\s+the\s+)?right\s*\)?\s*$")
_PLACE = re.compile(r"\(\s*(?:at|when|for|attained)\b[^()]*\)")
_AXIS = re.compile(r"\$([a-z])\$(?=-[a-z])")
_AXIS_ALONE = re.compile(r"\b([a-z]) -(?=[a-z]{3})")
_EXTREMUM = re.compile(r"\b[a-zA-Z]_\{?\s*\\?(?:text\s*\{\s*|mathrm\s*\{\s*)?(min|max)\s*\}*")
_WORD = re.compile(r"\s*[A-Za-z]{3,}\s*")
_LETTER = re.compile(r"[A-Za-z](?:_\{?\w+\}?)?\s*=\s*(?=.)")
_BETWEEN_INTERVALS = re.compile(r"(?<=[)\]])\s*,\s*(?=[(\[])")
_SAME = {"min": "minimum", "max": "maximum", "absolute": "", "global": "", "value": "", "coordinate": ""}
_SIGNS = {
    r"\mu": " mean ",
    r"\sigma^2": " variance ",
    r"\sigma": " standard deviation ",
    r"\bar{x}": " mean ",
}
"""Signs of moments of a distribution before their values, for golds that name them."""
_SIGN = re.compile(r"(?:\\mu|\\sigma(?:\^\{?2\}?)?|\\bar\{x\})(?:_\{?[A-Za-z]\}?)?\s*(?==)")


def split_values(text: str) -> list[str]:
    r"""The parts of a text between commas, semicolons and "and" outside brackets.

    >>> split_values(r"\text{Center: }(3,-2), radius 4")
    ['Center: (3,-2)', 'radius 4']
    """
    plain = _EXTREMUM.sub(r" \1 ", _AXIS.sub(r"\1", text))
    plain = _AXIS_ALONE.sub(r"\1-", " ".join(_PLACE.sub("", in_plain_words(plain)).split()))
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


@lru_cache(maxsize=8192)
def labelled_values(text: str) -> dict[str, str] | None:
    r"""The values by their labels, a list where several follow one; None for fewer than two labels.

    >>> labelled_values(r"\text{Amplitude}=3, period $\pi$")
    {'amplitude': '3', 'period': '\\pi'}
    >>> labelled_values("vertices (1,0), (-1,0); foci (2,0)")
    {'vertex': '(1,0), (-1,0)', 'foci': '(2,0)'}
    """
    if not any(mark in text for mark in (",", ";", "and", "=")) or _WORD.search(text) is None:
        return None
    found: dict[str, str] = {}
    label = ""
    for part in _one_by_one(split_values(text)):
        named = _LABELLED.fullmatch(part)
        is_function = named is not None and named["label"].lower() in FUNCTIONS and named["link"] is None
        if named is None or is_function:
            if not label or (part[0].isalpha() and not _LETTER.match(part)):
                return None
            found[label] += f", {part}"
            continue
        label, value = _normal(named["label"]), named["value"]
        if takes_back(named["label"]) or label in found:
            return None
        found[label] = _TO_THE_RIGHT.sub("", value) if "shift" in label else value
    joined = {label: _joined(value) for label, value in found.items()}
    return joined if len(found) > 1 else None


def _joined(value: str) -> str:
    """Several intervals as their union."""
    return _BETWEEN_INTERVALS.sub(r"\\cup ", value) if "\\infty" in value else value


def _one_by_one(parts: list[str]) -> Iterator[str]:
    """Each label with its value: `mean = mode = 7` are two."""
    for part in parts:
        *labels, value = part.split("=")
        is_shared = len(labels) > 1 and all(map(_WORD.fullmatch, labels))
        yield from (f"{each.strip()}={value}" for each in labels) if is_shared else (part,)


def _normal(label: str) -> str:
    words = (singular(word) for word in normal_words(label).split())
    return " ".join(filter(None, (_SAME.get(word, word) for word in words)))


def _spelled(found: re.Match[str]) -> str:
    sign = re.sub(r"_\{?[A-Za-z]\}?\s*$|\s", "", found.group()).replace("^{2}", "^2")
    return _SIGNS[sign]


def values_for(labels: Mapping[str, str], text: str) -> dict[str, str] | None:
    """The values of an answer for the labels of a gold: by its own labels, which may be shorter or longer
    (`axis`, `axis of symmetry`), else in the order of the gold; None if it has others or another number."""
    found = labelled_values(_SIGN.sub(_spelled, text))
    if found is None:
        parts = split_values(text)
        values = [_LETTER.sub("", part, count=1) for part in parts]
        return dict(zip(labels, values, strict=True)) if len(parts) == len(labels) else None
    names: dict[str, str] = {}
    for label in labels:
        words = {*label.split()}
        alike = [each for each in found if words <= {*each.split()} or words >= {*each.split()}]
        same = [label] if label in found else alike
        if len(same) != 1 or same[0] in names.values():
            return None
        names[label] = same[0]
    return {label: found[name] for label, name in names.items()} if len(names) == len(found) else None
