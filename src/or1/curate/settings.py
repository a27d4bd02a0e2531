"""What the stages that ask a model are told. Part of a curation's configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from or1.config import Config
from or1.curate.sequential import Plan


class DifficultyConfig(Config):
    """How often a model solves each problem, and which problems are neither too hard nor too easy for it."""

    model: str = Field(min_length=1)
    """Name under which the pass rates are written down: `Problem.difficulty` has one entry a model."""
    looks: Annotated[tuple[int, ...], Field(min_length=1)] = (4, 8, 16)
    """Samples after which a problem is looked at [responses]; the last is the most that is ever drawn.
    Source: paper 6.2 (16 for mathematics); the early looks only save work."""
    code_looks: Annotated[tuple[int, ...], Field(min_length=1)] = (4, 8)
    """The same for programs [responses]. Source: paper 6.2 (8)."""
    min_right: int = Field(default=1, ge=0)
    """Fewer right responses are too hard [responses]. Source: paper 6.2."""
    min_wrong: int = Field(default=1, ge=0)
    """Fewer wrong responses are too easy [responses]. Source: paper 6.2."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Probability with which a problem's interval holds its pass rate, whatever it is [dimensionless]."""
    truncated: Literal["wrong", "left_out"] = "wrong"
    """wrong: a truncated response is a wrong one, as in training; left_out: it says nothing of difficulty,
    and another one is drawn for it."""
    max_redraws: int = Field(default=2, ge=0)
    """Rounds at each look that draw again for responses that did not count [rounds]; a problem that is still
    short of them is not measured."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the logits, as in training [dimensionless]. Source: paper 6.2."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Share of the distribution that is drawn from [dimensionless]."""
    max_response_tokens: int = Field(default=32_768, ge=1)
    """Response budget [tokens]. Source: paper 6.2."""

    @model_validator(mode="after")
    def _plans_can_be(self) -> Self:
        for task in ("math", "code"):
            self.plan(task)
        return self

    def plan(self, task: str) -> Plan:
        """When problems of this task are looked at."""
        looks = self.code_looks if task == "code" else self.looks
        return Plan(looks, self.min_right, self.min_wrong, self.confidence)
