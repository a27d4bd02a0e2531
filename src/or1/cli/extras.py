"""Commands that need an optional dependency say which extra installs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from or1.errors import ConfigError, install_command


@contextlib.contextmanager
def needs(what: str, extra: str) -> Iterator[None]:
    """Turn a missing module into one line with the command that installs it.

    Args:
        what: the command or setting that needs it.
        extra: name of the extra, or several joined by a comma.

    Raises:
        ConfigError: a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(f"{what} needs {error.name}: {install_command(extra)}") from error
