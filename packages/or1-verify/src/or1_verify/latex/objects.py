r"""Objects that are named by points or letters, and relations between two of them.

The order of the letters counts as far as the object depends on it: `\angle ABC` is `\angle CBA`, a triangle
has its vertices in any order, a ray begins at its first point, and `\triangle ABC \sim \triangle DEF` says
which vertices belong together.
"""

from __future__ import annotations

import re

from or1_verify.latex.forms import Words
from or1_verify.latex.split import marks_between, split, text_of
from or1_verify.latex.tokens import Token
from or1_verify.latex.tree import Symbol

NAMED_BY_POINTS = frozenset({"angle", "triangle"})
"""Commands before the points of an object."""
MARKED = frozenset({"overline", "vec", "hat", "mathbf", "boldsymbol", "overleftarrow", "overleftrightarrow"})
"""Commands with the letters of a name as their argument."""
_BETWEEN_SIDES = (
    "parallel nparallel perp cong ncong sim nsim asymp doteq propto ll gg models prec succ preceq succeq "
    "subset supset subseteq supseteq subsetneq supsetneq sqsubseteq sqsupseteq in ni notin "
    "vdash dashv mid nmid bowtie leftarrow rightarrow leftrightarrow Leftarrow Rightarrow "
    "Leftrightarrow mapsto to iff implies circ bullet oplus ominus otimes oslash odot star amalg "
    "uplus sqcap sqcup wr cap cup diamond bigcirc triangleleft triangleright setminus over choose bmod"
)
NO_FACTORS = frozenset(f"\\{name}" for name in _BETWEEN_SIDES.split())
"""Commands between two sides that are no multiplication: relations, binary operators, fractions of TeX."""
_RELATIONS = frozenset({"\\parallel", "\\perp", "\\cong", "\\sim"})
_COMPOSITION = frozenset({"\\circ"})
_SIGNS = _RELATIONS | _COMPOSITION
_POINT = r"[A-Z](?:'|_\{?\d\}?)*"
_OBJECT = re.compile(
    r"(?:\\(angle|triangle|overline|overleftrightarrow|vec))?"
    rf"\{{?((?:{_POINT})+|[a-z](?:_\{{?\d\}}?)?|\\ell(?:_\{{?\d\}}?)?)\}}?"
)
_FUNCTION = re.compile(r"[A-Za-z](?:_\{?\w\}?)?(?:\^\{?-1\}?)?")
_TRIANGLE = 3
"""Points of an object whose points correspond to those of another [points]."""


def named_object(kind: str, points: str) -> Symbol:
    r"""An angle, triangle or marked letter as a symbol, with its points in a standard order.

    >>> named_object("angle", "CBA") == named_object("angle", "ABC") != named_object("angle", "BAC")
    True
    """
    return Symbol(f"{kind}({''.join(_standard(kind, re.findall(_POINT, points)))})")


def read_related(tokens: list[Token]) -> Words | None:
    r"""A relation between two objects (`AB \parallel CD`) or a composition (`f \circ g`), in standard order;
    None for other texts.

    >>> read_related([Token("letter", "g"), Token("command", "\\circ"), Token("letter", "f")])
    Words(text='g composed with f')
    """
    if all(token.text not in _SIGNS for token in tokens):
        return None
    for marks in (_RELATIONS, _COMPOSITION):
        signs = marks_between(tokens, marks)
        if not signs:
            continue
        sides = [text_of(side) for side in split(tokens, marks)]
        if marks is _COMPOSITION:
            are_names = all(map(_FUNCTION.fullmatch, sides))
            return Words(" composed with ".join(sides)) if are_names else None
        return _related(signs[0], sides[0], sides[1]) if len(signs) == 1 else None
    return None


def _related(sign: str, left: str, right: str) -> Words | None:
    found = _OBJECT.fullmatch(left), _OBJECT.fullmatch(right)
    if found[0] is None or found[1] is None:
        return None
    kinds = [each[1] or "" for each in found if each]
    points = [re.findall(_POINT, each[2]) for each in found if each]
    are_figures = "angle" not in kinds and {len(each) for each in points} == {_TRIANGLE}
    if are_figures and sign not in {"\\parallel", "\\perp"}:
        pairs = min(sorted(zip(*order, strict=True)) for order in (points, points[::-1]))
        return Words(f"{sign} {' '.join('-'.join(pair) for pair in pairs)}")
    sides = [
        f"{kind} {''.join(_standard(kind, each) or [text])}"
        for kind, each, text in zip(kinds, points, (left, right), strict=True)
    ]
    return Words(f"{sign} {' and '.join(sorted(sides))}")


def _standard(kind: str, points: list[str]) -> list[str]:
    """The points of an object in an order that two names of the object share."""
    if kind == "angle":
        return min(points, points[::-1])
    if kind == "triangle" or (len(points) == 2 and kind not in {"vec", "overleftarrow"}):
        return sorted(points)
    return points
