r"""Numbers and points that an integer or a real parameter counts: `\frac{\pi}{3} + k\pi`, `(1 + 2t, 3 - t)`.

Two families of angles are compared as sets of numbers, two lines as sets of points.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError, exact
from or1_verify.latex.forms import Form, Many, Named, Order, Scoped, Value
from or1_verify.latex.parameters import letters_of, variables_of
from or1_verify.latex.tree import PI, Node, Number, replaced, variables, walk

_FREE = frozenset({"integer", "any"})
_REAL = frozenset({"real", "any"})
_COUNTERS = frozenset("jklmnpq")
_INTEGER = re.compile(r"\b([a-z])\$?,?\s+(?:(?:is|denotes|be)\s+)?(?:an?|any|an arbitrary)\s+integer")
_PLACES = (2, 7, -1, -4, 31)
"""Where a function that is linear from 0 to 1 has to be linear too."""
_MOST = 1_000
"""Most numbers of one period of a family [numbers]."""


@dataclass(frozen=True, slots=True)
class _Steps:
    """Numbers `first + k step`, as multiples of pi where `has_pi`."""

    first: Fraction
    step: Fraction
    has_pi: bool


@dataclass(frozen=True, slots=True)
class _Line:
    names: tuple[str, ...]
    """Of the coordinates, in the order of the alphabet; empty if they have none."""
    first: tuple[Fraction, ...]
    step: tuple[Fraction, ...]
    kind: str
    """Of the parameter: a name of numbers, or empty."""


def same_with_parameter(gold: Form, answer: Form, question: str) -> bool:
    r"""Whether two families of angles are the same numbers, or two points with a parameter the same points:
    `\frac{\pi}{4} + \frac{k\pi}{2}` and `\frac{\pi}{4} + k\pi, \frac{3\pi}{4} + k\pi`.

    The letters of the gold have to be parameters: it says of which kind, or the question lacks them. In
    `180^\circ(n-2)`, n is the number of sides.
    """
    letters = variables_of(gold)
    if not letters:
        return False
    given = letters_of(question)
    counters = {*_INTEGER.findall(question)}
    is_free = isinstance(gold, Scoped) or (given is not None and not (letters & given) - counters)
    return is_free and (_same_angles(gold, answer) or _same_line(gold, answer, question))


def _same_angles(gold: Form, answer: Form) -> bool:
    wanted = _families(gold)
    found = _families(answer) if wanted else []
    if not found or len({each.has_pi for each in (*wanted, *found)}) > 1:
        return False
    period = _lcm([each.step for each in (*wanted, *found)])
    if any(period / each.step > _MOST for each in (*wanted, *found)):
        return False
    return _numbers(wanted, period) == _numbers(found, period)


def _families(form: Form) -> list[_Steps]:
    """The families that a form lists; empty if it has anything else."""
    inner, kinds = _without_domain(form)
    if not kinds <= _FREE:
        return []
    items = inner.items if isinstance(inner, Many) and inner.order is not Order.TUPLE else (inner,)
    names = {item.name for item in items if isinstance(item, Named)}
    nodes = [item.form if isinstance(item, Named) else item for item in items]
    found = [_steps(each) for each in nodes]
    return [each for each in found if each] if None not in found and len(names) < 2 else []


def _steps(form: Form) -> _Steps | None:
    if not isinstance(form, Value) or isinstance(form.node, Number):
        return None
    names = variables(form.node)
    if len(names) != 1 or not names <= _COUNTERS:
        return None
    found, doubled = (_linear(replaced(form.node, PI, Number(Fraction(pi))), *names) for pi in (1, 2))
    has_pi = PI in walk(form.node)
    if not found or not found[1] or not (has_pi or form.radians is not None):
        return None
    is_multiple = not has_pi or doubled == (2 * found[0], 2 * found[1])  # `0.5 + k \pi` is none
    return _Steps(found[0], abs(found[1]), has_pi) if is_multiple else None


def _linear(node: Node, name: str) -> tuple[Fraction, Fraction] | None:
    """The value at 0 and the slope of a linear function; None for others."""
    try:
        values = [exact(node, {name: Fraction(place)}) for place in (0, 1, *_PLACES)]
    except (NotExactError, TooLargeError, UndefinedError):
        return None
    slope = values[1] - values[0]
    is_linear = all(
        value - values[0] == place * slope for place, value in zip(_PLACES, values[2:], strict=True)
    )
    return (values[0], slope) if is_linear else None


def _lcm(steps: Sequence[Fraction]) -> Fraction:
    below = lcm(*(each.denominator for each in steps))
    return Fraction(lcm(*(int(each * below) for each in steps)), below)


def _numbers(families: Sequence[_Steps], period: Fraction) -> set[Fraction]:
    """The members from 0 to one period."""
    return {
        (each.first + count * each.step) % period
        for each in families
        for count in range(int(period / each.step))
    }


def _same_line(gold: Form, answer: Form, question: str) -> bool:
    """From any first point; where integers count, the same points, and not every second one."""
    wanted = _line(gold)
    found = _line(answer) if wanted else None
    if wanted is None or found is None or len(wanted.first) != len(found.first):
        return False
    if wanted.names and found.names and wanted.names != found.names:
        return False
    are_whole = "integer" in {wanted.kind, found.kind} or "integer" in question
    kinds = {wanted.kind, found.kind} - {""}
    if len(kinds - {"any"}) > 1 or not kinds <= (_FREE if are_whole else _REAL):
        return False
    apart = tuple(there - here for here, there in zip(wanted.first, found.first, strict=True))
    factor, distance = _multiple(found.step, wanted.step), _multiple(apart, wanted.step)
    if not factor or distance is None:
        return False
    return not are_whole or (abs(factor) == 1 and distance.denominator == 1)


def _multiple(vector: Sequence[Fraction], of: Sequence[Fraction]) -> Fraction | None:
    """The factor that makes one vector of another one."""
    place = next(number for number, each in enumerate(of) if each)
    factor = vector[place] / of[place]
    return factor if all(each == factor * other for each, other in zip(vector, of, strict=True)) else None


def _line(form: Form) -> _Line | None:
    inner, kinds = _without_domain(form)
    names: tuple[str, ...] = ()
    match inner:
        case Named(name, Many(Order.TUPLE, items)) if name.startswith("("):
            names = tuple(name.strip("()").split(","))
        case Many(Order.TUPLE, items):
            pass
        case Many(Order.LIST, items) if all(isinstance(item, Named) for item in items):
            names = tuple(item.name for item in items if isinstance(item, Named))
            items = tuple(item.form if isinstance(item, Named) else item for item in items)
        case _:
            return None
    nodes = [item.node for item in items if isinstance(item, Value) and not item.unit]
    letters = frozenset().union(*map(variables, nodes)) if nodes else frozenset[str]()
    is_named = not names or (len({*names}) == len(items) and all(len(name) == 1 for name in names))
    if len(nodes) != len(items) or len(letters) != 1 or len(kinds) > 1 or letters & {*names} or not is_named:
        return None
    parts = [_linear(node, *letters) for node in nodes]
    pairs = [part for part in parts if part]
    if len(pairs) < len(parts):
        return None
    if names:
        pairs = [pair for _, pair in sorted(zip(names, pairs, strict=True))]
    if not any(step for _, step in pairs):
        return None
    kind = next(iter(kinds), "")
    return _Line(tuple(sorted(names)), tuple(a for a, _ in pairs), tuple(b for _, b in pairs), kind)


def _without_domain(form: Form) -> tuple[Form, set[str]]:
    """The form, and the kinds of numbers that its parameters may be; a set of numbers is its own kind."""
    if not isinstance(form, Scoped):
        return form, set()
    return form.form, {each.kind if isinstance(each.kind, str) else "region" for each in form.domains}
