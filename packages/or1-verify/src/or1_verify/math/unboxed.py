r"""Final answers outside a box, for evaluation with prompts that do not ask for a box.

Tried in order: the text after the last "final answer is" or "answer:", the last mathematics between marks
(`$...$`, `\(...\)`, `\[...\]`) and, in a text without any marks, its last number. A text of one short line
that is mathematics as a whole is the answer. Inline mathematics does not span lines.
"""

from __future__ import annotations

import re

from or1_verify.answer import AnswerReason, FinalAnswer, after_thinking
from or1_verify.latex.tokens import GLUED_AND

_MAX_LINE = 400
"""Longest text that may be an answer as a whole [characters]."""
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
_FINAL = re.compile(r"final answer is[\s:*]*", re.IGNORECASE)
_MONEY = re.compile(r"[^$]*\$\s*[\d.,]+[^$]*|[^$]*[\d.,]+\s*\$[^$]*")
_DOLLARS = re.compile(
    r"(?<!\\)\$(?=\d[\d,.]*(?:\s+[A-Za-z]{2,}[ .,]|\s*[-+=*/]\s*\$\d|[.,;]?\s*(?:\n|\Z)|\.\s))"
)
"""A dollar sign of an amount of money: after its number come words, another amount, or nothing."""
_MARKUP = re.compile(r"\$|\\\(|\\\[")
_MATH_ONLY = re.compile(r"(?:\\[A-Za-z]+|[^A-Za-z]|(?<![A-Za-z])[A-Za-z]{1,2}(?![A-Za-z]))+")
_SENTENCE_END = re.compile(r"\.(?:\s|$)|\n")


def read_unboxed(text: str) -> FinalAnswer:
    """The final answer of a text without a box; reason NO_BOX and no value if there is none."""
    rest = after_thinking(text)
    if rest is None:
        return FinalAnswer(None, AnswerReason.UNFINISHED_THINKING)
    rest = _DOLLARS.sub("", rest)
    value = _announced(rest) or _last_value(rest.strip())
    return FinalAnswer(value, AnswerReason.BOXED) if value else FinalAnswer(None, AnswerReason.NO_BOX)


def announced_after_box(text: str) -> str | None:
    """The final answer that a text states in marks after its last box: the later statement counts."""
    after = (after_thinking(text) or "").rpartition("\\boxed{")[2]
    found = [match.end() for match in _FINAL.finditer(after)]
    marked = _MARKED.match(after, found[-1]) if found else None
    return _inside(marked) if marked else None


def _announced(text: str) -> str | None:
    found = [match.end() for match in _ANNOUNCED.finditer(text)]
    if not found:
        return None
    following = text[found[-1] :]
    marked = _MARKED.match(following)
    if marked:
        return _joined_with_sign(following, marked)
    sentence = _SENTENCE_END.split(following)[0].strip()
    return sentence if sentence and _is_mathematics(sentence) and not _MARKUP.search(sentence) else None


def _last_value(text: str) -> str | None:
    """The last marked mathematics, or the last number after it; or a short text of mathematics alone."""
    parts = list(_MARKED.finditer(text))
    outside = _MARKED.sub(lambda found: " " * len(found.group()), text)
    if _MARKUP.search(outside) and not _MONEY.fullmatch(outside):
        return _joined_with_sign(text, parts[-1]) if parts else None
    if not parts and len(text) <= _MAX_LINE and "\n" not in text and _is_mathematics(text):
        return text
    numbers = [found for found in _NUMBER.finditer(outside) if not parts or found.start() > parts[-1].end()]
    if numbers and not (parts and _joined_with_sign(text, parts[-1]) != _inside(parts[-1])):
        return numbers[-1].group().replace("$", "").strip()
    return _joined_with_sign(text, parts[-1]) if parts else None


def _is_mathematics(text: str) -> bool:
    return _MATH_ONLY.fullmatch(GLUED_AND.sub(" , ", text)) is not None


def _inside(found: re.Match[str]) -> str | None:
    return next((part.strip() for part in found.groups() if part is not None and part.strip()), None)


def _joined_with_sign(text: str, found: re.Match[str]) -> str | None:
    """`$28$ percent` is one answer."""
    inside = _inside(found)
    after = re.match(r"\s*(%|percent|pct)", text[found.end() :])
    return f"{inside}\\%" if inside and after else inside
