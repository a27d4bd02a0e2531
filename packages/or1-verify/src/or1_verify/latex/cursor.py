"""A position in a list of tokens, with look-ahead and skipping for parsers."""

from __future__ import annotations

from or1_verify.latex.tokens import Token, UnreadableError


class Cursor:
    """Reads a list of tokens from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _sees(self, *texts: str) -> bool:
        token = self.next
        return token is not None and token.kind in {"mark", "command"} and token.text in texts

    def _take(self) -> Token:
        token = self.next
        if token is None:
            raise UnreadableError("the expression ends too soon")
        self._at += 1
        return token

    def _skip(self, text: str) -> bool:
        found = self._sees(text)
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise UnreadableError(f"{text!r} is missing")

    def _group_tokens(self) -> list[Token]:
        """The tokens of a braced group, or one token where there are no braces."""
        if not self._skip("{"):
            return [self._take()]
        start, depth = self._at, 1
        while depth:
            text = self._take().text
            depth += (text == "{") - (text == "}")
        return self._tokens[start : self._at - 1]

    def _skips_degree(self) -> bool:
        if self._skip("\\circ"):
            return True
        if self._sees("{") and [t.text for t in self._tokens[self._at : self._at + 3]] == [
            "{",
            "\\circ",
            "}",
        ]:
            self._at += 3
            return True
        return False

    def _sees_capital(self) -> bool:
        return self.next is not None and self.next.kind == "letter" and self.next.text.isupper()

    def _points(self) -> str:
        """Capital letters, with their primes and indices."""
        found = ""
        while self._sees_capital():
            found += self._take().text
            while self._sees("'", "_"):
                mark = self._take().text
                found += mark if mark == "'" else "_" + "".join(each.text for each in self._group_tokens())
        return found

    def _sees_two_numbers(self, or_letters: bool) -> bool:
        """Whether `(5, 2)` follows, or also `(n, 2)`."""
        following = self._tokens[self._at :][:5]
        marks, numbers = [token.text for token in following[::2]], following[1::2]
        return marks == ["(", ",", ")"] and all(
            each.kind == "number" or (or_letters and each.text.islower()) for each in numbers
        )
