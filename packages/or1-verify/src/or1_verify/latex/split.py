"""Split tokens at marks outside all brackets."""

from __future__ import annotations

from collections.abc import Set

from or1_verify.latex.tokens import Token, UnreadableError

_OPENING = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle", "\\lfloor": "\\rfloor",
            "\\lceil": "\\rceil"}  # fmt: skip
_CLOSING = frozenset(_OPENING.values())


def split(tokens: list[Token], marks: Set[str]) -> list[list[Token]]:
    """The runs of tokens between the marks.

    Raises:
        UnreadableError: brackets that do not close; the two ends of an interval may be of different kinds.
    """
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += _change(token)
        if depth < 0:
            raise UnreadableError("a bracket is never opened")
        if depth == 0 and token.text in marks and token.kind in {"mark", "command"}:
            parts.append([])
        else:
            parts[-1].append(token)
    if depth:
        raise UnreadableError("a bracket is never closed")
    return parts


def marks_between(tokens: list[Token], marks: Set[str]) -> list[str]:
    """The marks at which `split` splits, in order."""
    found, depth = [], 0
    for token in tokens:
        depth += _change(token)
        if depth == 0 and token.text in marks and token.kind in {"mark", "command"}:
            found.append(token.text)
    return found


def inside_brackets(tokens: list[Token], *kinds: str) -> list[Token] | None:
    """The tokens inside, if one pair of brackets of these kinds encloses all tokens; else None."""
    if len(tokens) < 2 or tokens[0].kind == "text" or tokens[0].text not in kinds:
        return None
    closing = {_OPENING[kind] for kind in kinds}
    if tokens[-1].text not in closing or tokens[-1].kind == "text":
        return None
    depth = 0
    for token in tokens[:-1]:
        depth += _change(token)
        if depth == 0:
            return None
    return tokens[1:-1]


def text_of(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens)


def _change(token: Token) -> int:
    if token.kind == "text":
        return 0
    if token.text in _OPENING or token.text.startswith("\\begin"):
        return 1
    return -1 if token.text in _CLOSING or token.text.startswith("\\end") else 0
