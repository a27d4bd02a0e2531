r"""Decimals with a period: `0.\overline{3}`, `0.1666\ldots`."""

from __future__ import annotations

import re
from fractions import Fraction

from or1_verify.latex.cursor import Cursor
from or1_verify.latex.derived import repeating
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import Node, Number

BARS = frozenset({"\\overline", "\\dot"})
_PERIOD = re.compile(r"(\d+\.\d*?)(\d+?)\2\2+")
"""Digits written three times repeat without end before three dots."""
_FEW_DIGITS = 6
"""Longest decimal without a period that says too little before three dots [characters]."""


class DecimalCursor(Cursor):
    """Reads a number and the period after it."""

    def _number(self, text: str) -> Node:
        value = Number(Fraction(text), not text.isdigit())
        text = "0" + text if text.startswith(".") else text
        following = [token.text for token in self._tokens[self._at : self._at + 2]]
        if "." in text and following[:1] == ["\\ldots"]:
            self._at += 1
            found = _PERIOD.fullmatch(text)
            if found is None and len(text) <= _FEW_DIGITS:
                raise UnreadableError("digits without a period")
            return value if found is None else repeating(found[1], found[2])
        has_bar = following[:1] and following[0] in BARS and "." in text
        if not has_bar and not (following[:1] == ["."] and following[1:] and following[1] in BARS):
            return value
        self._at += 1 + (following[0] == ".")
        digits = "".join(token.text for token in self._group_tokens())
        if not digits.isdigit() or len(digits) > 50:
            raise UnreadableError("a period that is not digits")
        return repeating(text, digits)
