"""The runs of experiments: arms x seeds, each resolved configuration once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from or1.config import RunConfig
from or1.lab.experiment import ExperimentConfig, resolve
from or1.storage.provenance import hash_json


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of the lab; several arms may share it."""

    key: str
    """Hash of the settings, the seed included: `key_of_run`."""
    run: RunConfig
    quick: bool
    title: str
    """Experiment, arm and seed that needed it first."""

    @property
    def rollouts(self) -> int:
        """Rollouts of all its steps, as a measure of its time."""
        return sum(s.num_steps * s.num_problems * s.group_size for s in self.run.stages)


def key_of_run(run: RunConfig) -> str:
    """First 16 hex digits of a hash over all settings that do not have their default.

    A setting that or1 gains later, with a default that changes nothing, leaves the keys of results as they
    are. A default that changes needs new results: the recorded recipes in the tests show it.
    """
    return hash_json(run.model_dump(mode="json", exclude_defaults=True))


def num_seeds(experiment: ExperimentConfig, seeds: int | None, *, quick: bool) -> int:
    """Seeds of each arm: those of the experiment unless `seeds` gives another number; 1 for quick runs."""
    return 1 if quick else seeds or experiment.seeds


def plan_runs(
    experiments: Sequence[ExperimentConfig], *, seeds: int | None = None, quick: bool = False
) -> list[PlannedRun]:
    """All runs of the experiments, seed by seed, so that every arm has its first seed before any its second.

    Args:
        experiments: in order.
        seeds: seeds of each arm; None = as each experiment says.
        quick: few steps, one seed.

    Raises:
        ConfigError: a setting of an arm is wrong.
    """
    planned: dict[str, PlannedRun] = {}
    most = max((num_seeds(each, seeds, quick=quick) for each in experiments), default=0)
    for seed in range(1, most + 1):
        for experiment in experiments:
            if seed > num_seeds(experiment, seeds, quick=quick):
                continue
            for arm in experiment.arms:
                run = resolve(experiment, arm, seed, quick=quick)
                key = key_of_run(run)
                title = f"{experiment.name}/{arm.name}, seed {seed}"
                planned.setdefault(key, PlannedRun(key, run, quick, title))
    return list(planned.values())
