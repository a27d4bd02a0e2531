"""State to JSON and back, which checkpoints are kept, and which one is restored."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.errors import CheckpointError, RunFolderError
from or1.testing import CountingBackend, MemoryTracker
from or1.trainer.checkpoint import (
    FolderCheckpoints,
    newest_whole,
    state_from_json,
    state_to_json,
    steps_of,
    trainer_folder,
    verify,
)
from or1.types import EntropyState, RunState, SamplerState, StageProgress
from tests.runs import score_of

FLOATS = st.floats()
STATES = st.builds(
    RunState,
    step=st.integers(0, 10**9),
    policy_version=st.integers(0, 10**9),
    stage=st.builds(
        StageProgress,
        index=st.integers(0, 9),
        first_step=st.integers(0, 99),
        truncated_fractions=st.lists(FLOATS, max_size=5).map(tuple),
        mean_rewards=st.lists(FLOATS, max_size=5).map(tuple),
    ),
    entropy=st.builds(EntropyState, coefficient=FLOATS, last_entropy=st.none() | FLOATS),
    sampler=st.builds(SamplerState, epoch=st.integers(0, 99), position=st.integers(0, 99)),
    pass_rates=st.dictionaries(st.text(max_size=8), FLOATS, max_size=5),
    solved=st.frozensets(st.text(max_size=8), max_size=5),
    empty_steps=st.integers(0, 9),
    nonfinite_steps=st.integers(0, 9),
)


class Weights(CountingBackend):
    """A backend whose weights are set by hand."""

    def __init__(self, weights: str = "start") -> None:
        super().__init__()
        self.weights = weights


def checkpoints(folder: Path, keep: int = 2, **options: Any) -> FolderCheckpoints:
    return FolderCheckpoints(folder, MemoryTracker(), keep=keep, **options)


def saved(folder: Path, *steps: int, keep: int = 9) -> FolderCheckpoints:
    """Checkpoints of these steps, with weights `at <step>`."""
    made = checkpoints(folder, keep)
    for step in steps:
        made.save(RunState(step=step), Weights(f"at {step}"))
    return made


def restored(folder: Path, keep: int = 2) -> tuple[RunState | None, str]:
    trainer = Weights()
    return checkpoints(folder, keep).restore(trainer), trainer.weights


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@given(STATES)
def test_a_state_comes_back_as_it_was(state: RunState) -> None:
    text = json.dumps(state_to_json(state), allow_nan=False)
    back = state_from_json(json.loads(text))
    assert repr(back.stage) == repr(state.stage)  # repr: nan is not equal to itself
    assert repr(back.entropy) == repr(state.entropy)
    assert repr(sorted(back.pass_rates.items())) == repr(sorted(state.pass_rates.items()))
    assert (back.step, back.policy_version, back.sampler) == (state.step, state.policy_version, state.sampler)
    assert (back.solved, back.empty_steps, back.nonfinite_steps) == (
        state.solved,
        state.empty_steps,
        state.nonfinite_steps,
    )


def test_equal_sets_give_equal_text() -> None:
    one, two = (RunState(solved=frozenset(ids)) for ids in (["b", "a", "c"], ["c", "b", "a"]))
    assert json.dumps(state_to_json(one)) == json.dumps(state_to_json(two))


def test_every_field_is_written() -> None:
    assert set(state_to_json(RunState())) == set(RunState.__dataclass_fields__)


def without(content: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy without one key."""
    copy = json.loads(json.dumps(content))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return dict(copy)


@pytest.mark.parametrize(
    "path", [("entropy",), ("entropy", "coefficient"), ("step",), ("stage", "first_step")]
)
def test_a_missing_field_does_not_become_its_default(path: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="missing"):
        state_from_json(without(state_to_json(RunState()), *path))


@pytest.mark.parametrize("change", [{"future": 1}, {"step": "3"}, {"empty_steps": None}])
def test_an_unknown_or_mistyped_field_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"missing|validation error"):
        state_from_json(state_to_json(RunState()) | change)


def test_floats_are_exact() -> None:
    state = RunState(entropy=EntropyState(coefficient=0.1 + 0.2, last_entropy=math.nextafter(0.2, 1)))
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


