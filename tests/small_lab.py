"""An experiment of a few short runs, and what of its results does not depend on the machine."""

from __future__ import annotations

from pathlib import Path

from or1.lab.results import read_results

_BASE = """
extends = "lab"
[[stages]]
max_response_tokens = 40
num_steps = {num_steps}
num_problems = 4
group_size = 4
[evaluation]
samples_per_problem = 1
[[evaluation.data]]
task = "arithmetic"
split = "heldout"
num_problems = 4
[checkpoint]
every = 2
"""
_EXPERIMENT = """
title = "t"
question = "q"
source = "s"
base = "{base}"
steps = {num_steps}
"""
_ARM = """
[[arms]]
name = "{name}"
set = {settings}
"""
ARMS = {
    "a": "{}",
    "b": '{ "stages.0.num_minibatches" = 2 }',
    "c": '{ "loss.clip_high" = 0.3 }',
}
"""Name -> settings."""


def write_experiment(folder: Path, num_steps: int, num_arms: int) -> Path:
    """The file of an experiment with the first of `ARMS`, and beside it its base."""
    base = folder / "base.toml"
    base.write_text(_BASE.format(num_steps=num_steps))
    arms = "".join(_ARM.format(name=name, settings=ARMS[name]) for name in list(ARMS)[:num_arms])
    file = folder / "own.toml"
    file.write_text(_EXPERIMENT.format(base=base, num_steps=num_steps) + arms)
    return file


def num_rows(out: Path) -> int:
    """Rows of metrics of all runs, those of evaluations included."""
    return sum(path.read_bytes().count(b"\n") for path in out.glob("runs/*/metrics.jsonl"))


def numbers(out: Path) -> dict[str, object]:
    """Without seconds, and without the commit, which changes while someone works on the code."""
    return {key: (each.scores, each.series) for key, each in read_results(out / "results").items()}
