"""Runs of one configuration with other seeds are one arm, in the data of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from or1.board.arms import arm_names, arms_json, arms_of
from or1.board.report_data import report_data
from or1.tracking import metrics as keys
from or1.tracking.run_data import RunData
from or1.tracking.summary import summarize
from tests.histories import real, with_settings, write_folder


def seeded(seed: int, **settings: Any) -> RunData:
    """A real run with another seed, and other settings by dotted key with `__` for the dot."""
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return with_settings(real(0), {"seed": seed, **named})


def arms_with(runs: Sequence[RunData]) -> list[dict[str, Any]]:
    return arms_json(runs, [summarize(run) for run in runs])


def test_the_seed_alone_makes_no_other_arm() -> None:
    runs = [seeded(1), seeded(1, name="x"), seeded(2), seeded(7, name="x")]
    assert arms_of(runs) == [[0, 2], [1, 3]]


def test_a_nested_setting_makes_another_arm() -> None:
    """Also one that stands beside another in a list of tables."""
    arms = arms_with([seeded(1), seeded(2, stages__0__group_size=99), seeded(3)])
    assert [arm["runs"] for arm in arms] == [[0, 2], [1]]
    assert arms[1]["label"] == "group_size = 99"


def test_runs_that_share_nothing_have_no_arms() -> None:
    assert arms_with([seeded(1), seeded(1, name="x")]) == []


def test_equal_last_words_are_told_apart_by_the_whole_key() -> None:
    names = arm_names([{"name": "lab", "a": {"n": i}, "b": {"n": -i}, "c": 0} for i in (1, 2)])
    assert names == ["a.n = 1, b.n = -1", "a.n = 2, b.n = -2"]


def test_many_settings_are_counted() -> None:
    names = arm_names([{"name": "lab", **dict.fromkeys("abcde", i)} for i in (1, 2)])
    assert names == ["a = 1, b = 1, c = 1 and 2 more", "a = 2, b = 2, c = 2 and 2 more"]


def test_figures_of_the_end_are_over_the_seeds() -> None:
    """Mean, smallest and largest of the last scores, whatever the order of the runs."""
    scores = (0.9, 0.2, 0.4)
    runs = []
    for seed, score in enumerate(scores):
        run = seeded(seed)
        last = {**run.scores[-1], keys.AVG_AT_K: score}
        runs.append(replace(run, scores=[*run.scores[:-1], last]))
    (arm,) = arms_with(runs)
    assert arm["ends"]["held-out score"] == pytest.approx([0.5, 0.2, 0.9])
    (without,) = arms_with([*runs, replace(seeded(9), scores=[])])
    assert without["ends"]["held-out score"] is None


def test_runs_of_a_page_are_named_by_arm_and_seed(tmp_path: Path) -> None:
    folders = [write_folder(seeded(seed), tmp_path / str(seed)) for seed in (4, 5)]
    data = report_data(folders)
    assert [arm["runs"] for arm in data["arms"]] == [[0, 1]]
    assert [run["label"] for run in data["runs"]] == [f"{real(0).config['name']}, seed {n}" for n in (4, 5)]
    assert report_data(folders[:1])["arms"] == []


def test_arms_compare_if_their_scores_are_on_the_same_problems_at_each_seed(tmp_path: Path) -> None:
    def on(data_hash: str, run: RunData) -> RunData:
        return replace(run, scores=[row | {keys.DATA_HASH: data_hash} for row in run.scores])

    names = iter("abcdefghij")

    def compare(*runs: RunData) -> bool:
        folders = [write_folder(run, tmp_path / next(names)) for run in runs]
        return bool(report_data(folders)["comparable"])

    arm = [on("p", seeded(1)), on("q", seeded(2))]
    assert compare(*arm, on("p", seeded(1, name="x")), on("q", seeded(2, name="x")))
    assert not compare(*arm, on("p", seeded(1, name="x")), on("other", seeded(2, name="x")))
    assert not compare(on("p", seeded(1)), on("q", seeded(2, name="x")))
