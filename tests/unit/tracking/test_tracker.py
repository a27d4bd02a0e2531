"""The tracker over a run folder: what it writes, when, and that a resumed run leaves the same bytes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from or1.config import StageConfig
from or1.storage.jsonl import read_rows
from or1.testing import CountingBackend, make_group, make_result
from or1.tracking.sinks import Sink, StepEvent
from or1.tracking.tracker import TimingSources
from or1.trainer.checkpoint import FolderCheckpoints
from or1.types import RunState
from tests.runs import contents, open_tracker, play, run_config, score_of

STAGE = StageConfig(max_response_tokens=8, num_steps=4)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("straight")
    play(folder)
    return contents(folder)


@pytest.mark.parametrize("dies_after", range(1, 10))
def test_a_run_that_died_and_went_on_leaves_the_same_bytes(
    tmp_path: Path, straight: dict[str, bytes], dies_after: int
) -> None:
    assert play(tmp_path, dies_after=dies_after) is None
    assert contents(tmp_path) != straight
    play(tmp_path)
    assert contents(tmp_path) == straight


def test_dying_again_and_again_changes_nothing(tmp_path: Path, straight: dict[str, bytes]) -> None:
    for dies_after in (1, 2, 5, 5, 6, 8):
        play(tmp_path, dies_after=dies_after)
    play(tmp_path)
    assert contents(tmp_path) == straight


def test_a_finished_run_repeated_changes_nothing(tmp_path: Path, straight: dict[str, bytes]) -> None:
    for _ in range(2):
        play(tmp_path)
    assert contents(tmp_path) == straight


def test_timings_are_cut_too(tmp_path: Path) -> None:
    play(tmp_path, dies_after=5)
    play(tmp_path)
    rows = list(read_rows(tmp_path / "timings.jsonl"))
    assert [r["step"] for r in rows if "time/step_s" in r] == list(range(1, 11))
    assert [r["step"] for r in rows] == [r["step"] for r in read_rows(tmp_path / "metrics.jsonl")]


def checkpoint_of_one_step(folder: Path, rate: float) -> int:
    """Log one step with a clock of speed `rate`, save, and return the size of the timings."""
    folder.mkdir()
    ticks = itertools.count()
    tracker = open_tracker(folder, run_config(), clock=TimingSources(seconds=lambda: next(ticks) * rate))
    with tracker.step(RunState(), STAGE) as log:
        log.step(make_result([make_group()]))
    FolderCheckpoints(folder / "checkpoints", tracker, keep=1).save(RunState(step=1), CountingBackend())
    tracker.close()
    return (folder / "timings.jsonl").stat().st_size


def test_checkpoints_of_the_same_state_are_equal_though_the_clock_was_not(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow", tmp_path / "fast"
    assert checkpoint_of_one_step(slow, 3.0) != checkpoint_of_one_step(fast, 1 / 3)
    files = [p for p in (slow / "checkpoints").rglob("*") if p.is_file()]
    assert len(files) == 3
    for path in files:
        assert path.read_bytes() == (fast / path.relative_to(slow)).read_bytes()


def test_events_of_the_verifiers_are_counted_from_row_to_row(tmp_path: Path) -> None:
    counts = iter(
        [{"retries": 2}, {"retries": 2, "first_time_limit": 1}, {"retries": 5, "first_time_limit": 1}]
    )
    tracker = open_tracker(tmp_path, run_config(), clock=TimingSources(verifier_events=lambda: next(counts)))
    for step in range(3):
        with tracker.step(RunState(step=step), STAGE) as log:
            log.step(make_result([make_group()], state=RunState(step=step + 1)))
    tracker.close()
    rows = list(read_rows(tmp_path / "timings.jsonl"))
    assert [r["verify/retries"] for r in rows] == [2, 0, 3], "2, 2, 5 would be the totals"
    assert [r.get("verify/first_time_limit") for r in rows] == [None, 1, 0]


def log_step(folder: Path, *, fails: bool = False, has_result: bool = True) -> None:
    tracker = open_tracker(folder, run_config())
    try:
        with tracker.step(RunState(), STAGE) as log:
            if has_result:
                log.step(make_result([make_group()]))
            if fails:
                raise KeyError("the update broke")
    finally:
        tracker.close()


def test_a_step_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="the update broke"):
        log_step(tmp_path, fails=True)
    assert {p.name: p.stat().st_size for p in tmp_path.glob("*.jsonl")} == {
        "metrics.jsonl": 0,
        "timings.jsonl": 0,
        "fingerprints.jsonl": 0,
    }
    assert list((tmp_path / "rollouts").iterdir()) == []


def test_a_step_without_a_result_is_not_written(tmp_path: Path) -> None:
    log_step(tmp_path, has_result=False)
    assert list(read_rows(tmp_path / "metrics.jsonl")) == []


def test_rows_are_in_the_files_when_the_step_closes(tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path, run_config())
    with tracker.step(RunState(), STAGE) as log:
        log.step(make_result([make_group()]))
        assert list(read_rows(tmp_path / "metrics.jsonl")) == []
    for name in ("metrics", "timings", "fingerprints"):
        assert [r["step"] for r in read_rows(tmp_path / f"{name}.jsonl")] == [1]
    tracker.close()


def test_phases_add_up_and_the_step_holds_them(tmp_path: Path) -> None:
    """The clock moves a quarter of a second at every look."""
    tracker = open_tracker(tmp_path, run_config())
    for step in (0, 1):
        with tracker.step(RunState(step=step), STAGE) as log:
            with log.phase("rollout"):
                pass
            with log.phase("rollout"), log.phase("refill"):
                pass
            log.step(make_result([make_group()], state=RunState(step=step + 1)))
    tracker.close()
    first, second = read_rows(tmp_path / "timings.jsonl")
    assert first["time/rollout_s"] == 0.25 + 0.75  # the second one holds the two looks of refill
    assert first["time/refill_s"] == 0.25
    assert first["time/step_s"] == 1.75
    assert "time/between_s" not in first
    assert second["time/between_s"] == 0.25


def test_a_phase_is_timed_even_when_it_fails(tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path, run_config())
    with tracker.step(RunState(), STAGE) as log:
        with pytest.raises(KeyError), log.phase("rollout"):
            raise KeyError
        log.step(make_result([make_group()]))
    tracker.close()
    assert next(read_rows(tmp_path / "timings.jsonl"))["time/rollout_s"] == 0.25


def test_a_phase_may_not_take_the_trackers_own_name(tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path, run_config())
    with (
        pytest.raises(ValueError, match="another name"),
        tracker.step(RunState(), STAGE) as log,
        log.phase("verify"),
    ):
        pass
    tracker.close()


class RecordingSink(Sink):
    """Records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.events: list[StepEvent] = []

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        self.calls.append(f"begin {step} stage {stage_index}")

    def on_phase(self, phase: str) -> None:
        self.calls.append(phase)

    def on_step_end(self, event: StepEvent) -> None:
        self.calls.append(f"step {event.step}")
        self.events.append(event)

    def on_score(self, metrics: object, timings: object) -> None:
        self.calls.append("score")

    def on_cut(self, step: int) -> None:
        self.calls.append(f"cut {step}")

    def close(self) -> None:
        self.calls.append("close")


def test_views_are_called_in_order(tmp_path: Path) -> None:
    view = RecordingSink()
    play(tmp_path, dies_after=5)
    play(tmp_path, sinks=[view])
    assert view.calls[:7] == ["cut 3", "begin 4 stage 0", "rollout", "update", "publish", "step 4", "score"]
    assert view.calls[-4:] == ["publish", "step 10", "score", "close"]
    assert "begin 5 stage 1" in view.calls


def test_the_example_moves_through_the_batch(tmp_path: Path) -> None:
    view = RecordingSink()
    play(tmp_path, sinks=[view])
    examples = [e.example for e in view.events]
    assert all(s is not None for s in examples)
    assert len({s.outcome for s in examples if s}) >= 2
    assert len({s.question for s in examples if s}) >= 3


def test_scores_are_rows_at_their_step(tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path, run_config())
    tracker.score(score_of(20))
    tracker.close()
    (row,) = read_rows(tmp_path / "metrics.jsonl")
    assert (row["step"], row["eval/avg_at_k"]) == (20, 1.3)
    (timing,) = read_rows(tmp_path / "timings.jsonl")
    assert timing["time/evaluation_s"] == 1.5
