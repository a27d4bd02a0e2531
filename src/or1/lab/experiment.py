"""An experiment: a question, and arms that change settings of one base recipe."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from or1 import recipes
from or1.config import Config, RunConfig
from or1.errors import ConfigError
from or1.model_config import require_own_names
from or1.recipes.check import choices, validate, validate_as
from or1.recipes.load import FOLDER as TRAINING
from or1.recipes.load import list_recipes as names_in
from or1.recipes.load import read_table

FOLDER = TRAINING.parent / "lab"
NAME = r"^[a-z0-9][a-z0-9.-]*$"
NUM_EVALUATIONS = 3
"""Evaluations of a run after that of the start model; a quick run has one, at its end."""

Series = Literal[
    "entropy", "reward", "reward_untruncated", "truncated", "response_tokens", "step_tokens", "alpha",
    "clip_fraction", "kept_groups", "predicted_change", "pass_at_4", "score",
]  # fmt: skip
"""Numbers of a run by step; `score` is the held-out score, of the steps with an evaluation."""


class StatisticConfig(Config):
    """One number of a run: a series, reduced over a part of its steps."""

    series: Series
    """Series that is reduced."""
    start: float = Field(default=0.8, ge=0, le=1)
    """First step, as a share of all steps of the run [fraction]."""
    end: float = Field(default=1.0, ge=0, le=1)
    """Last step, as a share of all steps of the run [fraction]."""
    reduce: Literal["mean", "sum", "spread"] = "mean"
    """mean, sum, or spread: the sample standard deviation over the steps."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}")
        return self


class ArmStageConfig(Config):
    """A stage of an arm: the last stage of the base recipe, with another budget and length."""

    budget: float = Field(default=1.0, gt=0, le=1)
    """Response budget, as a share of that of the base's last stage [fraction]."""
    num_steps: int = Field(default=1, ge=1)
    """Length, in proportion to the other stages of the arm [steps]."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Settings of the stage, such as `online_filter` or `switch`."""


class ArmConfig(Config):
    name: str = Field(pattern=NAME, examples=["off-policy-4"])
    """Name of the arm."""
    about: str = ""
    """The difference in a few words, for pictures."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Settings laid over the base recipe: dotted key -> value, as `--set` takes them."""
    stages: tuple[ArmStageConfig, ...] = ()
    """The stages; none = those of the base."""


class PlannedStepConfig(Config):
    """A rollout batch on a number of GPUs, for the time that the planner gives it."""

    num_gpus: int = Field(ge=1)
    """GPUs of the run [GPUs]."""
    num_problems: int = Field(ge=1)
    """Problems a step [problems]."""
    group_size: int = Field(ge=2)
    """Rollouts of each problem [rollouts]."""


class ExperimentConfig(Config):
    name: str = Field(pattern=NAME, examples=["n-sgd"])
    """Name of the file."""
    title: str
    """Title in one line."""
    question: str
    """The question in one sentence."""
    source: str
    """Section and experiment of arXiv 2505.22312v2; "beyond the paper" for further ones."""
    setup: str = ""
    """The paper's setup, and the difference at this scale."""
    base: str = "lab"
    """Training recipe that all arms change."""
    arms: tuple[ArmConfig, ...] = Field(min_length=2)
    """The first one is compared with each of the others."""
    seeds: int = Field(default=6, ge=1)
    """Runs of each arm, with the seeds 1, 2, ... [copies]."""
    steps: int = Field(default=60, ge=1)
    """Steps of a run; the stages of an arm share them in proportion to their num_steps [steps]."""
    quick_steps: int = Field(default=5, ge=1)
    """Steps of a run with `--quick` [steps]."""
    statistic: StatisticConfig = StatisticConfig(series="score", start=1.0)
    """Compared between arms in the report."""
    plan: tuple[PlannedStepConfig, ...] = ()
    """The paper's own sizes, whose hours the planner gives in the report."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        require_own_names("arms", [arm.name for arm in self.arms])
        return self

    def arm(self, name: str) -> ArmConfig:
        """The arm of this name.

        Raises:
            ConfigError: there is none.
        """
        found = {arm.name: arm for arm in self.arms}
        if name not in found:
            raise ConfigError(f'experiment {self.name} has no arm "{name}": {choices(name, found)}')
        return found[name]


def list_experiments() -> tuple[str, ...]:
    """Names of the shipped experiments, sorted."""
    return names_in(FOLDER)


def load(name_or_path: str) -> ExperimentConfig:
    """Read an experiment: a shipped one, or a `.toml` file.

    Raises:
        ConfigError: one line that names the experiment, the key, the value and the remedy.
    """
    return validate_as(ExperimentConfig, read_table(name_or_path, FOLDER), name_or_path)


def resolve(experiment: ExperimentConfig, arm: ArmConfig, seed: int, *, quick: bool) -> RunConfig:
    """All settings of one run. Arms with the same settings give equal runs, whatever their names.

    Args:
        experiment: its base recipe and number of steps.
        arm: settings laid over the base.
        seed: of the run.
        quick: the few steps of `--quick`.

    Raises:
        ConfigError: a setting of the arm is wrong.
    """
    origin = f"experiment {experiment.name}, arm {arm.name}"
    try:
        run = recipes.load(experiment.base, settings=arm.set)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    num_steps = experiment.quick_steps if quick else experiment.steps
    table = run.model_dump(mode="json")
    if arm.stages:
        table["stages"] = [_stage(table["stages"][-1], each) for each in arm.stages]
    scale_stages(table["stages"], num_steps)
    table |= {"name": "lab", "seed": seed}
    table["evaluation"]["every"] = None if quick else max(num_steps // NUM_EVALUATIONS, 1)
    return validate(table, origin)


def _stage(base: dict[str, Any], stage: ArmStageConfig) -> dict[str, Any]:
    budget = max(1, round(base["max_response_tokens"] * stage.budget))
    return base | {"max_response_tokens": budget, "num_steps": stage.num_steps} | stage.set


def scale_stages(stages: list[dict[str, Any]], num_steps: int) -> None:
    """Give the stages `num_steps` steps in all, in proportion to those that they have, in place.

    Each stage keeps at least one step. The lengths of a switch rule shrink or grow with the stages.

    >>> stages = [{"num_steps": 30, "switch": None}, {"num_steps": 10, "switch": None}]
    >>> scale_stages(stages, 8)
    >>> [stage["num_steps"] for stage in stages]
    [6, 2]
    """
    before = sum(stage["num_steps"] for stage in stages)
    last = 0
    reached = 0
    for number, stage in enumerate(stages, 1):
        reached += stage["num_steps"]
        room = num_steps - (len(stages) - number)
        end = max(last + 1, min(round(reached * num_steps / before), room))
        stage["num_steps"] = end - last
        last = end
        for key in ("min_steps", "window"):
            if stage["switch"] is not None:
                stage["switch"][key] = max(1, round(stage["switch"][key] * num_steps / before))
