r"""Values with a decimal after them: `1 - e^{-2} \approx 0.8647`."""

from __future__ import annotations

import re
from fractions import Fraction

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Value, Words
from or1_verify.latex.identity import Identity
from or1_verify.latex.reader import read
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import variables
from or1_verify.math.gold import AcceptedGold
from or1_verify.math.plain_number import plain_number

_SIGN = re.compile(r"\\approx(?![A-Za-z])|≈")
_ROUGH = Fraction(1, 50)
"""Largest part of a value by which the decimal after it may be off [fraction]."""


def has_approximation(text: str) -> bool:
    return _SIGN.search(text) is not None


def before_rounded(gold: AcceptedGold, form: Form, answer: str) -> Form | None:
    """The exact value of an answer that ends in the decimal that is the gold; None for other answers."""
    parts = _SIGN.split(answer)
    if len(parts) != 2 or not isinstance(form, Value) or form.literal is None:
        return None
    number = plain_number(parts[1])
    return _read(parts[0]) if number is not None and number == plain_number(gold.text) else None


def is_near_its_decimal(answer: str, identity: Identity) -> bool:
    r"""False for `\sqrt{34} \approx 5.38`: the decimal after a value is far from it.

    Raises:
        NeedsNumbersError: from an exact identity.
    """
    parts = _SIGN.split(answer)
    rough = plain_number(parts[-1]) if len(parts) == 2 else None
    exact = None if rough is None else _constant(parts[0])
    if rough is None or exact is None:
        return True
    try:
        value = identity.value(exact.node)
    except (UndefinedError, NotExactError, TooLargeError):
        return True
    last_place = Fraction(1, 10 ** len(parts[-1].partition(".")[2].strip("$ ")))
    return abs(value - rough) <= max(abs(value) * _ROUGH, last_place)


def is_approximated_by_words(answer: str) -> bool:
    r"""Whether the approximation after a constant is no number: `5 \approx \text{many}`. A number there says
    nothing, as the exact value before it counts."""
    left, *others = _SIGN.split(answer)
    if not left.strip() or not others or _constant(left) is None:
        return False
    rough = [_read(text.rpartition("=")[2]) for text in others]
    return None not in rough and any(
        isinstance(each, Words) or (isinstance(each, Value) and variables(each.node)) for each in rough
    )


def _constant(text: str) -> Value | None:
    """The value after the last equality of a text; None if it has variables or cannot be read."""
    form = _read(text.rpartition("=")[2])
    return form if isinstance(form, Value) and not variables(form.node) else None


def _read(text: str) -> Form | None:
    try:
        return read(text)
    except (UnreadableError, RecursionError):
        return None
