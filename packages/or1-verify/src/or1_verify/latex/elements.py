"""Compare lists, tuples and sets element by element, by order or by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise

from or1_verify.latex.forms import Dots, Form, Many, Named, Order, Value, Words
from or1_verify.latex.names import JOINT
from or1_verify.latex.tree import Number

Same = Callable[[Form, Form], bool]
_MOST_LEFT_OUT = 100
"""Most numbers that dots stand for [numbers]."""
_OF_LETTER = re.compile(r"([a-z])\([a-z]\)")
"""A function of one letter: `x(t)` is `x` in a list."""
_ROOT_NAME = re.compile(r"([a-z])_?\{?(\d+)\}?")


@dataclass(frozen=True, slots=True)
class Elements:
    order: Order
    items: tuple[Form, ...]
    names: tuple[str, ...] = ()
    """One distinct name per item; empty if the items have none."""
    one_name: str = ""
    """Of all items together."""


def elements_of(form: Form) -> Elements:
    """The elements of a form with their names; a form of another kind is one element."""
    match form:
        case Many(order, items):
            return _unnamed(order, tuple(each for item in items for each in _apart(item)))
        case Named(name, Many(Order.TUPLE, items)) if name.startswith("("):
            names = tuple(name[1:-1].split(","))
            return Elements(Order.TUPLE, items, names if len(names) == len(items) else ())
        case Named(name, inner) if JOINT not in name:
            return elements_of(inner)
        case Named():
            return _unnamed(Order.LIST, _apart(form))
        case Words("no solution"):
            return Elements(Order.SET, ())
    return Elements(Order.LIST, (form,))


def _short(name: str) -> str:
    of_letter = _OF_LETTER.fullmatch(name)
    return of_letter[1] if of_letter else name


def _apart(item: Form) -> tuple[Form, ...]:
    """`a = b = 1` as `a = 1` and `b = 1`."""
    if not isinstance(item, Named) or JOINT not in item.name:
        return (item,)
    return tuple(replace(item, name=name) for name in item.name.split(JOINT))


def _unnamed(order: Order, items: tuple[Form, ...]) -> Elements:
    """Drop names that carry no information: one name for all items, or a name for the first item only."""
    items = _written_out(items)
    names = [_short(item.name) if isinstance(item, Named) else "" for item in items]
    if all(name.startswith("(") for name in names if name):
        return Elements(order, tuple(item.form if isinstance(item, Named) else item for item in items))
    bare = tuple(item.form if isinstance(item, Named) else item for item in items)
    if all(names) and len(set(names)) == len(names):
        return Elements(order, bare, tuple(names))
    if tuples := _by_name(names, bare):
        return Elements(order, tuples)
    if len(set(names)) == 1 or not any(names[1:]):
        is_variable = len(names) > 1 and len(names[0]) == 1 and names[0].islower()
        return Elements(order, bare, one_name=names[0] if is_variable else "")
    return Elements(order, items)


def _by_name(names: list[str], forms: tuple[Form, ...]) -> tuple[Form, ...]:
    """`x = 1, y = 2, x = 2, y = 1` as `(1, 2), (2, 1)`: a tuple for each round of the same letters, in the
    order of the alphabet; empty for other names."""
    size = len(set(names))
    starts = range(0, len(names), size or 1)
    rounds = [dict(zip(names[s : s + size], forms[s : s + size], strict=True)) for s in starts]
    if size < 2 or any(len(name) != 1 for name in names) or any(len(each) < size for each in rounds):
        return ()
    return tuple(Many(Order.TUPLE, tuple(each[name] for name in sorted(each))) for each in rounds)


def _written_out(items: tuple[Form, ...]) -> tuple[Form, ...]:
    r"""`1, 2, \ldots, 10` with the whole numbers that it leaves out: in equal steps, or multiplied by a whole
    number (`1, 2, 4, \ldots, 64`). Where these are too many or have no end, without the numbers before the
    dots that follow from those before them."""
    place = next((number for number, item in enumerate(items) if isinstance(item, Dots)), 0)
    before, after = _all_whole(items[:place]), _all_whole(items[place + 1 :])
    rule = _rule(before)
    if rule is None:
        return items
    left_out = numbers_left_out(before, after)
    if left_out is None:
        num_needed = 2 if rule[0] == 1 else 3
        return (*items[: min(place, num_needed)], *items[place:])
    return (*items[:place], *(Value(Number(Fraction(each))) for each in left_out), *items[place + 1 :])


def numbers_left_out(before: list[int], after: list[int]) -> list[int] | None:
    r"""The whole numbers for the dots between others; None where these follow no rule or end nowhere.

    >>> numbers_left_out([0, 2], [8]), numbers_left_out([1, 2, 4], [32]), numbers_left_out([0, 2], [7])
    ([4, 6], [8, 16], None)
    """
    rule = _rule(before)
    if rule is None or not after:
        return None
    factor, step = rule
    found = [before[-1]]
    while found[-1] != after[0] and len(found) <= _MOST_LEFT_OUT:
        found.append(found[-1] * factor + step)
    return found[1:-1] if found[-1] == after[0] and _follow(after, factor, step) else None


def _rule(values: list[int]) -> tuple[int, int] | None:
    """Factor and step from each of the numbers to the next one; a step of 1 after one number."""
    if not values:
        return None
    factor, step = 1, values[-1] - values[-2] if len(values) > 1 else 1
    if not _follow(values, factor, step) and values[0] and values[1] % values[0] == 0:
        factor, step = values[1] // values[0], 0
    return (factor, step) if _follow(values, factor, step) else None


def _follow(values: list[int], factor: int, step: int) -> bool:
    return all(one * factor + step == other for one, other in pairwise(values))


def _all_whole(items: tuple[Form, ...]) -> list[int]:
    """The items as whole numbers with nothing beside them; empty if one is none."""
    nodes = [item.node for item in items if isinstance(item, Value) and item == Value(item.node)]
    values = [int(n.value) for n in nodes if isinstance(n, Number) and n.value.denominator == 1]
    return values if len(values) == len(items) else []


def same_elements(gold: Elements, answer: Elements, same: Same) -> bool:
    """Whether the answer has the elements of the gold, in the same order where the order matters."""
    if gold.names and answer.names:
        gold_items = dict(zip(gold.names, gold.items, strict=True))
        answer_items = dict(zip(answer.names, answer.items, strict=True))
        same_names = gold_items.keys() == answer_items.keys()
        return same_names and all(same(gold_items[name], answer_items[name]) for name in gold_items)
    if answer.one_name and (gold.order is Order.TUPLE or (gold.names and not _are_roots(gold.names))):
        return False  # `x = 1, 4` are two values of x
    if gold.names:
        if _are_roots(gold.names) and answer.order is not Order.TUPLE:
            return _match(gold.items, answer.items, same)
        return answer.order is not Order.SET and _in_order(gold.items, answer.items, same)
    if answer.names and not _are_roots(answer.names):
        if gold.order is not Order.TUPLE:
            return _match(gold.items, answer.items, same)
        items = answer.items
        if all(len(name) == 1 for name in answer.names):
            by_name = sorted(zip(answer.names, range(len(answer.names)), strict=True))
            items = tuple(answer.items[place] for _, place in by_name)
        return _in_order(gold.items, items, same)
    return _same_unnamed(gold, answer, same)


def _same_unnamed(gold: Elements, answer: Elements, same: Same) -> bool:
    if Order.SET in (gold.order, answer.order):
        same = partial(_same_member, same)
    if any(isinstance(item, Dots) for item in (*gold.items, *answer.items)):
        return _in_order(gold.items, answer.items, same)
    if gold.order is Order.SET or answer.order is Order.SET:
        if gold.order is Order.TUPLE:
            return False
        if answer.order is Order.TUPLE:
            return len(gold.items) > 2 and _in_order(gold.items, answer.items, same)
        wanted = _distinct(gold.items, same)
        if gold.order is Order.LIST and len(wanted) < len(gold.items):
            return _match(gold.items, answer.items, same)  # a list counts its repetitions
        return _match(wanted, _distinct(answer.items, same), same)
    if gold.order is Order.TUPLE or answer.order is Order.TUPLE:
        return _in_order(gold.items, answer.items, same)
    return _match(gold.items, answer.items, same)


def _same_member(same: Same, gold: Form, answer: Form) -> bool:
    r"""A set is no member of itself: `\{\{1\}\}` is not `\{1\}`."""
    return _is_set(gold) == _is_set(answer) and same(gold, answer)


def _is_set(form: Form) -> bool:
    return isinstance(form, Words | Many) and elements_of(form).order is Order.SET


def _are_roots(names: tuple[str, ...]) -> bool:
    r"""`x_1, x_2, ...`: indices that only number the solutions."""
    found = [_ROOT_NAME.fullmatch(name) for name in names]
    numbers = [int(match[2]) for match in found if match]
    letters = {match[1] for match in found if match}
    return len(letters) == 1 and numbers == list(range(1, len(names) + 1))


def _in_order(gold: tuple[Form, ...], answer: tuple[Form, ...], same: Same) -> bool:
    return len(gold) == len(answer) and all(
        same(gold_item, answer_item) for gold_item, answer_item in zip(gold, answer, strict=True)
    )


def _match(gold: tuple[Form, ...], answer: tuple[Form, ...], same: Same) -> bool:
    """Whether equal elements pair up one to one."""
    if (numbers := _all_whole(gold)) and (others := _all_whole(answer)):
        return Counter(numbers) == Counter(others)  # there may be a hundred
    unmatched = list(answer)
    for item in gold:
        found = next((place for place, other in enumerate(unmatched) if same(item, other)), None)
        if found is None:
            return False
        del unmatched[found]
    return not unmatched


def _distinct(items: tuple[Form, ...], same: Same) -> tuple[Form, ...]:
    if numbers := _all_whole(items):
        return tuple(dict(zip(numbers, items, strict=True)).values())
    kept: list[Form] = []
    for item in items:
        if not any(same(other, item) for other in kept):
            kept.append(item)
    return tuple(kept)
