"""Needs of an engine beyond or1 itself; stated beside its entry."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """A module of an optional dependency."""

    module: str | None = None
    install: str = ""
    """The command that installs it."""

    def missing(self) -> str | None:
        """The need that this environment does not meet, with its remedy; None = all are met."""
        if self.module is None or find_spec(self.module) is not None:
            return None
        return f"needs {self.module}, and this environment has none: {self.install}"
