"""The diagnostics of the entropy over runs: worked numbers."""

from __future__ import annotations

import math

import pytest

from or1.lab.diagnostics import diagnostics_section, score_prediction
from tests.unit.lab.results import result

RUN = result(entropy=[1.0, 0.9, 0.7, 0.8], predicted_change=[-1.0, -2.0, 1.0, 9.0])


def test_a_prediction_is_for_the_entropy_of_the_next_step() -> None:
    """Pairs (-1, -0.1), (-2, -0.2), (1, 0.1): proportional. Against the change that led to a step, the third
    one would be (1, -0.2) and the fourth (9, 0.1)."""
    at = score_prediction([RUN], 1)
    assert (at.num_pairs, at.same_sign) == (3, 1.0)
    assert at.falling == pytest.approx(2 / 3)
    assert at.correlation == pytest.approx(1.0)


def test_a_window_sums_the_predictions_and_spans_the_change() -> None:
    """Pairs (-3, -0.3) and (-1, -0.1)."""
    at = score_prediction([RUN], 2)
    assert (at.num_pairs, at.same_sign, at.falling) == (2, 1.0, 1.0)


def test_a_missing_number_breaks_the_windows_over_it() -> None:
    gap = result(entropy=[1.0, 0.9, None, 0.8, 0.9], predicted_change=[1.0, 1.0, 1.0, 1.0, 1.0])
    at = score_prediction([gap], 1)  # (1, -0.1) and (1, +0.1)
    assert (at.num_pairs, at.same_sign, at.falling) == (2, 0.5, 0.5)
    assert math.isnan(at.correlation), "the predictions do not differ"
    assert score_prediction([gap], 3).num_pairs == 0


def test_without_entropies_there_is_no_section() -> None:
    assert diagnostics_section([result(reward=[0.5])]) == ""


def test_the_section_counts_warnings_predictions_and_support() -> None:
    """The entropy halves in 8 steps and reaches the floor of 0.1 at step 24. The rule needs 10 steps and
    looks 20 ahead: warnings at steps 10 to 23, all true."""
    falling = [0.8 * 2 ** (-step / 8) for step in range(1, 41)]
    rewards = [0.2] * 20 + [0.6] * 20
    pass_at_4 = [0.9] * 20 + [0.8] * 20
    text = diagnostics_section(
        [result(entropy=falling, predicted_change=[-1.0] * 40, reward=rewards, pass_at_4=pass_at_4)]
    )
    assert "14 warnings, 14 of them true (precision 1.00)" in text
    assert "1 runs, of which 1 reach the floor" in text
    assert "1 crossings foreseen (recall 1.00)" in text
    assert "| 1 | 39 | 1.00 | 1.00 | - |" in text
    assert "change of pass@1 +0.400, of pass@4 -0.100; pass@1 rose while pass@4 fell in 1." in text
    assert "Predicted change" not in diagnostics_section([result(entropy=falling)]), "an older result"
