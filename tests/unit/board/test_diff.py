"""A difference planted in one phase of one step is found there and named; equal runs are equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from or1.board.diff import Phase, compare_runs
from or1.board.diff_page import diff_page
from or1.cli.app import dispatch, guarded
from or1.testing import make_problem, make_verdict
from or1.types import Group, Rollout, RunState, UpdateReport
from tests.runs import ReportingBackend, StepCollector, play, run_config

STEP, GROUP, ROLLOUT = 7, 1, 2
"""Where the difference is planted."""


class PlantedCollector(StepCollector):
    """The groups of the other run, with one rollout of one step changed."""

    def __init__(self, change: Callable[[Rollout], Rollout]) -> None:
        self._change = change

    def collect(self, state: RunState, stage: object) -> tuple[list[Group], RunState]:
        groups, state = super().collect(state, stage)
        if state.step == STEP - 1:
            rollouts = list(groups[GROUP].rollouts)
            rollouts[ROLLOUT] = self._change(rollouts[ROLLOUT])
            groups[GROUP] = replace(groups[GROUP], rollouts=tuple(rollouts))
        return groups, state


class PlantedBackend(ReportingBackend):
    """Its gradient is a hash of the advantages; one step changes gradient or weights."""

    def __init__(self, changed: str = "") -> None:
        super().__init__()
        self._changed = changed

    def update(self, *arguments: Any) -> UpdateReport:
        number = self.num_calls
        if number == STEP - 1 and self._changed == "weights":
            self.weights = "other"
        report = super().update(*arguments)
        text = json.dumps([self.calls[-1].advantages, number == STEP - 1 and self._changed == "gradient"])
        gradient = hashlib.sha256(text.encode()).hexdigest()
        return replace(report, hashes={"gradient": gradient, **report.hashes})


def bumped(values: np.ndarray) -> np.ndarray:
    """The first value changed by the least amount."""
    out = values.copy()
    out[0] = np.nextafter(out[0], np.float32(-9)) if out.dtype.kind == "f" else out[0] + 1
    return out


CHANGES: dict[Phase, Callable[[Rollout], Rollout]] = {
    Phase.DATA: lambda r: replace(r, problem_id=make_problem(77).id),
    Phase.PROMPT_TOKENS: lambda r: replace(r, prompt_tokens=bumped(r.prompt_tokens)),
    Phase.SAMPLED_TOKENS: lambda r: replace(r, response_tokens=bumped(r.response_tokens)),
    Phase.LOG_PROBS: lambda r: replace(r, behavior_logprobs=bumped(r.behavior_logprobs)),
    Phase.REWARD: lambda r: replace(r, verdict=make_verdict(0.25)),
}
DETAILS = {
    Phase.DATA: "problem_id from character 0",
    Phase.PROMPT_TOKENS: "prompt from character 0",
    Phase.SAMPLED_TOKENS: "response_tokens[0] is 9 in the first run, 10 in the second",
    Phase.LOG_PROBS: "behavior_logprobs[0] is -0.",
    Phase.REWARD: ", 0.25 in the second",
    Phase.GRADIENT: "",
    Phase.WEIGHTS: "train/loss is 0.",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    play(folder, trainer=PlantedBackend())
    return folder


@pytest.mark.parametrize("phase", Phase)
def test_a_planted_difference_is_found_in_its_step_and_phase(
    phase: Phase, base: Path, tmp_path: Path
) -> None:
    if phase in CHANGES:
        play(tmp_path, trainer=PlantedBackend(), collector=PlantedCollector(CHANGES[phase]))
    else:
        play(tmp_path, trainer=PlantedBackend(phase.value))
    found = compare_runs((base, tmp_path))
    assert (found.steps[0].step, found.steps[0].phases[0]) == (STEP, phase)
    assert DETAILS[phase] in found.steps[0].detail
    if phase in CHANGES:
        assert found.steps[0].detail.startswith(f"rollout {4 * GROUP + ROLLOUT + 1} of 12 (")
    assert (found.settings, found.environment, found.is_equal) == ([], [], False)


def test_equal_runs_are_equal(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play(tmp_path, trainer=PlantedBackend())
    assert command(base, tmp_path) == 0
    assert capsys.readouterr().out == "equal in steps 1 to 10\n"


def command(*words: object) -> int:
    return guarded(lambda: dispatch(["diff", *map(str, words)]))


def test_a_shorter_run_is_equal_as_far_as_it_goes(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, trainer=PlantedBackend(), dies_after=5)
    assert command(base, tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        "equal in steps 1 to 5, as far as both runs have steps",
        f"{base} ends at step 10; {tmp_path} ends at step 5",
    ]


def test_settings_and_environment_that_differ_are_listed(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, run_config(optimizer={"learning_rate": 2e-6}), trainer=PlantedBackend())
    description = json.loads((tmp_path / "config.json").read_text())
    description["provenance"]["commit"] = "beef"
    (tmp_path / "config.json").write_text(json.dumps(description))
    assert command(base, tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        "equal in steps 1 to 10",
        "settings that differ (1)",
        "  optimizer.learning_rate 1e-06 -> 2e-06",
        "environment that differs (1)",
        "  commit c0ffee -> beef",
    ]


def test_a_default_that_an_older_run_lacks_is_no_difference(base: Path, tmp_path: Path) -> None:
    play(tmp_path, trainer=PlantedBackend())
    description = json.loads((tmp_path / "config.json").read_text())
    del description["config"]["rollout"]["max_refills"]
    (tmp_path / "config.json").write_text(json.dumps(description))
    assert compare_runs((base, tmp_path)).settings == []


def test_phases_without_hashes_are_named_and_not_counted(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path)  # its backend has no hash of the gradient
    assert command(base, tmp_path) == 0
    assert "not compared: gradient (" in capsys.readouterr().out


def test_changes_on_the_way_are_noted(base: Path, tmp_path: Path) -> None:
    play(tmp_path, trainer=PlantedBackend(), dies_after=5)
    play(tmp_path, run_config(max_empty_steps=4), trainer=PlantedBackend(), accept_changes=True)
    found = compare_runs((base, tmp_path))
    assert found.notes == [f"{tmp_path} changed max_empty_steps 10 -> 4 after step 3"]


@pytest.mark.parametrize(
    ("prepare", "line"),
    [
        (lambda folder: None, "is not a run folder"),
        (play, "no step in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    prepare: Callable[[Path], object],
    line: str,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    prepare(folder)
    if folder.exists():
        (folder / "fingerprints.jsonl").write_text("")
    assert command(base, folder) == 2
    assert line in capsys.readouterr().err


def test_the_page_names_the_difference_and_escapes_every_text(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "<script>alert(1)</script>"
    hostile = run_config(name="<img src=x onerror=alert(1)>")
    play(folder, hostile, trainer=PlantedBackend(Phase.WEIGHTS.value))
    page = diff_page(compare_runs((base, folder)))
    assert "first difference in step 7: weights" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "default-src 'none'" in page


def test_out_writes_the_page_and_refuses_a_folder(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "diff.html"
    assert command(base, base, "--out", out) == 0
    assert "equal in steps 1 to 10" in out.read_text(encoding="utf-8")
    assert command(base, base, "--out", tmp_path) == 2
    assert "is a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [out]
