"""The checkpoint of another run from which a run starts: `or1 train NEW --from RUN@STEP`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from or1.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Origin:
    """A checkpoint of a run."""

    run: Path
    step: int | None
    """None = the newest whole one."""

    @classmethod
    def parse(cls, text: str) -> Origin:
        """
        Raises:
            ConfigError: the step is not a number.

        >>> Origin.parse("runs/tiny@20").step
        20
        """
        run, at, step = text.rpartition("@")
        if not at or Path(text).is_dir():
            return cls(Path(text), None)
        if not re.fullmatch(r"\d+", step):
            raise ConfigError(f"--from {text}: write RUN or RUN@STEP, such as runs/tiny@20")
        return cls(Path(run), int(step))

    def __str__(self) -> str:
        return str(self.run) if self.step is None else f"{self.run}@{self.step}"

    @property
    def default_folder(self) -> Path:
        """Folder of a run that starts here and has no name of its own."""
        return self.run.with_name(f"{self.run.name}-from-{'newest' if self.step is None else self.step}")
