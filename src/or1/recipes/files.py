"""Files that a recipe names: their text becomes part of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from or1.errors import ConfigError
from or1.plugins import absolute_plugin


def read_template(table: dict[str, Any], folder: Path, origin: str) -> None:
    """Replace the path in `model.chat.template` by the text of the file, in place. Text stays as it is.

    Args:
        table: a run or an evaluation, or a part of one.
        folder: where a relative path starts.
        origin: recipe or option that names the file, for the error.

    Raises:
        ConfigError: the file does not exist or is not UTF-8 text, or it holds no template.
    """
    chat = table
    for key in ("model", "chat"):
        if not isinstance(chat.get(key), dict):
            return
        chat = chat[key]
    value = chat.get("template")
    if not isinstance(value, str) or "{" in value:
        return
    path = folder / Path(value).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f'{origin}: model.chat.template = "{value}": {path} cannot be read ({error})'
        ) from None
    if "{" not in text:
        raise ConfigError(
            f"{origin}: model.chat.template: {path} holds no Jinja template: it has no {{{{ }}}}"
        )
    chat["template"] = text


def resolve_tasks(table: dict[str, Any], folder: Path, *, every: bool = False) -> None:
    """Make the file of each task or reward of your own in `data` and `evaluation.data` absolute, in place.

    Args:
        table: a run, or a part of one.
        folder: where a relative path starts.
        every: also of files that do not exist there; otherwise they keep their relative path.
    """
    evaluation = table.get("evaluation")
    sources = [table.get("data"), evaluation.get("data") if isinstance(evaluation, dict) else None]
    for source in (each for listed in sources if isinstance(listed, list) for each in listed):
        for key in ("task", "reward"):
            if isinstance(source, dict) and isinstance(source.get(key), str):
                source[key] = absolute_plugin(source[key], folder, every=every)
