r"""Bound variables in normal text: the index of a sum or product, the variable of a definite integral.

`\sum_{j=1}^n a_j` and `\sum_{m=1}^n a_m` are one text. The scope of an index is the term after the sum; an
index that also occurs beside it is left alone there.
"""

from __future__ import annotations

from collections.abc import Iterator

_SERIES = frozenset({"\\sum", "\\prod", "\\bigcup", "\\bigcap"})
_AFTER_INDEX = frozenset({"=", "\\in", "\\ge", ">", "\\le", "<", "}"})
_OPENING = frozenset({"{", "(", "[", "\\{", "\\lfloor", "\\lceil", "\\langle"})
_CLOSING = frozenset({"}", ")", "]", "\\}", "\\rfloor", "\\rceil", "\\rangle"})
_ENDS = frozenset({"+", "-", "\\pm", ",", ";", "=", "<", ">", "\\le", "\\ge", "\\ne", "\\approx", " "})


def with_standard_names(symbols: list[str]) -> tuple[str, ...]:
    """The symbols with standard names for the bound variables, numbered in their order."""
    if not any(symbol in _SERIES or symbol == "\\int" for symbol in symbols):
        return tuple(symbols)
    renamed = list(symbols)
    for number, places in enumerate((*_of_series(symbols), *_of_integrals(symbols))):
        name = symbols[places[0]]
        for place in places:
            if renamed[place] == name:
                renamed[place] = f"bound {number}"
    return tuple(renamed)


def _of_series(symbols: list[str]) -> Iterator[list[int]]:
    """For each series the place of its index, and the places of its scope."""
    for place, symbol in enumerate(symbols):
        below = symbols[place + 1 : place + 5]
        if (
            symbol in _SERIES
            and below[:2] == ["_", "{"]
            and _is_letter(below[2])
            and below[3] in _AFTER_INDEX
        ):
            start = _after_scripts(symbols, place + 1)
            yield [place + 3, *range(start, _end_of_term(symbols, start))]


def _of_integrals(symbols: list[str]) -> Iterator[list[int]]:
    """For each definite integral the place of the letter after its `d`, and the places of its scope."""
    depth = 0
    starts: list[tuple[int, int]] = []
    for place, symbol in enumerate(symbols):
        depth += (symbol in _OPENING) - (symbol in _CLOSING)
        if symbol == "\\int" and symbols[place + 1 : place + 2] in (["_"], ["^"]):
            starts.append((_after_scripts(symbols, place + 1), depth))
        is_differential = symbol == "d" and place + 1 < len(symbols) and _is_letter(symbols[place + 1])
        if is_differential and starts and starts[-1][0] <= place:
            start, start_depth = starts.pop()
            end = place + 2 if depth == start_depth else _end_of_level(symbols, place, depth - start_depth)
            while end > place + 2 and symbols[end : end + 1] == ["{"]:  # the denominator under the `d`
                end = _end_of_level(symbols, end + 1, 1)
            yield [place + 1, *range(start, end)]


def _is_letter(symbol: str) -> bool:
    return len(symbol) == 1 and symbol.isalpha()


def _after_scripts(symbols: list[str], place: int) -> int:
    while symbols[place : place + 1] in (["_"], ["^"]):
        place = _end_of_level(symbols, place + 2, 1)
    return place


def _end_of_level(symbols: list[str], place: int, levels: int) -> int:
    """The place after the bracket that closes `levels` open ones."""
    while place < len(symbols) and levels > 0:
        levels += (symbols[place] in _OPENING) - (symbols[place] in _CLOSING)
        place += 1
    return place


def _end_of_term(symbols: list[str], start: int) -> int:
    depth = 0
    for place in range(start, len(symbols)):
        depth += (symbols[place] in _OPENING) - (symbols[place] in _CLOSING)
        if depth < 0 or (depth == 0 and symbols[place] in _ENDS and place > start):
            return place
    return len(symbols)
