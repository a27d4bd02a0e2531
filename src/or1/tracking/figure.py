"""An empty picture, and its file, for every module that draws one; only this module imports matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from or1.errors import ConfigError, install_command
from or1.storage.atomic import guard_writes, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty picture of a size in inches.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            f"pictures need matplotlib, which is not installed: {install_command('board')}"
        ) from error
    return Figure(figsize=(width_in, height_in), dpi=150, layout="constrained")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture in the format that the file's name says.

    Raises:
        ConfigError: no picture's name, or its folder does not exist.
        RunFolderError: the file cannot be written; it is as before.
    """
    formats = figure.canvas.get_supported_filetypes()
    if path.is_dir() or path.suffix[1:] not in formats:
        raise ConfigError(
            f"--out {path} does not name a picture: name a file that ends in .png, .svg or .pdf"
        )
    if not path.absolute().parent.is_dir():
        raise ConfigError(
            f"--out {path}: there is no folder {path.absolute().parent}: make it, or name another"
        )
    with guard_writes(path), replacing(path) as part:
        figure.savefig(part, format=path.suffix[1:])
