"""Which replies of the program count, and as what. Standard library only: see `rpc`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from or1_verify.code.rpc_objects import RemoteObject

_NO_EVIDENCE: Any = (None, bool, str, repr, hash, type, isinstance, issubclass, getattr, setattr, delattr)
_NO_EVIDENCE += operator.setitem, operator.delitem
"""Functions whose plain value says nothing about the program's results."""
_STEPS = frozenset({"send", "throw", "__next__"})
"""Methods of a generator that may end it."""


def is_of_the_tests(function: Any, args: tuple[Any, ...]) -> bool:
    """Whether a call goes to a name of the program or an instance that the tests made, or resumes a
    generator."""
    target = function if type(function) is RemoteObject else args[0] if args else None
    if type(target) is not RemoteObject:
        return False
    is_method = target._or1_is_part and target._or1_label == "method"
    return target._or1_entry[0] == "name" or bool(target._or1_is_tested or is_method) or may_stop(function)


def is_believed(function: Any) -> bool:
    """Whether a plain value that this function returns is evidence."""
    if type(function) is RemoteObject:
        return bool(function._or1_is_believed)
    return not any(function is each for each in _NO_EVIDENCE)


def may_stop(function: Any) -> bool:
    """Whether StopIteration of this function means the end of an iterator."""
    return function is next or (type(function) is RemoteObject and function._or1_asked in _STEPS)


def note_known(result: Any, objects: Sequence[Any]) -> None:
    """Note that a call returned an object that the tests have passed to it."""
    if type(result) is RemoteObject and any(result is each for each in objects):
        result._or1_note(_or1_is_returned=True)
