"""The command line as a user meets it: one line and an exit code, never a traceback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from or1 import recipes
from or1.cli.app import guarded, main
from or1.cli.train import report
from or1.errors import CheckpointError, ConfigError, Interrupted, NonFiniteError, StarvedError
from or1.setting import settings_of


def raiser(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("key x: no"), 2, "or1: key x: no\n"),
        (CheckpointError("two\n  lines"), 2, "or1: two lines\n"),
        (NonFiniteError("three"), 3, "or1: three\n"),
        (StarvedError("empty"), 3, "or1: empty\n"),
        (Interrupted("saved"), 130, "or1: saved\n"),
        (KeyboardInterrupt(), 130, "or1: interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/x"),
            2,
            "or1: disk full while writing runs/x: free some space and repeat the same command\n",
        ),
        (SystemExit(0), 0, ""),
        (SystemExit(2), 2, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(raiser(error)) == code
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("error", [ValueError("bug"), OSError(errno.EIO, "bug"), KeyError("bug")])
def test_a_bug_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        guarded(raiser(error))


def or1(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).parents[3] / "src"
    env = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, "-m", "or1", *words], capture_output=True, text=True, check=False, cwd=cwd, env=env
    )


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["train", "tinny"], ["tinny", "did you mean tiny?"]),
        (["train", "tiny", "--set", "optimizer.lr=1"], ["optimizer.lr", "optimizer.learning_rate"]),
        (["train", "tiny", "--set", "seed=x"], ["seed", '"x"', "a whole number"]),
        (["show", "or1-8b"], ["or1-8b", "did you mean or1-7b?"]),
        (["export", "nowhere", "out"], ["nowhere", "not a run folder"]),
        (["plot", "nowhere"], ["nowhere", "not a run folder"]),
        (["top", "nowhere"], ["nowhere", "not a run folder"]),
        (["trian"], ["trian", "Did you mean 'train'? See or1 --help"]),
        (["train"], ["or1 train needs a recipe, a run folder to resume, or --from RUN@STEP"]),
        (["eval", "run", "m", "--sample", "1"], ["--sample", "--samples", "See or1 eval run --help"]),
        (["eval", "run", "m", "--samples", "0"], ["--samples", "greater than or equal to 1"]),
    ],
)
def test_a_mistake_on_the_command_line(words: list[str], parts: list[str], tmp_path: Path) -> None:
    done = or1(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for part in parts:
        assert part in done.stderr
    assert list(tmp_path.iterdir()) == [], "something was written before the mistake was seen"


def test_no_words_give_the_help() -> None:
    done = or1()
    assert done.returncode == 2
    assert "train" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_says_so(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("or1.cli.doctor.doctor", raiser(error))
    monkeypatch.setattr("sys.argv", ["or1", "doctor"])
    with pytest.raises(SystemExit) as left:
        main()
    assert (left.value.code, capsys.readouterr().err) == (130, "or1: interrupted\n")


@pytest.mark.parametrize("words", [[], ["eval"], ["curate"]])
def test_helps_are_not_cut_off(words: list[str]) -> None:
    """In a terminal of 80 columns each command has its whole help."""
    shown = subprocess.run(
        [sys.executable, "-m", "or1", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    ).stdout
    rows = shown.split("Commands:\n")[1].splitlines()
    assert len(rows) >= 2
    assert all(row.endswith(".") and not row.endswith("...") for row in rows), shown


def test_version_and_list() -> None:
    from or1 import __version__

    assert or1("--version").stdout.strip() == f"or1 {__version__}"
    listed = or1("show").stdout
    assert all(name in listed for name in recipes.list_recipes())


def test_show_json_is_the_resolved_run_without_torch(tmp_path: Path) -> None:
    done = or1("show", "tiny", "--set", "seed=5", "--json")
    path = tmp_path / "again.json"
    path.write_text(done.stdout)
    assert recipes.load(path) == recipes.load("tiny", ["seed=5"])
    code = "import sys; from or1.cli.show import show; show('or1-7b', [], False); "
    code += "print({'torch'} & set(sys.modules), end='')"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.endswith("set()")
    assert "[tokens]" in shown.stdout, "units in brackets were taken for markup"


def test_show_gives_every_setting_once_and_marks_what_differs() -> None:
    run = recipes.load("or1-7b")
    rows = {row.key: row for row in settings_of(run)}
    assert len(rows) == len(list(settings_of(run)))
    assert rows["stages.1.max_response_tokens"].value == 32768
    assert not rows["stages.1.group_size"].is_default
    assert rows["stages.0.group_size"].is_default  # 16, written or not
    assert not rows["model.path"].is_default
    assert "nats/token" in rows["entropy.target"].about
    flat: dict[str, object] = {}

    def walk(value: object, key: str) -> None:
        if isinstance(value, dict) and value:  # an empty one is a free table
            for name, inner in value.items():
                walk(inner, f"{key}.{name}" if key else name)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for index, inner in enumerate(value):
                walk(inner, f"{key}.{index}")
        else:
            flat[key] = value

    walk(run.model_dump(mode="json"), "")
    assert sorted(flat) == sorted(rows)


def test_report_puts_before_and_after_side_by_side() -> None:
    score = {"avg_at_k": 0.4, "avg_at_k_low": 0.35, "avg_at_k_high": 0.45, "samples_per_problem": 4}
    summary = {
        "heldout": {"before": score, "after": {**score, "avg_at_k": 0.8}},
        "stages": [
            {
                "index": 0,
                "max_response_tokens": 128,
                "first_step": 1,
                "last_step": 17,
                "ended_by": "truncated_below",
            }
        ],
        "truncated_fraction": {"first_stage_first_steps": 0.41, "first_stage_last_steps": None},
        "entropy_nats": {"first_steps": 0.3, "last_fifth": 0.15, "target": 0.15},
        "seconds": {"rollout": 12.4, "total": 31.0},
    }
    assert report(json.loads(json.dumps(summary))) == [
        "held-out avg@4  0.400 [0.350, 0.450]  ->  0.800 [0.350, 0.450]",
        "stage 1  128 tokens, steps 1 to 17, ended by truncated_below",
        "truncated in stage 1  41.0 %  ->  -",
        "entropy  0.300 nats/token  ->  0.150 nats/token, target 0.150",
        "seconds  rollout 12, total 31",
    ]
