"""The built-in model: where it lies, how its training text is written (`chains`), how it is made (`build`).

This module is light; `build` needs torch and transformers.
"""

from __future__ import annotations

from pathlib import Path

from or1.errors import ModelError

_PREFIX = "builtin:"


def builtin_names() -> tuple[str, ...]:
    """Names of the models shipped with or1."""
    folder = Path(__file__).parent
    return tuple(sorted(path.parent.name for path in folder.glob("*/config.json")))


def model_folder(path: str) -> str:
    """Turn `builtin:<name>` into the folder of that model; any other path or hub name comes back as it is.

    Raises:
        ModelError: no such built-in model.
    """
    if not path.startswith(_PREFIX):
        return path
    name = path.removeprefix(_PREFIX)
    if name not in builtin_names():
        raise ModelError(f"no built-in model {name!r}: there is {', '.join(builtin_names()) or 'none'}")
    return str(Path(__file__).parent / name)
