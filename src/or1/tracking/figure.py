"""An empty picture, for every module that draws one; only this module imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from or1.errors import ConfigError

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
            "pictures need matplotlib, which is not installed: pip install 'or1[board]'"
        ) from error
    return Figure(figsize=(width_in, height_in), dpi=150, layout="constrained")
