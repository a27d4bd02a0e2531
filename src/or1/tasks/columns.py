"""Columns of a row by the names that a recipe gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from or1.config import DataColumnsConfig
from or1.errors import DataError
from or1.tasks.rows import Row


def has_column(content: Mapping[str, Any], path: str) -> bool:
    """Does a row have this column? A dotted name reads inside a table, unless a column is called so.

    >>> has_column({"body": {"text": "1+1?"}}, "body.text"), has_column({"body.text": "1+1?"}, "body.text")
    (True, True)
    """
    return path in content or _inner(content, path) is not None


def with_columns(content: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    """A row's content with further keys that hold the values of named columns.

    Args:
        content: the row.
        named: key -> column, as in `has_column`.

    Raises:
        DataError: the row lacks a column; the line has no place in it.
    """
    found = dict(content)
    for key, path in named.items():
        if path in content:
            found[key] = content[path]
        elif (inner := _inner(content, path)) is not None:
            table, last = inner
            found[key] = table[last]
        else:
            raise DataError(f"no column {path} (the row has {', '.join(content) or 'nothing'})")
    return found


def _inner(content: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], str] | None:
    """The table that a dotted name leads to, and the name in it; None if there is none."""
    *tables, last = path.split(".")
    here: Any = content
    for name in tables:
        if not isinstance(here, Mapping) or name not in here:
            return None
        here = here[name]
    return (here, last) if isinstance(here, Mapping) and last in here else None


def with_data_columns(
    row: Row, columns: DataColumnsConfig, *, keys: Mapping[str, str], answer_columns: Collection[str]
) -> Row:
    """A row whose named columns stand under the keys that a task reads first.

    Args:
        row: as read.
        columns: of a `[[data]]` table.
        keys: `question`, `answer`, `source` -> key that the task reads first.
        answer_columns: every column that the task may take an answer from. They are removed where an answer
            column is named: an unusable answer there is an error, not a reason to read another column.

    Raises:
        DataError: the row lacks a named column, or the column of the question or source holds no text.
    """
    named = {field: path for field, path in columns.model_dump().items() if path is not None}
    if not named:
        return row
    try:
        values = with_columns(row.content, {keys[field]: path for field, path in named.items()})
    except DataError as error:
        raise DataError(f"{row.place}: {error}: correct data.columns") from error
    for field in named.keys() - {"answer"}:
        value = values[keys[field]]
        is_chat = field == "question" and isinstance(value, list) and bool(value)
        if not is_chat and not (isinstance(value, str) and value.strip()):
            raise DataError(
                f"{row.place}: column {named[field]} holds no text: correct the row, or data.columns.{field}"
            )
    removed = set(answer_columns) - {keys["answer"]} if "answer" in named else set()
    return replace(row, content={key: value for key, value in values.items() if key not in removed})
