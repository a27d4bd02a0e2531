"""The paper's findings as testable statements, written before the runs that decide them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from or1.config import Config
from or1.lab.experiment import NAME, StatisticConfig
from or1.model_config import require_own_names
from or1.recipes.check import validate_as

FILE = Path(__file__).parent / "findings.toml"


class FindingConfig(Config):
    name: str = Field(pattern=NAME)
    """Name of the finding."""
    experiment: str
    """Experiment with both arms."""
    arms: tuple[str, str]
    """Two arms: the effect is the first one's statistic minus the second one's, at the same seed."""
    statement: str
    """The statement that is tested, in one sentence."""
    statistic: StatisticConfig
    """Number of each run."""
    reference: StatisticConfig | None = None
    """Number of the second arm's runs; None = the same statistic."""
    direction: Literal["above", "below", "same"]
    """above: the effect exceeds the margin; below: it is under minus the margin; same: it lies within the
    margin on either side."""
    margin: float = Field(ge=0)
    """Smallest effect that counts [unit of the statistic]."""
    paper: str
    """The paper's figures for it."""
    source: str
    """Section and experiment of arXiv 2505.22312v2."""

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        if self.direction == "same" and self.margin == 0:
            raise ValueError("direction same needs a margin above 0: no two runs are equal")
        if self.arms[0] == self.arms[1] and self.reference is None:
            raise ValueError(f'arms names "{self.arms[0]}" twice: give another arm, or a reference')
        return self


class FindingsConfig(Config):
    findings: Annotated[tuple[FindingConfig, ...], Field(min_length=1)]
    """All of them are one family: outcomes are corrected for their number."""

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        require_own_names("findings", [finding.name for finding in self.findings])
        return self


def load_findings(path: Path = FILE) -> tuple[FindingConfig, ...]:
    """All findings.

    Raises:
        ConfigError: one line that names the file, the key, the value and the remedy.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return validate_as(FindingsConfig, table, path.name).findings
