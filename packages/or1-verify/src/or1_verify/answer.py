"""Extraction of the final answer: the one rule of all verifiers that read a boxed answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from or1_verify.types import THINK_CLOSE, THINK_OPEN, Verdict

_BOX = r"(?:boxed|fbox)(?![A-Za-z])"
# `\\boxed` is read as a box: models escape twice, and `\\` may end the line before it.
_JOINT = re.compile(
    r"(?:[\s,;&$]|\\(?:quad|qquad|[,;:! ()\[\]])|\\text\s*\{[^{}]*\band\s*\}"
    r"|(?:\\text\s*\{\s*)?(?:and|or)(?:\s*\})?|[A-Za-z](?:_\{?\w\}?)?\s*=)*"
)
_MAX_JOINT = 60
"""Longest text between two boxes that may join them [characters]."""
_TOKEN = re.compile(
    rf"(?P<box>\\{_BOX}\s*(?:\{{|\Z))|\\(?!\\?{_BOX}).|(?P<open>\{{)|(?P<close>\}})", re.DOTALL
)


class AnswerReason(StrEnum):
    """Kind of answer that was found, or the reason that there is none."""

    BOXED = "boxed"
    NO_BOX = "no_box"
    EMPTY_BOX = "empty_box"
    UNTERMINATED_BOX = "unterminated_box"
    UNFINISHED_THINKING = "unfinished_thinking"


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The final answer of a response."""

    value: str | None
    """Content of the final box, stripped; None if there is no answer."""
    reason: AnswerReason
    num_boxes: int = 0
    """Complete boxes in the text that was read. Several boxes that are not joined can mean guessing."""

    def or_verdict(self) -> str | Verdict:
        """The value, or the verdict on a response without an answer."""
        if self.value is None:
            return Verdict.no_answer(self.reason.value)
        return self.value


def after_thinking(text: str) -> str | None:
    """The text after the last `</think>`, where the answer is read.

    Without thinking marks it is the whole text; None if `<think>` is open at the end.
    """
    rest = text.rpartition(THINK_CLOSE)[2]
    return None if THINK_OPEN in rest else rest


def read_answer(text: str) -> FinalAnswer:
    r"""Read the last `\boxed{}` (or `\fbox{}`) after the thinking, by matching braces; linear in the text.

    If the last box is empty or not closed, there is no answer: an earlier box does not count. A box inside a
    box is part of the outer one; a box that contains only a box is opened. Boxes with only blanks, commas,
    "and" or "or" between them are one answer with several parts: boxing two guesses gains nothing.
    """
    rest = after_thinking(text)
    if rest is None:
        return FinalAnswer(None, AnswerReason.UNFINISHED_THINKING)
    boxes, unclosed_at = _boxes(rest)
    num_boxes = _num_outermost(boxes)
    if unclosed_at > (boxes[-1].start if boxes else -1):
        return FinalAnswer(None, AnswerReason.UNTERMINATED_BOX, num_boxes)
    if not boxes:
        return FinalAnswer(None, AnswerReason.NO_BOX)
    value = _inside(rest, boxes, len(boxes) - 1)
    if not value:
        return FinalAnswer(None, AnswerReason.EMPTY_BOX, num_boxes)
    parts = [*_joined_before(rest, boxes), value] if num_boxes > 1 else [value]
    distinct = {_plain(part): part for part in reversed(parts)}
    return FinalAnswer(", ".join(reversed(distinct.values())), AnswerReason.BOXED, num_boxes)


def _plain(part: str) -> str:
    """A part without dollars, and a whole number without leading zeros: boxes that say the same are one."""
    bare = part.strip("$ ")
    return bare.lstrip("0") or "0" if bare.isdigit() else bare


def final_answer(text: str) -> str | None:
    r"""The final answer of a response, or None; `read_answer` also gives the reason.

    >>> final_answer(r"<think>\boxed{1}</think> So \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    >>> final_answer(r"<think>\boxed{1}") is None
    True
    """
    return read_answer(text).value


class _Box(NamedTuple):
    """Offsets of a complete box: its command, the first character inside, its closing brace."""

    command: int
    start: int
    end: int


def _boxes(text: str) -> tuple[list[_Box], int]:
    """Complete boxes in the order of their ends, and the start of the last open box (-1: none)."""
    open_braces: list[tuple[int, int, bool]] = []
    complete: list[_Box] = []
    at_the_end = -1
    for token in _TOKEN.finditer(text):
        if token["box"] and not token["box"].endswith("{"):
            at_the_end = token.end()
        elif token["box"] or token["open"]:
            open_braces.append((token.start(), token.end(), bool(token["box"])))
        elif token["close"] and open_braces:
            command, start, is_box = open_braces.pop()
            if is_box:
                complete.append(_Box(command, start, token.start()))
    unclosed = max((start for _, start, is_box in open_braces if is_box), default=-1)
    return complete, max(unclosed, at_the_end)


def _num_outermost(boxes: list[_Box]) -> int:
    num, outer_command = 0, None
    for box in reversed(boxes):
        if outer_command is None or box.end < outer_command:
            num, outer_command = num + 1, box.command
    return num


def _joined_before(text: str, boxes: list[_Box]) -> list[str]:
    """Contents of the boxes that are joined to the last one, in order."""
    parts: list[str] = []
    following = boxes[-1].command
    for number in range(len(boxes) - 2, -1, -1):
        box = boxes[number]
        if box.end > following:
            continue
        between = text[box.end + 1 : following]
        inside = _inside(text, boxes, number)
        if len(between) > _MAX_JOINT or not _JOINT.fullmatch(between) or not inside:
            break
        parts.append(inside)
        following = box.command
    return parts[::-1]


def _inside(text: str, boxes: list[_Box], number: int) -> str:
    """The content of a box, stripped; a box that contains only a box is opened."""
    box = boxes[number]
    while number > 0 and boxes[number - 1].command >= box.start:
        inner = boxes[number - 1]
        if (text[box.start : inner.command] + text[inner.end + 1 : box.end]).strip():
            break
        box, number = inner, number - 1
    return text[box.start : box.end].strip()
