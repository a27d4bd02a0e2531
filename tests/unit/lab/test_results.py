"""Statistics of a run, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1.errors import DataError
from or1.lab.experiment import StatisticConfig
from or1.lab.results import path_of, read_results, value_of, write_result
from tests.unit.lab.results import result

ENTROPIES = [1.0, 0.5, 0.25, 0.25, 0.125, 0.125, 0.5, 0.5, 0.25, 0.75]


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        (StatisticConfig(series="entropy"), 0.5),  # steps 8 to 10
        (StatisticConfig(series="entropy", start=0.0, end=0.1), 1.0),
        (StatisticConfig(series="entropy", start=0.0, end=0.2, reduce="sum"), 1.5),
        (StatisticConfig(series="entropy", start=0.9, reduce="spread"), 0.3535533905932738),
        (StatisticConfig(series="score", start=1.0), 0.5),
        (StatisticConfig(series="score", start=0.0, end=0.0), 0.25),
    ],
)
def test_a_statistic_reduces_its_part_of_the_steps(statistic: StatisticConfig, value: float) -> None:
    run = result(scores=((0, 0.25), (5, 1.0), (10, 0.5)), entropy=ENTROPIES)
    assert value_of(run, statistic) == pytest.approx(value)


def test_the_reward_of_whole_responses_leaves_truncated_ones_out() -> None:
    """Rewards of 0.3 with 40 % truncated are 0.5 of the others; a step with nothing else has none."""
    run = result(reward=[0.3, 0.0], truncated=[0.4, 1.0])
    assert list(run.points("reward_untruncated")) == [(1, pytest.approx(0.5))]


def test_a_missing_value_is_not_a_zero() -> None:
    run = result(entropy=[None, 0.5, None, 1.0])
    assert value_of(run, StatisticConfig(series="entropy", start=0.0)) == 0.75
    assert value_of(run, StatisticConfig(series="entropy", start=0.7, end=0.8)) is None


def test_a_result_that_is_older_than_a_series_has_no_value_of_it() -> None:
    assert value_of(result(entropy=[0.5]), StatisticConfig(series="clip_fraction")) is None


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = result("abc", entropy=[0.5, None], alpha=[0.0, 0.005])
    write_result(tmp_path / "results", written)
    assert read_results(tmp_path / "results") == {"abc": written}
    assert read_results(tmp_path / "nothing") == {}


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    write_result(tmp_path, result("abc", entropy=[0.5]))
    path_of(tmp_path, "abc").write_text('{"key": "abc"')
    with pytest.raises(DataError, match=r"abc\.json is damaged .* delete it"):
        read_results(tmp_path)
