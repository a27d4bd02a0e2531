r"""A final answer that no box holds: for evaluation of texts that were never asked for a box.

In order: what follows the last "final answer is" or "answer:", the last mathematics between marks (`$...$`, `\(...\)`,
`\[...\]`), and, in a text without any marks, its last number. A text of one short line that is mathematics as a whole
is its own answer. Inline mathematics does not span lines.
"""

from __future__ import annotations

import re

from or1.verify.answer import Answer, AnswerReason, after_thinking

_MAX_LINE = 400
"""Longest text that is taken for an answer as a whole [characters]."""
_MARKED = re.compile(
    r"\$\$(?P<display>.+?)\$\$|(?<!\\)\$(?P<inline>(?:\\\$|[^$\n])+?)(?<!\\)\$|\\\((?P<round>[^\n]+?)\\\)"
    r"|\\\[(?P<square>.+?)\\\]",
    re.DOTALL,
)
_ANNOUNCED = re.compile(r"(?:final answer is|answer is|answer\s*:)[\s:*]*", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\$\s*)?(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+(?!\d)|\d+)?(?:[.,]\d+|\d)(?:/\d+)?"
    r"(?:\s*(?:%|percent\b|pct\b))?(?![\d_])",
)
_MARKUP = re.compile(r"\$|\\\(|\\\[")
_MATH_ONLY = re.compile(r"(?:\\[A-Za-z]+|[^A-Za-z]|(?<![A-Za-z])[A-Za-z]{1,2}(?![A-Za-z]))+")
_SENTENCE_END = re.compile(r"\.(?:\s|$)|\n")


def read_unboxed(text: str) -> Answer:
    """The final answer of a text without a box; reason NO_BOX and no value when there is none."""
    rest = after_thinking(text)
    if rest is None:
        return Answer(None, AnswerReason.UNFINISHED_THINKING)
    value = _value(rest.strip())
    return Answer(value, AnswerReason.BOXED) if value else Answer(None, AnswerReason.NO_BOX)


def _value(text: str) -> str | None:
    announced = [found.end() for found in _ANNOUNCED.finditer(text)]
    if announced:
        following = text[announced[-1] :]
        marked = _MARKED.match(following)
        if marked:
            return _inside(marked)
        sentence = _SENTENCE_END.split(following)[0].strip()
        if sentence and (_MATH_ONLY.fullmatch(sentence) or not _MARKUP.search(text)):
            return _last_number(sentence) if not _MATH_ONLY.fullmatch(sentence) else sentence
    marked_parts = list(_MARKED.finditer(text))
    if marked_parts:
        return _joined_with_sign(text, marked_parts[-1])
    if _MARKUP.search(text.replace("\\$", "")) and not _only_money(text):
        return None
    if len(text) <= _MAX_LINE and "\n" not in text and _MATH_ONLY.fullmatch(text):
        return text
    return _last_number(text)


def _inside(found: re.Match[str]) -> str | None:
    return next((part.strip() for part in found.groups() if part is not None and part.strip()), None)


def _joined_with_sign(text: str, found: re.Match[str]) -> str | None:
    """`$28$ percent` is one answer."""
    inside = _inside(found)
    after = re.match(r"\s*(%|percent|pct)", text[found.end() :])
    return f"{inside}\\%" if inside and after else inside


def _only_money(text: str) -> bool:
    return re.search(r"\\\(|\\\[", text) is None and re.fullmatch(r"[^$]*\$\s*[\d.,]+[^$]*|[^$]*[\d.,]+\s*\$[^$]*", text) is not None


def _last_number(text: str) -> str | None:
    found = [match.group() for match in _NUMBER.finditer(text)]
    return found[-1].replace("$", "").strip() if found else None
