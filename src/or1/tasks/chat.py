"""Questions that come as chat messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from or1.errors import DataError
from or1.tasks.prompts import with_instruction
from or1.tasks.rows import Row
from or1.types import Message


def chat_of(row: Row, turns: list[Any], instruction: str) -> tuple[Message, ...]:
    """The messages of a row's prompt, with the instruction at the end of the last.

    Raises:
        DataError: a message without role or content, or a prompt that does not end with the user's turn.
    """
    messages = []
    for turn in turns:
        if not isinstance(turn, dict) or not (is_text(turn, "role") and is_text(turn, "content")):
            raise DataError(
                f"{row.place}: each message of a chat prompt needs a role and a content, both text"
            )
        messages.append(Message(turn["role"], turn["content"]))
    last = messages.pop()
    if last.role != "user":
        raise DataError(
            f"{row.place}: the chat prompt ends with role {last.role}: end it with the user's turn"
        )
    return (*messages, Message("user", with_instruction(last.content, instruction)))


def with_system_prompt(messages: tuple[Message, ...], system_prompt: str) -> tuple[Message, ...]:
    """The messages after a system message; a prompt that has one of its own, or an empty text, changes
    nothing."""
    if not system_prompt or any(message.role == "system" for message in messages):
        return messages
    return (Message("system", system_prompt), *messages)


def is_text(content: Mapping[str, Any], key: str) -> bool:
    """Does a row have text under this key, and not only blanks?"""
    return key in content and isinstance(content[key], str) and bool(content[key].strip())


def question_of(row: Row, columns: Sequence[str], suffix: str) -> tuple[str, tuple[Message, ...]]:
    """The bare question of a benchmark's row, and the messages before it.

    Args:
        row: of a benchmark's file.
        columns: that may hold the question; the first that is there counts.
        suffix: instruction to remove from the end.

    Raises:
        DataError: the row has none.
    """
    for column in columns:
        if is_text(row.content, column):
            return row.content[column].replace("\r\n", "\n").removesuffix(suffix), ()
        if column in row.content and isinstance(row.content[column], list) and row.content[column]:
            *before, last = chat_of(row, row.content[column], "")
            return last.content.removesuffix(suffix), tuple(before)
    raise DataError(f"{row.place}: no question: give it as {', '.join(columns)}")


def first_text(row: Row, columns: Sequence[str]) -> str | None:
    """Value of the first of the columns that the row has, as text."""
    for column in columns:
        if column in row.content and row.content[column] not in (None, ""):
            return str(row.content[column])
    return None
