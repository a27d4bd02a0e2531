"""`or1 top` and the status file that it reads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.cli.top import top
from or1.config import StageConfig
from or1.errors import RunFolderError
from or1.storage.jsonl import encode
from or1.tracking.status import RunStatus, StatusFile, read_status
from or1.tracking.top import headline, last_step_lines, process_rows, prometheus_text, snapshot
from or1.types import ProcessStatus
from tests.runs import description, play, run_config

STAGE = StageConfig(max_response_tokens=8, num_steps=4)
ENGINES = (
    ProcessStatus(
        name="rollout engine 1",
        phase="sampling",
        work="12 requests",
        since_s=0.4,
        num_running=12,
        tokens_per_s=1250.0,
    ),
    ProcessStatus(name="rollout engine 2", phase="load", since_s=75.0, num_running=0, num_restarts=2),
)


class Clock:
    """A time of day that tests set."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def running(folder: Path, clock: Clock) -> StatusFile:
    """A run whose rollouts of step 5 are sampled since 20 s and whose trainer updates since 8 s."""
    play(folder, run_config(), dies_after=4)
    status = StatusFile(folder, lambda: ENGINES, clock)
    status.on_step_begin(5, 1, STAGE)
    status.on_phase("rollout")
    status.on_progress_start("rollouts", {"a": 2, "b": 2})
    clock.now_s += 12
    status.on_phase("update")
    status.on_tokens(500)
    for problem in "aab":
        status.on_progress(problem, 100)
    clock.now_s += 8
    status.write()
    return status


def test_a_running_run_shows_each_process_and_its_work(tmp_path: Path) -> None:
    clock = Clock()
    running(tmp_path, clock)
    run = snapshot(tmp_path, clock() + 1)
    assert headline(run).startswith("fake is running: step 5, stage 1 of 2, process ")
    assert process_rows(run) == [
        ("trainer", "update", "9 s", ""),
        ("sampling", "rollouts 3 of 4, 1 left", "21 s", "24 tokens/s"),  # 500 tokens in 21 s
        ("rollout engine 1", "sampling, 12 requests, 12 running", "0 s", "1,250 tokens/s"),
        ("rollout engine 2", "load, 0 running, 2 restarts", "1:15", ""),
    ]


def test_idle_shares_are_those_of_the_last_step(tmp_path: Path) -> None:
    """The fake clock gives a step of 1.75 s with rollout, update and publish of 0.25 s each."""
    clock = Clock()
    status = running(tmp_path, clock)
    run = snapshot(tmp_path, clock())
    last = run.last
    assert run.idle["trainer"] == pytest.approx(1 - last["time/update_s"] / last["time/step_s"])
    assert run.idle["engines"] == pytest.approx(1 - last["time/rollout_s"] / last["time/step_s"])
    assert 0 < run.idle["engines"] < 1
    status.on_progress_start("rollouts", {"a": 1})
    clock.now_s += last["time/step_s"] / 4  # sampled beside the update
    status.on_progress("a", 1)
    status.write()
    assert snapshot(tmp_path, clock()).idle["engines"] == pytest.approx(0.75)


def test_the_last_step_has_its_numbers(tmp_path: Path) -> None:
    clock = Clock()
    running(tmp_path, clock)
    metrics = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    changes = {"rollout/staleness_mean_updates": 0.75, "rollout/staleness_max_updates": 1}
    (tmp_path / "metrics.jsonl").write_bytes(
        b"".join(encode(row | (changes if "stage/index" in row else {})) for row in metrics)
    )
    lines = last_step_lines(snapshot(tmp_path, 61.0))
    assert re.match(r"step 4: [\d.]+ s, [\d,]+ tokens/s, reward 0\.\d+, ended 1:01 ago", lines[0])
    assert "staleness: 0.75 updates, at most 1" in lines


def test_each_end_of_a_run_is_one_clear_line(tmp_path: Path) -> None:
    clock = Clock()
    status = running(tmp_path / "run", clock)
    silent = headline(snapshot(tmp_path / "run", clock() + 100))
    assert silent.startswith("fake gave no sign of life for 1:40: process ")
    assert silent.endswith(f"after step 4; if that has ended, or1 train {tmp_path / 'run'} resumes it")
    status.close()
    assert read_status(tmp_path / "run") is None
    stopped = snapshot(tmp_path / "run", clock())
    assert headline(stopped) == f"fake is not running: after step 4; or1 train {tmp_path / 'run'} resumes it"
    play(tmp_path / "run", run_config())
    assert headline(snapshot(tmp_path / "run", clock())) == "fake is finished: after step 10"


def test_one_frame_for_a_terminal_without_a_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    running(tmp_path / "run", clock)
    top(tmp_path / "run", once=True, every_s=1.0, textfile=tmp_path / "or1.prom", clock=clock)
    first, trainer, sampling, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("fake is running")
    assert trainer.split() == ["trainer", "update", "8", "s"]
    assert sampling.split("  ")[0] == "sampling"
    assert 'or1_samples_left{run="fake",samples="rollouts"} 1.0' in (tmp_path / "or1.prom").read_text()


def test_no_run_and_a_foreign_status_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is not a run folder: it holds no config\.json"):
        snapshot(tmp_path / "none", 0.0)
    play(tmp_path / "run", run_config(), dies_after=1)
    (tmp_path / "run" / "status.json").write_text('{"pid": "many"}')
    with pytest.raises(RunFolderError, match="was not written by this version of or1"):
        snapshot(tmp_path / "run", 0.0)


def test_a_run_before_its_first_step(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(description(run_config())))
    status = StatusFile(tmp_path, clock=Clock())
    status.on_progress_start("held-out samples", {"a": 0})  # nothing to sample
    status.write()
    run = snapshot(tmp_path, 1000.0)
    assert headline(run).startswith("fake is running: step 0, stage 1 of 2")
    assert process_rows(run) == [("trainer", "start", "0 s", "")]
    assert (run.idle, last_step_lines(run)) == ({}, [])


LINE = re.compile(
    r'[a-zA-Z_:][a-zA-Z0-9_:]*\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\} (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?)'
)


@given(name=st.text(), work=st.text(max_size=9), value=st.floats(), key=st.text(min_size=1, max_size=9))
def test_prometheus_text_keeps_the_format_for_any_name_and_number(
    name: str, work: str, value: float, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "prometheus"
    if not folder.exists():
        running(folder, Clock())
    run = snapshot(folder, 1020.0)
    assert isinstance(run.status, RunStatus)
    run.data.config["name"] = name
    process = ProcessStatus(name=name, phase=work, since_s=1.0)
    data = replace(run.data, description={"config": run.data.config | {"name": name}})
    data.steps[-1][f"train/{key}"] = value
    shown = replace(run, data=data, status=replace(run.status, processes=(process,)))
    lines = prometheus_text(shown).split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert line.startswith("# TYPE or1_") or LINE.fullmatch(line), line
    types = [line for line in lines if line.startswith("#")]
    assert len(types) == len(set(types))


def test_values_that_are_not_finite_have_the_names_of_prometheus(tmp_path: Path) -> None:
    running(tmp_path, Clock())
    run = snapshot(tmp_path, 1020.0)
    run.data.steps[-1] |= {"train/loss": float("nan"), "train/ratio_max": float("inf")}
    text = prometheus_text(run)
    assert 'or1_train_loss{run="fake"} NaN\n' in text
    assert 'or1_train_ratio_max{run="fake"} +Inf\n' in text
    assert 'or1_up{run="fake"} 1.0\n' in text
    assert 'or1_process_restarts{run="fake",process="rollout engine 2"} 2.0\n' in text
