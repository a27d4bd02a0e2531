"""Messages of usage errors."""

from __future__ import annotations

from typing import Any

import typer


def given(error: Any, words: list[str]) -> str:
    """The value that an option got, where a bad value of an option is the error."""
    if not isinstance(error, typer.BadParameter) or error.param is None:
        return ""
    for option in error.param.opts:
        if option in words[:-1]:
            return f' {option} is "{words[words.index(option) + 1]}".'
    return ""
