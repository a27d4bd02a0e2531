r"""Figures named by their points: `\angle ABC`, `\triangle PQR`, `\overline{AB}`, and statements about them.

A name is an order of points, and not a product. Its normal form is the first of the orders that name the
same figure: an angle read backwards too, a triangle and a segment in any order, a vector only as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from or1_verify.latex.forms import Statement
from or1_verify.latex.split import marks_between, split, text_of
from or1_verify.latex.tokens import Token
from or1_verify.latex.tree import Symbol

FIGURES = frozenset({"angle", "triangle"})
_DIRECTED = frozenset({"vec", "overrightarrow"})
_STATEMENTS = frozenset({"\\parallel", "\\perp", "\\cong", "\\sim"})
_OF_LINES = frozenset({"\\parallel", "\\perp"})
"""Statements about lines and planes, which may have any name."""
_NAME = re.compile(
    r"(?:m?\\(angle|triangle|overline|overrightarrow|vec))?\{?((?:[A-Z](?:_\{?\d\}?|'+)?)+)\}?"
)
_POINT = re.compile(r"[A-Z][^A-Z]*")
_SEGMENT, _TRIANGLE = 2, 3


def num_points(tokens: Sequence[Token]) -> int:
    """Number of capital letters at the start, each one token."""
    letters = (token.kind == "letter" and token.text.isupper() for token in tokens)
    return next((place for place, is_point in enumerate(letters) if not is_point), len(tokens))


def figure(mark: str, points: Sequence[str]) -> Symbol:
    """The symbol of a figure.

    >>> figure("angle", "ABC") == figure("angle", "CBA"), figure("angle", "ABC") == figure("angle", "ACB")
    (True, False)
    """
    return Symbol(f"{mark} {' '.join(min(_orders(mark, points)))}")


def _orders(mark: str, points: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The orders of the points that name the same figure."""
    if mark in _DIRECTED:
        yield tuple(points)
    elif mark == "triangle" or len(points) == _SEGMENT:
        yield tuple(sorted(points))
    else:
        yield from (tuple(points), tuple(points)[::-1])


def read_statement(tokens: list[Token]) -> Statement | None:
    r"""`AB \parallel CD`, `\triangle ABC \sim \triangle DEF`; None for other texts.

    The sides may be swapped. Congruent and similar polygons correspond point by point: the points of all
    sides may be permuted alike.
    """
    signs = set(marks_between(tokens, _STATEMENTS))
    if len(signs) != 1:
        return None
    (sign,) = signs
    sides = [text_of(side) for side in split(tokens, _STATEMENTS)]
    found = [_NAME.fullmatch(side) for side in sides]
    names = [(each[1] or "", _POINT.findall(each[2])) for each in found if each]
    if len(names) < len(sides):
        return Statement(sign, tuple(sorted(sides))) if sign in _OF_LINES and all(sides) else None
    if any(len(points) < _SEGMENT for _, points in names) and sign not in _OF_LINES:
        return None
    sizes = {len(points) for _, points in names}
    are_polygons = len(sizes) == 1 and _SEGMENT not in sizes and "angle" not in {mark for mark, _ in names}
    if are_polygons and sign not in _OF_LINES:
        return Statement(sign, min(_correspondences([points for _, points in names])))
    marks = ("" if mark == "overline" else mark for mark, _ in names)
    shown = (figure(mark, points).name for mark, (_, points) in zip(marks, names, strict=True))
    return Statement(sign, tuple(sorted(shown)))


def _correspondences(polygons: list[list[str]]) -> Iterator[tuple[str, ...]]:
    """The statements with the points of all polygons rotated, or turned around, alike."""
    pairs = list(zip(*polygons, strict=True))
    for ordered in (pairs, pairs[::-1]):
        for start in range(len(ordered)):
            turned = ordered[start:] + ordered[:start]
            yield tuple(sorted(" ".join(points) for points in zip(*turned, strict=True)))
