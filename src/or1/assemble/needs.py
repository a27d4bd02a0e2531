"""Needs of an engine or a backend beyond or1 itself; stated beside its entry."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """A module of an optional dependency, and a GPU."""

    module: str | None = None
    install: str = ""
    """The command that installs it."""
    gpu: bool = False

    def missing(self, num_gpus: int) -> list[str]:
        """The needs that this machine does not meet, each with its remedy."""
        lacks = []
        if self.module is not None and find_spec(self.module) is None:
            lacks.append(f"needs {self.module}, and this environment has none: {self.install}")
        if self.gpu and num_gpus == 0:
            lacks.append("needs a GPU, and torch sees none")
        return lacks
