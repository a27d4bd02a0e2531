"""Every function that docs/magic.md puts beside an equation exists where it says."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "magic.md"
NAMED = sorted(set(re.findall(r"`([a-z]+/[a-z_]+)\.([A-Za-z_]+)`", PAGE.read_text(encoding="utf-8"))))


def test_the_pattern_sees_them() -> None:
    assert ("algo/advantage", "group_advantages") in NAMED
    assert ("algo/loss", "token_loss") in NAMED


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_it_exists(module: str, name: str) -> None:
    assert name in vars(importlib.import_module("or1." + module.replace("/", ".")))
