"""Equality of objects of the program, by their attributes. Standard library only: see `rpc`.

An object's own `==` may answer yes to everything. It is believed where the attributes agree, and where an
object has the expected ones only if the program has computed them:

- The tests have made the expected object with plain values. Its attributes hold these values in their order,
  and no others but two counts.
- The attributes of the other object were read when the program returned it, before the expected one was made.

Of two objects that the tests have made, each is an expected one. Of two that the program has returned, none
is: it has computed both.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from or1_verify.code.rpc_errors import came_from_program

_MOST_ELEMENTS = 64
"""Longest list of results whose attributes are read."""
_MOST_COUNTS, _MOST_TRIED = 2, 8
"""Integers beside the values that an object is made with, as its length; attributes that may be such."""
_State = tuple[int, dict[str, Any]]
"""When attributes were read, as a number of calls, and the attributes."""


def note_made(made: Any, values: Sequence[Any]) -> None:
    """Note the values with which the tests have made an object."""
    made._or1_note(_or1_given=(made._or1_endpoint.num_calls, values))


def note_returned(result: Any, kind: type) -> None:
    """Note the attributes of what the program has returned: a stand-in of this kind, or a few in a list."""
    objects = result if type(result) in (list, tuple) and len(result) <= _MOST_ELEMENTS else [result]
    for each in objects:
        if type(each) is kind and each._or1_label in each._or1_endpoint.compared:
            each._or1_note(_or1_state=_attributes(each))


def equality(one: Any, other: Any) -> bool | None:
    """Whether two objects are equal; None where the answer of the program cannot be believed."""
    if one._or1_label != other._or1_label:
        return None
    states = [_expected(each) if each._or1_given else each._or1_state for each in (one, other)]
    if None in states:
        return None
    if any(
        result._or1_state[0] > expected._or1_given[0]
        for result, expected in ((one, other), (other, one))
        if expected._or1_given and not result._or1_given
    ):
        return None
    is_equal = bool(states[0][1] == states[1][1])
    return is_equal if one._or1_endpoint.call(operator.eq, (one, other), {}) is is_equal else None


def _expected(made: Any) -> _State | None:
    """The attributes of an object that the tests have made, if they are the values that it was made with."""
    found = _attributes(made)
    values = _leaves(made._or1_given[1], type(made))
    if found is None or not values:
        return None
    sizes = {name: _leaves(each, type(made)) or () for name, each in found[1].items()}
    counts = [name for name, each in sizes.items() if each and {*map(type, each)} == {int}][:_MOST_TRIED]
    for left_out in (each for number in range(_MOST_COUNTS + 1) for each in combinations(counts, number)):
        kept = [each for name, each in found[1].items() if name not in left_out]
        is_short = sum(len(sizes[name]) for name in left_out) <= _MOST_COUNTS
        if is_short and _leaves(kept, type(made)) == values:
            return found
    return None


def _attributes(each: Any) -> _State | None:
    """The attributes of an object as of now; None if it has none of its own."""
    try:
        found = each._or1_endpoint.call(getattr, (each, "__dict__"), {})
    except Exception as error:
        if not came_from_program(error):
            raise
        return None
    has_values = type(found) is dict and bool(_leaves([*found.values()], type(each)))
    return (each._or1_endpoint.num_calls, found) if has_values else None


def _leaves(value: Any, kind: type) -> list[Any] | None:
    """The plain values in a value, in their order; None if an object of the program is among them."""
    if type(value) is kind:
        return None
    if isinstance(value, dict):
        value = [part for item in value.items() for part in item]
    if not isinstance(value, list | tuple | set | frozenset | deque):
        return [] if value is None else [value]
    parts = [_leaves(each, kind) for each in value]
    return None if None in parts else [leaf for part in parts for leaf in part or ()]
