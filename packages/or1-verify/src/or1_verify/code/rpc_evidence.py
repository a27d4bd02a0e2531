"""Names of the methods of values; the evidence in replies. Standard library only: see `rpc`."""

from __future__ import annotations

from collections import Counter, deque
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

QUESTIONS = frozenset({"issubset", "issuperset", "isdisjoint", "startswith", "endswith", "equals"})
"""Methods of values that answer a question about their argument, which may be an expected value."""
_SEARCHES = frozenset({"count", "index", "find", "rfind", "rindex"})
_DIFFERENCES = frozenset({
    "difference", "symmetric_difference", "intersection", "replace", "removeprefix", "removesuffix", "strip",
    "lstrip", "rstrip", "translate", "compare", "isclose", "setdefault",
})  # fmt: skip
"""Methods of values that tell how much of their argument is in the value, or give the argument back."""


_OF_VALUES = frozenset({"all", "any", "equals"}).union(
    *(vars(cls) for cls in (str, bytes, int, float, complex, list, tuple, dict, set, deque, Counter)),
    *(vars(cls) for cls in (Decimal, Fraction, date, datetime, timedelta)),
)
"""Methods and attributes that values have, which a correct program may return in place of an object."""
TELLING = _SEARCHES | _DIFFERENCES
"""Methods of values whose argument may be an expected value, beside the questions."""
ANSWERED_BY_VALUES = QUESTIONS | _SEARCHES | {"get"}
"""Methods of an object that stands for a value, which the value answers."""


class Evidence:
    """Whether some reply of the program can tell it from an object that says yes to everything.

    A plain value, an error, a change of an argument and a call of a function of the tests do. The truth and
    the text of an object do not, nor does True, False or None from a method or an attribute of an object that
    a function of the program returned, unless there are True and False.
    """

    def __init__(self) -> None:
        self.is_found = False
        self._answers: dict[bool, str] = {}
        """The names of methods and attributes, by their answer."""
        self._asked: set[str] = set()

    def add_answer(self, name: str, result: Any) -> None:
        """Note the plain answer of a method or attribute of an object that a function returned."""
        self._asked.add(name)
        if type(result) is bool:
            self._answers[result] = name
        self.is_found |= len(self._answers) == 2 or type(result) not in (bool, type(None), type)

    def problem(self) -> tuple[str, str] | None:
        """Reason and detail if the tests rest on such answers alone; None = they do not.

        Where values have a method of that name, a correct program may return one: the object is wrong.
        """
        if self.is_found or not self._asked:
            return None
        names = ", ".join(sorted(self._asked))
        if self._asked & _OF_VALUES:
            return "wrong_answer", f"an object of the program in place of a value ({names})"
        return "unsupported", f"the tests rest only on the answer of an object of the program ({names})"
