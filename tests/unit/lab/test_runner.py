"""The lab runs every run once, in processes of its own, and continues where it was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from or1.errors import RunFolderError
from or1.lab.experiment import ArmConfig, ExperimentConfig, StatisticConfig
from or1.lab.matrix import PlannedRun, plan_runs
from or1.lab.results import read_results, value_of
from or1.lab.runner import LabProgress, LocalJobs, run_lab
from or1.processes.launch import LocalProcess, Running
from or1.storage.folder import LOCK, FolderLock
from tests.arch.source import ROOT


def planned(seeds: Sequence[int], steps: int = 2) -> list[PlannedRun]:
    arms = (ArmConfig(name="a"), ArmConfig(name="b", set={"loss.clip_high": 0.3}))
    experiment = ExperimentConfig(name="e", title="t", question="q", source="s", arms=arms, steps=steps)
    return [each for each in plan_runs([experiment], seeds=max(seeds)) if each.run.seed in seeds]


def lab(runs: Sequence[PlannedRun], out: Path, seen: list[LabProgress] | None = None) -> LabProgress:
    return run_lab(
        runs,
        out,
        out / "results",
        jobs=LocalJobs(2),
        on_progress=(seen if seen is not None else []).append,
        worker="tests.unit.lab.fake_worker",
    )


def test_every_run_has_a_result_and_no_checkpoint(tmp_path: Path) -> None:
    runs, seen = planned([1, 2]), list[LabProgress]()
    end = lab(runs, tmp_path, seen)
    assert (end.num_runs, end.num_done, end.fraction, end.failed) == (4, 4, 1.0, ())
    results = read_results(tmp_path / "results")
    assert {(r.key, r.seed) for r in results.values()} == {(each.key, each.run.seed) for each in runs}
    assert results[runs[0].key].series["entropy"] == (1.0, 0.5)
    assert not list(tmp_path.glob("runs/*/checkpoints"))
    assert [each.num_done for each in seen] == sorted(each.num_done for each in seen)


def test_a_run_with_a_result_is_not_run_again(tmp_path: Path) -> None:
    first = planned([1])
    lab(first, tmp_path)
    end = lab(planned([1, 2]), tmp_path)
    assert end.num_done == 4
    assert end.fraction_at_start == 0.5
    for run in planned([1, 2]):
        assert (tmp_path / "runs" / run.key / "trained.txt").read_text() == "once\n"


def test_a_failed_run_and_a_lost_process_leave_the_others(tmp_path: Path) -> None:
    end = lab(planned([1, 14, 17]), tmp_path)
    assert end.num_done == 2
    assert sorted(line.partition(":")[0] for line in end.failed) == [
        "e/a, seed 14",
        "e/a, seed 17",
        "e/b, seed 14",
        "e/b, seed 17",
    ]
    assert sum("exit status 9" in line for line in end.failed) == 2
    assert sum("OutOfMemoryError: none is left" in line for line in end.failed) == 2


def test_a_run_whose_process_ends_is_tried_once_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end = lab(planned([1, 13]), tmp_path)
    assert (end.num_done, end.failed) == (4, ())
    lost = [line for line in caplog.messages if "exit status 9" in line]
    assert sorted(line.partition(":")[0] for line in lost) == ["e/a, seed 13", "e/b, seed 13"]
    assert all(line.endswith("this run is tried once more") for line in lost)


class ShrinkingJobs:
    """Two processes at once, and one after the first start that follows a loss."""

    def __init__(self) -> None:
        self.started: list[Running] = []
        self.num_alive: list[int] = []
        """Processes beside each one when it starts."""

    @property
    def num_jobs(self) -> int:
        return 2 if len(self.started) < 2 else 1

    def launch(self, worker: str, environment: Mapping[str, str], log: Path) -> Running:
        self.num_alive.append(sum(each.wait(0.0) is None for each in self.started))
        self.started.append(LocalProcess(worker, environment, log))
        return self.started[-1]


def test_after_a_loss_as_many_processes_work_as_there_are_jobs(tmp_path: Path) -> None:
    """Both first processes end; then one makes all four runs. With two, the fourth would start beside one."""
    jobs = ShrinkingJobs()
    end = run_lab(
        planned([13, 14, 16]),
        tmp_path,
        tmp_path / "results",
        jobs=jobs,
        on_progress=lambda at: None,
        worker="tests.unit.lab.fake_worker",
    )
    assert end.num_done == 4
    assert jobs.num_alive == [0, 1, 0]


def test_a_run_that_cannot_continue_has_a_result_up_to_there(tmp_path: Path) -> None:
    """Its last fifth has no value: the share of the steps is that of all four, not of the two made."""
    run = planned([16], steps=4)[0]
    end = lab([run], tmp_path)
    assert (end.num_done, end.failed) == (1, ())
    result = read_results(tmp_path / "results")[run.key]
    assert (result.ended_by, result.num_steps) == ("NonFiniteError: at step 2", 4)
    assert value_of(result, StatisticConfig(series="entropy")) is None
    assert value_of(result, StatisticConfig(series="entropy", start=0.25, end=0.5)) == 0.75


def test_time_over_stops_the_lab_and_the_next_call_continues(tmp_path: Path) -> None:
    runs = planned([1, 2])
    stopped = run_lab(
        runs, tmp_path, tmp_path / "results", jobs=LocalJobs(2), on_progress=lambda at: None, limit_s=0.0
    )
    assert stopped.num_done == 0
    assert lab(runs, tmp_path).num_done == 4


def test_two_labs_never_share_a_folder(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / LOCK)
    try:
        with pytest.raises(RunFolderError, match="in use by process"):
            lab(planned([1]), tmp_path)
    finally:
        lock.close()


def test_the_time_left_follows_the_speed_of_this_call_alone() -> None:
    """Half was there before: 10 % more in 60 s leave 40 % for 240 s, not 60 s * 0.4 / 0.6."""
    at = LabProgress(10, 6, 0.6, 0.5, 60.0, ())
    assert at.left_s == pytest.approx(240.0)
    assert LabProgress(10, 5, 0.5, 0.5, 60.0, ()).left_s is None


def two_and_an_endless_one() -> list[PlannedRun]:
    return [*planned([1]), planned([15])[0]]


def test_a_killed_lab_leaves_no_process_and_the_next_one_continues(tmp_path: Path) -> None:
    """The worker ends with the lab: else the folder of its run would stay locked."""
    code = (
        "from pathlib import Path\nfrom tests.unit.lab.test_runner import lab, two_and_an_endless_one\n"
        f"lab(two_and_an_endless_one(), Path({str(tmp_path)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    pid = tmp_path / "pid"
    while not (pid.is_file() and pid.read_text() and len(read_results(tmp_path / "results")) == 2):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while is_running(int(pid.read_text())):
        time.sleep(0.05)  # a worker that stays ends at the time limit of the test
    end = lab(two_and_an_endless_one(), tmp_path)
    assert (end.num_done, end.failed) == (3, ())
    assert end.fraction_at_start == pytest.approx(2 / 3)
    folders = [tmp_path / "runs" / run.key for run in two_and_an_endless_one()]
    assert [(folder / "trained.txt").read_text() for folder in folders] == ["once\n"] * 3


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return " Z " not in stat.read_text() if stat.exists() else True