def test_nothing_saved_restores_nothing_and_empties_the_logs(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    tracker.scores.append(score_of(1))
    assert FolderCheckpoints(tmp_path, tracker, keep=1).restore(Weights()) is None
    assert tracker.scores == []


def test_the_newest_is_restored_with_its_weights(tmp_path: Path) -> None:
    saved(tmp_path, 3, 20, 100)  # in text order 100 would come before 20
    state, weights = restored(tmp_path)
    assert (state, weights) == (RunState(step=100), "at 100")


def test_the_logs_are_cut_to_the_checkpoint(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    made = FolderCheckpoints(tmp_path, tracker, keep=1)
    tracker.scores.append(score_of(1))
    made.save(RunState(step=2), Weights())
    tracker.scores.append(score_of(3))
    made.restore(Weights())
    assert tracker.scores == [score_of(1)]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, 4, keep=2)
    assert names(tmp_path) == ["step_000003", "step_000004"]


def test_a_damaged_one_does_not_count_as_kept(tmp_path: Path) -> None:
    """With keep = 2 and damage in 3, going on to 4 must keep 2: 3 could not serve."""
    saved(tmp_path, 1, 2, 3)
    (tmp_path / "step_000003" / "state.json").write_text("{}")
    checkpoints(tmp_path, keep=2).save(RunState(step=4), Weights())
    assert names(tmp_path) == ["step_000002", "step_000003", "step_000004"]


def test_leftovers_are_cleaned_on_start(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    (tmp_path / ".step_000003.1.part" / "trainer").mkdir(parents=True)
    (tmp_path / "step_000002").rename(tmp_path / ".step_000002.1.old")  # killed between two renames
    assert restored(tmp_path)[1] == "at 2"
    assert names(tmp_path) == ["step_000001", "step_000002"]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    saved(tmp_path, 5)
    checkpoints(tmp_path).save(RunState(step=5, policy_version=9), Weights("anew"))
    state, weights = restored(tmp_path)
    assert (state, weights) == (RunState(step=5, policy_version=9), "anew")
    assert names(tmp_path) == ["step_000005"]


def test_another_format_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    manifest = tmp_path / "step_000002" / "manifest.json"
    manifest.write_text(json.dumps({"format": 2, "layout": "unknown"}))
    with pytest.raises(CheckpointError, match=r"format 2 and this or1 reads format 1"):
        restored(tmp_path)


def test_a_failing_save_leaves_the_earlier_ones_and_no_rest(tmp_path: Path) -> None:
    made = saved(tmp_path, 1)

    class Failing(Weights):
        def save(self, folder: Path) -> None:
            (folder / "half").write_text("x")
            raise RuntimeError("the device was lost")

    with pytest.raises(RuntimeError, match="device was lost"):
        made.save(RunState(step=2), Failing())
    assert names(tmp_path) == ["step_000001"]
    assert restored(tmp_path)[1] == "at 1"


def test_too_little_room_is_said_before_writing(tmp_path: Path) -> None:
    made = checkpoints(tmp_path, free_bytes=lambda _: 1000)
    with pytest.raises(RunFolderError, match="nearly full"):
        made.save(RunState(step=1), Weights())
    assert names(tmp_path) == []


def test_newest_whole_is_where_an_export_finds_the_weights(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    path = newest_whole(tmp_path)
    assert path == tmp_path / "step_000002"
    assert json.loads((trainer_folder(path) / "counting.json").read_text())["weights"] == "at 2"
    verify(path)


def test_steps_are_those_of_folders_named_as_checkpoints(tmp_path: Path) -> None:
    """By number: as texts, 1,000,000 would come before 999,999."""
    for name in (
        "step_1000000",
        "step_999999",
        "step_000020",
        ".step_000030.7.part",
        "step_000040.old",
        "step_x",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "step_000050").touch()
    assert steps_of(tmp_path) == [20, 999_999, 1_000_000]


def test_problems_of_other_data_leave_the_state(tmp_path: Path) -> None:
    """A run that starts from the checkpoint of another one may have other data."""
    state = RunState(step=1, solved=frozenset({"a", "b"}), pass_rates={"a": 1.0, "c": 0.5, "d": 0.25})
    checkpoints(tmp_path).save(state, Weights())
    found = checkpoints(tmp_path, problems={"b", "c"}).restore(Weights())
    assert found == RunState(step=1, solved=frozenset({"b"}), pass_rates={"c": 0.5})
