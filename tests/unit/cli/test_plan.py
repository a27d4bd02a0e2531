"""`or1 plan`: the printed plan, and refusals in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from or1.cli.app import dispatch, guarded


def plan(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `or1 plan`."""
    code = guarded(lambda: dispatch(["plan", *words]))
    done = capsys.readouterr()
    return code, done.out, done.err


def test_seconds_of_a_step_add_up_and_the_price_is_that_of_all_gpus(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = plan(capsys, "or1-7b", "--gpu", "h800", "--num-gpus", "32", "--dollars-per-hour", "2")
    assert code == 0
    steps = re.findall(
        r"rollout ([\d,]+) s \+ update ([\d,]+) s \+ weights (\d+) s = ([\d,]+) s, ([\d,.]+) dollars", out
    )
    assert len(steps) == 2, "one for each stage"
    for step in steps:
        rollout, update, weights, whole, dollars = (float(each.replace(",", "")) for each in step)
        assert abs(rollout + update + weights - whole) <= 2
        assert dollars == pytest.approx(32 * 2 * whole / 3600, rel=0.01)
    assert "of 1 GPU" in out


def test_lengths_of_a_run_take_the_place_of_the_distribution(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = plan(capsys, "or1-7b", "--num-gpus", "8", "--lengths", str(tmp_path))
    assert code == 2
    assert "has no file of rollouts" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("or1-7b", "--gpu", "h1000"), "--gpu h1000 is not known: choose one of a100, h20, h100"),
        (("or1-7b", "--engine", "sglang"), "--engine sglang is not known: choose one of"),
        (("or1-7b", "--num-gpus", "1"), "GPUs are enough"),
        (("or1-7b", "--set", "model.path=someone/unknown"), "the sizes of someone/unknown are not known"),
        (("or1-7b", "--set", "model.path=~/no-such-folder"), "no-such-folder"),
    ],
)
def test_a_refusal_is_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, _, err = plan(capsys, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
