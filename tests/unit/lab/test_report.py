"""The page of the lab is made from the results alone, and says of the rest that it was not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1.lab.experiment import PlannedStepConfig, list_experiments, load
from or1.lab.findings import load_findings
from or1.lab.matrix import plan_runs
from or1.lab.planned_hours import plan_of
from or1.lab.report import write_report
from or1.lab.results import write_result
from tests.arch.source import ROOT
from tests.unit.lab.results import result

pytest.importorskip("matplotlib")


def results_of(folder: Path, name: str, seeds: int, *, quick: bool = False) -> None:
    """Results of an experiment: the entropy of its arms is 0.1, 0.2, ... plus a hundredth of the seed."""
    arms = len(load(name).arms)
    for n, each in enumerate(plan_runs([load(name)], seeds=seeds, quick=quick)):
        entropy = [0.1 * (n % arms + 1) + 0.01 * each.run.seed ** (n % arms)] * 10
        scores = ((0, 0.25), (10, 0.5))
        write_result(
            folder, result(each.key, seed=each.run.seed, quick=quick, scores=scores, entropy=entropy)
        )


def test_the_page_in_the_repository_is_that_of_its_results(tmp_path: Path) -> None:
    page = write_report(ROOT / "docs/lab/results", tmp_path, quick=False)
    assert page.read_text() == (ROOT / "docs/lab.md").read_text(), "run or1 lab report"


def test_without_results_nothing_is_decided(tmp_path: Path) -> None:
    text = write_report(tmp_path / "nothing", tmp_path, quick=False).read_text()
    num = len(load_findings())
    assert f"{num} findings: {num} not run." in text
    assert text.count("\nNot run.\n") == len(list_experiments())
    assert not list(tmp_path.glob("lab/*.png"))


def test_an_experiment_with_results_has_table_and_picture(tmp_path: Path) -> None:
    """n-sgd, seeds 1 to 3. The second arm: 0.2 + 0.01 seed; the first: 0.1 + 0.01. Differences 0.10, 0.11,
    0.12: t interval 0.11 +- 4.303 * 0.01 / sqrt(3)."""
    results_of(tmp_path / "results", "n-sgd", 3)
    text = write_report(tmp_path / "results", tmp_path, quick=False).read_text()
    assert (
        "| minibatches-2 (2,16,8,1) | 3 | 0.220 ± 0.010 | 0.500 ± 0.000 | +0.110 [+0.085, +0.135] |" in text
    )
    assert (tmp_path / "lab" / "n-sgd.png").stat().st_size > 10_000
    assert "not run" in text


def test_quick_runs_are_shown_apart_and_decide_nothing(tmp_path: Path) -> None:
    results_of(tmp_path / "results", "n-sgd", 1, quick=True)
    page = write_report(tmp_path / "results", tmp_path, quick=True)
    assert page.name == "lab-quick.md"
    assert "| on-policy (1,16,16,1) | 1 | 0.110 | 0.500 |  |" in page.read_text()
    assert "reproduced" not in page.read_text()
    decided = write_report(tmp_path / "results", tmp_path, quick=False).read_text()
    assert f"{len(load_findings())} not run." in decided


def test_the_hours_of_the_planner_are_near_the_paper() -> None:
    """Paper: (1,64,64,1) on 32 H800 takes 90 h of rollout and 8 h of update in 1,000 steps; 18 h more are
    outside of both."""
    plan = plan_of(PlannedStepConfig(num_gpus=32, num_problems=64, group_size=16))
    assert plan.rollout_s / 3.6 == pytest.approx(90, rel=0.2)
    assert plan.update_s / 3.6 == pytest.approx(8, rel=0.2)


def test_smaller_batches_on_fewer_gpus_take_as_long() -> None:
    """The comparison of ablations 11 and 12 is one of equal hours."""
    for name in ("rollout-batch", "group-size"):
        hours = [plan_of(step).hours for step in load(name).plan]
        assert max(hours) / min(hours) < 1.1
