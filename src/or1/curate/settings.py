"""Settings of the stages that use a model, a part of the configuration of a curation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from or1.config import Config, EndpointConfig
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


class QualityConfig(Config):
    """Votes of language models on whether a problem is well put. Off unless judges are named."""

    judges: Annotated[tuple[EndpointConfig, ...], Field(min_length=1)]
    """Servers with the models that vote, in the order of their use. Source: paper 6.3 (two)."""
    votes_per_judge: int = Field(default=16, ge=1)
    """Votes of each model on each problem [votes; dimensionless]. Source: paper 6.3."""
    min_votes: int = Field(default=9, ge=1)
    """Votes for a problem, of all models together, that keep it [votes; dimensionless]. Source: paper 6.3
    (9 of 32)."""
    all_votes: bool = False
    """Ask for every vote, also where those that are in have decided."""
    max_redraws: int = Field(default=2, ge=0)
    """Rounds that ask again for votes that could not be read [rounds; dimensionless]."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the logits [dimensionless]; votes of one model differ by it alone."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Share of the distribution that is drawn from [dimensionless]."""
    max_response_tokens: int = Field(default=2_048, ge=1)
    """Budget of one vote with its reasons [tokens]."""

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        names = [judge.model for judge in self.judges]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two judges serve {twice[0]}: votes of one model come from one server")
        if self.min_votes > self.num_votes:
            raise ValueError(f"min_votes {self.min_votes} exceeds all {self.num_votes} votes: lower it")
        return self

    @property
    def num_votes(self) -> int:
        """Votes of all judges on one problem."""
        return self.votes_per_judge * len(self.judges)
