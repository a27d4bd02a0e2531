"""Options that several commands take, and messages of usage errors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/tiny.")]
Bounds = Annotated[
    bool, typer.Option("--bounds", help="Bound the score where samples are missing or not judged.")
]


def given(error: Any, words: list[str]) -> str:
    """The value that an option got, where a bad value of an option is the error."""
    if not isinstance(error, typer.BadParameter) or error.param is None:
        return ""
    for option in error.param.opts:
        if option in words[:-1]:
            return f' {option} is "{words[words.index(option) + 1]}".'
    return ""
