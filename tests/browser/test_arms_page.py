"""Seeds of one arm in a browser: a line and a band for each arm, or each run on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from or1.cli.report import report
from or1.tracking import metrics as keys
from tests.browser.conftest import Watched
from tests.histories import first_steps, real, with_settings, write_folder

LEGEND = "#panel-reward .legend button:not(:has-text('held-out'))"


@pytest.fixture(scope="session")
def arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms: seeds 1 and 2 with rewards of 0.25 and 0.75, one of them shorter, and a run on its own."""
    place = tmp_path_factory.mktemp("arms")
    folders = []
    for seed, group_size, reward, num_steps in ((1, 8, 0.25, 40), (2, 8, 0.75, 30), (1, 4, 0.5, 40)):
        settings = {"seed": seed, "stages.0.group_size": group_size}
        run = first_steps(with_settings(real(0), settings), num_steps)
        run = replace(run, steps=[row | {keys.REWARD_MEAN: reward} for row in run.steps])
        folders.append(write_folder(run, place / str(len(folders))))
    report(folders, None)
    return folders[0] / "report.html"


def values_at(page: Any, end: str) -> list[str]:
    page.focus("#panel-reward .plot")
    page.keyboard.press(end)
    return list(page.locator(f"{LEGEND} b").all_inner_texts())


def test_the_line_of_an_arm_is_the_mean_of_its_seeds(watched: Watched, arms: Path) -> None:
    """At the last step only the arm with one run has a value: the other has it until its shorter run ends."""
    page = watched.open(arms)
    page.wait_for_selector("#panel-reward canvas")
    assert page.locator(f"{LEGEND} span").all_inner_texts() == ["group_size = 8", "group_size = 4"]
    assert page.locator(f"{LEGEND} b").all_inner_texts() == ["0.5", "0.5"]
    assert values_at(page, "End") == ["\u2013", "0.5"]
    assert page.locator("td .arm").all_inner_texts() == ["group_size = 8", "group_size = 4"]
    assert page.locator("tbody tr").nth(0).locator("td").nth(3).inner_text() == "0.5 (0.25 to 0.75)"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_without_bands_each_run_has_its_line(watched: Watched, arms: Path) -> None:
    page = watched.open(arms)
    page.wait_for_selector("#panel-reward canvas")
    page.get_by_label("bands over seeds").uncheck()
    page.wait_for_selector(f"{LEGEND} >> nth=2")
    assert page.locator(f"{LEGEND} b").all_inner_texts() == ["0.25", "0.75", "0.5"]
    assert values_at(page, "End") == ["0.25", "\u2013", "0.5"]
