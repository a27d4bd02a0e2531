"""Runs that differ in their seed alone are seeds of one arm: the page shows their mean and their range."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from or1.board.values import number
from or1.storage.settings import flatten
from or1.tracking.run_data import RunData

SEED = "seed"
MOST_SETTINGS = 3
"""Most settings in the name of an arm [settings]."""


def arms_of(runs: Sequence[RunData]) -> list[list[int]]:
    """Numbers of the runs of each arm, both in the order of the command line.

    Equal in every setting but the seed: also the name, which a lab's arms share.
    """
    arms: dict[str, list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        settings = {key: value for key, value in flatten(run.config).items() if key != SEED}
        arms[repr(sorted(settings.items()))].append(place)
    return list(arms.values())


def arm_names(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each arm: that of its run where it is its own, else the settings in which the arms differ.

    >>> arm_names([{"name": "lab", "a": {"b": 1}}, {"name": "lab", "a": {"b": 2}}])
    ['b = 1', 'b = 2']
    >>> arm_names([{"name": "x", "a": 1}, {"name": "y", "a": 1}])
    ['x', 'y']
    """
    names = [str(config["name"]) for config in configs]
    if len(set(names)) == len(names):
        return names
    flat = [flatten(config) for config in configs]
    keys = sorted(set().union(*flat) - {SEED})
    differing = [key for key in keys if len({repr(each.get(key)) for each in flat}) > 1]
    shown, rest = differing[:MOST_SETTINGS], len(differing) - MOST_SETTINGS
    more = f" and {rest} more" if rest > 0 else ""
    short = {key: key.rpartition(".")[2] for key in shown}
    name = short if len(set(short.values())) == len(short) else {key: key for key in shown}
    return [", ".join(f"{name[key]} = {each.get(key)}" for key in shown) + more for each in flat]


def arms_json(runs: Sequence[RunData], summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The arms of a page: name, numbers of its runs, and figures of their end; empty where no arm has two
    seeds.

    Args:
        runs: of the page.
        summaries: of these runs (`or1.tracking.summary`).

    Returns:
        `ends`: figure -> mean, smallest and largest value over the seeds; None where a run lacks it.
    """
    arms = arms_of(runs)
    if len(arms) == len(runs):
        return []
    names = arm_names([runs[arm[0]].config for arm in arms])
    ends = [_end(summary) for summary in summaries]
    return [
        {
            "label": name,
            "runs": arm,
            "ends": {figure: _over([ends[place][figure] for place in arm]) for figure in ends[0]},
        }
        for name, arm in zip(names, arms, strict=True)
    ]


def seed_labels(arms: Iterable[Mapping[str, Any]], runs: Sequence[RunData]) -> dict[int, str]:
    """Number of a run -> its arm and seed."""
    return {
        place: f"{arm['label']}, seed {runs[place].config[SEED]}" for arm in arms for place in arm["runs"]
    }


def _end(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Last held-out score, mean reward of the last steps, entropy of the last fifth [nats/token]."""
    heldout = summary["heldout"]
    return {
        "held-out score": heldout["after"]["avg_at_k"] if heldout else None,
        "training reward": summary["reward"]["last_steps"],
        "entropy [nats/token]": summary["entropy_nats"]["last_fifth"],
    }


def _over(values: Sequence[float | None]) -> list[float | None] | None:
    """Mean, smallest and largest; None where one is missing.

    >>> _over([1.0, 3.0]), _over([1.0, None])
    ([2.0, 1.0, 3.0], None)
    """
    found = [value for value in values if value is not None]
    if len(found) < len(values):
        return None
    return [number(each) for each in (fmean(found), min(found), max(found))]
