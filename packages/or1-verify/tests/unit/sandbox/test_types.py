"""Levels of confinement and limits."""

from __future__ import annotations

import pytest

from or1_verify.sandbox import Level, Limits


def test_weak_levels_are_not_fit_for_training() -> None:
    assert [level.fit_for_training for level in sorted(Level)] == [False, False, True, True, True]


@pytest.mark.parametrize(
    "wrong", [{"cpu_s": 0.0}, {"wall_s": -1.0}, {"memory_bytes": 0}, {"output_bytes": 0}]
)
def test_limits_are_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Limits(**wrong)  # type: ignore[arg-type]
