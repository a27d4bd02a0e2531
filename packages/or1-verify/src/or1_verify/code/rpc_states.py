"""Equality of objects of the program, by their attributes. Standard library only: see `rpc`.

An object's own `==` may answer yes to everything. It is believed where the attributes agree, and where an
object has the expected ones only if the program has computed them:

- The tests have made the expected object with plain values. Right after that its attributes were these
  values, in this order, and at most two lengths of them.
- The attributes of the other object were read when the program returned it, before the expected one was made,
  or the tests have made it too.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

from or1_verify.code.rpc_atoms import is_capitalised
from or1_verify.code.rpc_errors import UnsupportedTestsError, came_from_program

_MOST_ELEMENTS = 64
"""Longest list of results whose attributes are read."""
_MOST_LENGTHS, _MOST_TRIED = 2, 8
"""Lengths beside the values that an object is made with; attributes that are tried as such."""
_PLAIN = (str, bytes, int, float, complex, Decimal, Fraction, date, timedelta, type(None))
Attributes = list[tuple[str, Any]]


class Given(NamedTuple):
    """Facts about an object that the tests have made."""

    moment: int
    """Number of calls of the program until then."""
    values: list[Any] | None
    """The values it was made with; None if they are not plain or the tests do not compare such objects."""
    attributes: Attributes | None
    """Its attributes, if they are these values."""


class _NotPlainError(Exception):
    """A value has parts that are not plain."""


def values_given(maker: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The list of values with which the tests are about to make an object that they compare; None if not
    plain."""
    if not maker._or1_is_named or maker._or1_label not in maker._or1_endpoint.compared:
        return None
    return _plain([*args, *kwargs.values()])


def note_called(caller: Any, result: Any, values: list[Any] | None) -> None:
    """Note what a call has given: an instance, where a name is called that may be a class, or a result."""
    if caller._or1_is_named and is_capitalised(caller._or1_label):
        _note_made(caller, result, values)
    else:
        note_returned(caller, result)


def _note_made(maker: Any, made: Any, values: list[Any] | None) -> None:
    """Note what the tests have made of these values.

    Raises:
        UnsupportedTestsError: the tests compare what it makes, and it is no new object of these values.
    """
    label, endpoint = maker._or1_label, maker._or1_endpoint
    is_object = type(made) is type(maker)
    if is_object and made._or1_is_returned and label in endpoint.compared:
        if not values or made._or1_given is None or made._or1_given.values != values:
            raise UnsupportedTestsError(f"{label}() gives an object that it has given before")
    elif is_object and not made._or1_kind:
        if label == made._or1_label:
            known = _attributes(made) if values else None
            is_expected = bool(known and values and _are_values(known, values))
            made._or1_note(_or1_given=Given(endpoint.num_calls, values, known if is_expected else None))
    elif values is not None:
        value = _plain(made._or1_value() if is_object else made)
        if value not in (values, *values[:1]):
            raise UnsupportedTestsError(f"a value of {label}() is compared with another result")


def note_returned(source: Any, result: Any) -> None:
    """Note the attributes of what the program has returned: an object like the source, or a few in a list."""
    endpoint = source._or1_endpoint
    if not endpoint.compared:
        return
    few = type(result) in (list, tuple) and len(result) <= _MOST_ELEMENTS
    for each in result if few else [result]:
        if type(each) is type(source) and each._or1_label in endpoint.compared and not each._or1_given:
            found = _plain(each._or1_value()) if each._or1_kind else _attributes(each)
            each._or1_note(_or1_state=(endpoint.num_calls, found))


def is_changed(value: Any) -> bool:
    """Whether an object that is a value is another one now than when the program returned it."""
    return value._or1_state is not None and value._or1_state[1] != _plain(value._or1_value())


def equality(one: Any, other: Any) -> bool | None:
    """Whether two objects are equal; None where the answer of the program cannot be believed."""
    endpoint, label = one._or1_endpoint, one._or1_label
    made = [each._or1_given for each in (one, other) if each._or1_given]
    returned = [each._or1_state for each in (one, other) if not each._or1_given]
    known = [each.attributes for each in made] + [each[1] for each in returned if each]
    if label != other._or1_label or not made or len(known) < 2 or None in known:
        return None
    if any(state[0] > given.moment for state in returned for given in made):
        return None
    names = [[name for name, _ in given.attributes] for given in made]
    endpoint.compared[label] = endpoint.compared[label] or names[0]
    if any(each != endpoint.compared[label] for each in names):
        return None
    is_equal = bool(known[0] == known[1])
    return is_equal if endpoint.call(operator.eq, (one, other), {}) is is_equal else None


def says_equal(each: Any, value: Any) -> bool:
    """Whether an object of the program says that it equals a value of the tests."""
    return _answer(operator.eq, each, value, failed=False) is not False


def is_member(each: Any) -> bool:
    """Whether an object is a member of an enumeration by its own word: then it is equal to no other one, as
    an object of any other class would be."""
    return _answer(getattr, each, "__objclass__", failed=None) is not None


def _answer(function: Any, each: Any, argument: Any, *, failed: Any) -> Any:
    """The result of a call with an object of the program; `failed` where the program raises."""
    try:
        return each._or1_endpoint.call(function, (each, argument), {})
    except Exception as error:
        if came_from_program(error):
            return failed
        raise


def _attributes(each: Any) -> Attributes | None:
    """The attributes of an object as of now, in their order; None if one is not plain, or it has none."""
    found = _answer(getattr, each, "__dict__", failed=None)
    plain = _plain(list(found.values())) if type(found) is dict else None
    return list(zip(found, plain, strict=True)) if plain else None


def _are_values(attributes: Attributes, values: list[Any]) -> bool:
    """Whether attributes are these values one by one, or all in one attribute, and lengths of them."""
    lengths = {0, *_lengths(values)}
    parts = {name: each if isinstance(each, list) else [each] for name, each in attributes}
    counts = [
        name for name, part in parts.items() if part and all(type(n) is int and n in lengths for n in part)
    ]
    for number in range(_MOST_LENGTHS + 1):
        for left_out in combinations(counts[:_MOST_TRIED], number):
            kept = [each for name, each in attributes if name not in left_out]
            is_short = sum(len(parts[name]) for name in left_out) <= _MOST_LENGTHS
            if is_short and values in (kept, *kept[: len(kept) == 1]):
                return True
    return False


def _lengths(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        yield len(value)
        for each in value:
            yield from _lengths(each)


def _plain(value: Any) -> Any:
    """A value with lists for its containers, to be compared; None if it has parts that are not plain."""
    try:
        return _normal(value)
    except _NotPlainError:
        return None


def _normal(value: Any) -> Any:
    if type(value).__module__.endswith("rpc_objects"):  # a stand-in, whose module imports this one
        return ["an object", *value._or1_entry]
    if isinstance(value, dict):
        return ["a dictionary", *([_normal(key), _normal(each)] for key, each in value.items())]
    if isinstance(value, set | frozenset):
        return ["a set", *sorted(map(_normal, value), key=repr)]
    if isinstance(value, list | tuple | deque):
        return [_normal(each) for each in value]
    if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
        return ["an array", _normal(value.tolist())]
    if not isinstance(value, _PLAIN):
        raise _NotPlainError
    return value
