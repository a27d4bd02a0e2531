"""`or1 doctor` on the machine that runs the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1 import recipes
from or1.cli import doctor

ROOT = Path(__file__).parents[3]


def test_it_says_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.doctor()
    text = capsys.readouterr().out
    for word in ("python", "torch", "gpu", "cores", "memory", "bfloat16", "disk", "[vllm]", "code sandbox"):
        assert word in text
    assert "can run  tiny\n" in text
    assert all(name in text for name in recipes.list_recipes())
    assert "MISSING" not in text


def test_it_tries_to_escape_from_the_sandbox() -> None:
    found = list(doctor._sandbox())
    assert found[0].subject == "code sandbox"
    if found[0].state is doctor.State.OK:
        assert "7 attempts to escape refused" in found[0].result
    assert all(finding.fix for finding in found[1:])


def test_the_speed_ratio_is_a_ratio_of_times() -> None:
    speedup = doctor.bfloat16_speedup(size=64, repeats=3)
    assert 0.01 < speedup < 1000


def test_what_is_missing_comes_with_the_command_that_mends_it() -> None:
    for finding in doctor._extras():
        wanted = f"pip install -c {ROOT}/constraints.txt -e '{ROOT}{finding.subject}'"
        assert finding.state is doctor.State.OK or finding.fix == wanted
