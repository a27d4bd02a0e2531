"""The alarm: when it warns, and that it warns once."""

from __future__ import annotations

import logging

import pytest

from or1_verify.pool.alarm import ShareAlarm
from or1_verify.types import Outcome, Verdict

GOOD = Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right")
SLOW = Verdict(outcome=Outcome.WRONG, reward=0.0, reason="time_limit")
LOST = Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="worker_lost")
ABORTED = Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="aborted")


def fed(*runs: tuple[Verdict, int]) -> ShareAlarm:
    alarm = ShareAlarm(limit=0.1, window=20)
    for verdict, times in runs:
        for _ in range(times):
            alarm.see(verdict)
    return alarm


def test_more_than_the_limit_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert fed((GOOD, 18), (SLOW, 2)).num_alarms == 0, "exactly at the limit"
        assert fed((GOOD, 18), (SLOW, 2), (LOST, 5)).num_alarms == 1
    assert [record.getMessage() for record in caplog.records] == [
        "verifier: 15.0 % of the last 20 verdicts were not judged or exceeded a limit"
    ]


def test_it_warns_again_after_a_recovery() -> None:
    assert fed((GOOD, 20), (LOST, 3), (GOOD, 20), (LOST, 3)).num_alarms == 2
    # never below half of the limit in between: one trouble
    assert fed((GOOD, 20), (LOST, 3), (GOOD, 17), (LOST, 3)).num_alarms == 1


def test_few_verdicts_and_aborted_rollouts_say_nothing() -> None:
    assert fed((LOST, 19)).num_alarms == 0
    assert fed((GOOD, 20), (ABORTED, 100)).num_alarms == 0
