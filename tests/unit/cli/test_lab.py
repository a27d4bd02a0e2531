"""`or1 lab`: lists, results, refusals in one line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from or1.cli import dispatch
from or1.cli.app import guarded
from or1.cli.lab import LabDisplay
from or1.lab.experiment import list_experiments
from or1.lab.results import read_results
from or1.lab.runner import LabProgress


def or1(*words: str) -> int:
    return guarded(lambda: dispatch(["lab", *words]))


def test_the_list_has_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert or1("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == list(list_experiments())
    assert "different runs in all" in lines[-1]


def test_an_unknown_experiment_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert or1("run", "n-sgdd") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean n-sgd?" in error


def experiment(tmp_path: Path) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(
        'title = "t"\nquestion = "q"\nsource = "s"\nseeds = 3\nsteps = 2\n'
        '[[arms]]\nname = "a"\n[[arms]]\nname = "b"\nset = { "loss.clip_high" = 0.3 }\n'
    )
    return file


def test_a_run_that_fails_is_named_and_the_others_have_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("or1.cli.lab.WORKER", "tests.unit.lab.fake_worker")
    file = experiment(tmp_path)
    assert or1("run", str(file), "--out", str(tmp_path / "out"), "--seeds", "14", "--jobs", "2") == 3
    shown = capsys.readouterr()
    assert "26 of 28 runs have results" in shown.out
    assert "2 runs failed, such as own/" in shown.err.splitlines()[-1]
    assert len(read_results(tmp_path / "out" / "results")) == 26


def test_without_a_terminal_there_is_a_line_a_minute() -> None:
    out = io.StringIO()
    with LabDisplay(Console(file=out)) as display:
        for elapsed_s in (0.0, 30.0, 59.0, 60.0, 100.0, 120.0):
            display.show(LabProgress(10, int(elapsed_s) // 60, elapsed_s / 600, 0.0, elapsed_s, ()))
    assert out.getvalue().splitlines() == [
        "0 of 10 runs, 0 %",
        "1 of 10 runs, 10 %, about 9:00 left",
        "2 of 10 runs, 20 %, about 8:00 left",
    ]
