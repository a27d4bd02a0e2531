"""What is emitted, what the table lists and what the page says are the same keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from or1.config import StageConfig
from or1.metric import Metric
from or1.storage.jsonl import read_rows
from or1.storage.run_folder import METRICS, TIMINGS
from or1.testing import CharTokenizer, make_group, make_report, make_result
from or1.tracking.metrics_table import (
    TABLE,
    TableEntry,
    markdown_table,
    never_seen,
    rewrite_docs,
    undocumented,
)
from or1.tracking.tracker import TimingSources
from or1.types import EntropyState, Outcome, RunState, StageEnd, Verdict
from tests.runs import open_tracker, play, run_config, score_of

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def emitted(folder: Path) -> dict[str, set[str]]:
    """Keys of a run on fakes and of one more step in which everything rare happens."""
    play(folder / "run")
    rare = folder / "rare"
    rare.mkdir()
    clock = TimingSources(
        seconds=iter(range(100)).__next__, peak_device_bytes=lambda: 1, verifier_events=lambda: {"retries": 1}
    )
    tracker = open_tracker(rare, run_config(), clock=clock, tokenizer=CharTokenizer("<think>"))
    group = make_group([1.0, 0.0])
    no_answer = replace(group.rollouts[1], verdict=Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason="x"))
    group = replace(group, rollouts=(group.rollouts[0], no_answer))
    report = replace(make_report(), kl_to_reference=0.1, nonfinite_rollouts=("a/0",), seconds=1.0)
    after = RunState(step=1, entropy=EntropyState(last_entropy=0.5))
    with tracker.step(RunState(), StageConfig(max_response_tokens=8, num_steps=1)) as log:
        log.step(make_result([group], kept=[group], report=report, state=after, stage_end=StageEnd.NUM_STEPS))
    tracker.score(score_of(1))
    tracker.score(replace(score_of(1), area="eval_t0.6"))
    tracker.close()
    return {
        file: {k for run in ("run", "rare") for row in read_rows(folder / run / file) for k in row}
        for file in (METRICS, TIMINGS)
    }


@pytest.mark.parametrize("file", [METRICS, TIMINGS])
def test_emitted_and_documented_keys_agree(file: str, tmp_path: Path) -> None:
    keys = emitted(tmp_path)[file]
    assert undocumented(keys, file) == []
    assert never_seen(keys, file) == []


def test_both_checks_can_fail() -> None:
    assert undocumented(["step", "rollout/reward_mean", "rollout/new_thing"], METRICS) == [
        "rollout/new_thing"
    ]
    assert "train/loss" in never_seen(["rollout/reward_mean"], METRICS)
    assert "rollout/reward_mean/{source}" in never_seen(["rollout/reward_mean"], METRICS)


def test_nothing_read_from_a_clock_is_in_metrics() -> None:
    clocked = ("time/", "throughput/", "memory/", "verify/")
    assert all((e.file == TIMINGS) == e.metric.key.startswith(clocked) for e in TABLE)


def test_a_family_matches_its_members_only() -> None:
    family = TableEntry(Metric("rollout/reward_mean/{source}", "reward", ""), "", METRICS)
    assert family.matches("rollout/reward_mean/gsm8k")
    assert not family.matches("rollout/reward_mean")
    assert not family.matches("rollout/reward_mean/")
    assert not TableEntry(Metric("time/step.s", "s", ""), "", TIMINGS).matches("time/stepXs")


def test_a_further_temperature_has_the_keys_of_eval() -> None:
    score = TableEntry(Metric("eval/avg_at_k", "fraction", ""), "", METRICS)
    assert score.matches("eval_t0.6/avg_at_k")
    assert not score.matches("eval_t0.6/num_problems")


def test_keys_are_listed_once() -> None:
    assert len({e.metric.key for e in TABLE}) == len(TABLE)


def test_the_page_holds_the_table() -> None:
    assert markdown_table() in PAGE.read_text(), (
        "docs/metrics.md is out of date: python -c 'from pathlib import Path; "
        'from or1.tracking.metrics_table import rewrite_docs; rewrite_docs(Path("docs/metrics.md"))\''
    )


def test_rewriting_keeps_the_rest_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "metrics.md"
    page.write_text(PAGE.read_text().replace("| `train/loss` |", "| `train/forgotten` |"))
    rewrite_docs(page)
    assert page.read_text() == PAGE.read_text()
