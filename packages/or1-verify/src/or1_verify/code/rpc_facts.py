"""Facts about a program that are fixed before it sees a call. Standard library only: see `rpc`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def facts_of(
    scope: Mapping[str, Any], names: Sequence[str], given: Sequence[type], entry_of: Callable[[Any], Any]
) -> dict[str, Any]:
    """The facts about a loaded program.

    Args:
        scope: of the program.
        names: those that the tests use.
        given: classes of the setup, which both sides have.
        entry_of: the entry by whose number the tests' side knows an object.

    Returns:
        `objects`, name -> number, `kinds`, name -> name of its class, and `bases`, name of a class -> name of
        the first class of the setup that it inherits from.
    """
    entries = {name: entry_of(scope[name]) for name in names if name in scope}
    classes = [each for each in scope.values() if isinstance(each, type) and each not in given]
    bases = {cls.__name__: [base.__name__ for base in cls.__mro__ if base in given] for cls in classes}
    return {
        "objects": {name: each[1] for name, each in entries.items()},
        "kinds": {name: each[2] for name, each in entries.items() if not isinstance(scope[name], type)},
        "bases": {name: found[0] for name, found in bases.items() if found},
    }


class Facts:
    """The facts on the tests' side, which a program may have forged: about itself alone."""

    def __init__(self, found: Any, given: Mapping[str, type]) -> None:
        """Read facts; `given` has the classes of the setup.

        Raises:
            TypeError, LookupError, AttributeError: they do not follow the format.
        """
        objects, self.kinds, bases = [{**found.get(key, {})} for key in ("objects", "kinds", "bases")]
        numbers = [*objects.values()]  # an object of two names has none: it could be meant as either
        self.objects = {name: each for name, each in objects.items() if numbers.count(each) == 1}
        self.bases = {name: given[each] for name, each in bases.items() if each in given}
