"""The warning before a collapse: when it is given, and how its precision and recall are counted."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.config import CollapseConfig
from or1.tracking.collapse import WarningScore, score_folders, score_warning, steps_to_floor, warns
from tests.runs import play

RULE = CollapseConfig(floor=0.1, window=3, horizon=4)


@given(
    start=st.floats(0.3, 5.0), rate=st.floats(0.02, 0.3), window=st.integers(2, 12), more=st.integers(0, 9)
)
def test_an_exponential_fall_is_extrapolated_exactly(
    start: float, rate: float, window: int, more: int
) -> None:
    entropies = [start * math.exp(-rate * step) for step in range(window + more)]
    steps = steps_to_floor(entropies, CollapseConfig(floor=0.01, window=window))
    assert steps == pytest.approx(max(0.0, math.log(entropies[-1] / 0.01) / rate), abs=1e-3)


def test_the_line_is_in_the_logarithm() -> None:
    """Halved each step: 0.2, 0.1, 0.05. A straight line through 1.6, 0.8, 0.4 is at 0.05 after 0.9 steps."""
    assert steps_to_floor([1.6, 0.8, 0.4], CollapseConfig(floor=0.05, window=3)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    "entropies", [[0.8, 0.4], [0.4, 0.4, 0.4], [0.2, 0.3, 0.4], [0.4, 0.0, 0.4]], ids=str
)
def test_nothing_is_predicted_without_a_fall(entropies: list[float]) -> None:
    assert steps_to_floor(entropies, RULE) is None
    assert not warns(entropies, RULE)


def test_only_the_window_counts() -> None:
    assert steps_to_floor([9.0, 9.0, 0.8, 0.4, 0.2], RULE) == pytest.approx(1.0)


def test_it_warns_above_the_floor_and_within_the_horizon() -> None:
    assert warns([0.8, 0.4, 0.2], RULE)
    assert not warns([0.4, 0.2, 0.1], RULE)  # there already: steps 0, but nothing to warn of
    assert steps_to_floor([0.4, 0.2, 0.1], RULE) == 0.0
    assert not warns([6.4, 3.2, 1.7], RULE)  # about 4.2 steps at this rate


def test_precision_and_recall_by_hand() -> None:
    """Warnings after steps 3 (0.4) and 4 (0.2) of the first run; the floor is reached once, at step 5."""
    falls = [1.6, 0.8, 0.4, 0.2, 0.1]
    false_alarm = [0.8, 0.5, 0.3, 0.4, 0.5, 0.6, 0.7]
    sudden = [0.5, 0.5, 0.5, 0.05]
    found = score_warning([falls, false_alarm, sudden], RULE)
    assert found == WarningScore(num_warnings=3, num_true=2, num_collapses=2, num_foreseen=1)
    assert (found.precision, found.recall) == (2 / 3, 1 / 2)


def test_a_warning_that_the_end_of_the_run_leaves_open_is_not_counted() -> None:
    assert score_warning([[1.6, 0.8, 0.4]], RULE).num_warnings == 0
    assert math.isnan(score_warning([[1.6, 0.8, 0.4]], RULE).precision)


def test_run_folders_are_scored_by_their_logs(tmp_path: Path) -> None:
    play(tmp_path / "run")
    assert score_folders([tmp_path / "run"], RULE).num_collapses == 0
