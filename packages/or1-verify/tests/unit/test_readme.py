"""Every block of the README runs, and the values that it states are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from readme_blocks import blocks, run


@pytest.mark.parametrize("number", range(len(blocks())))
def test_a_block_runs(number: int, tmp_path: Path) -> None:
    run(*blocks()[number], tmp_path)


def test_a_false_value_would_be_seen(tmp_path: Path) -> None:
    run("python", "x = 2\nx + 1  # 3\n", tmp_path)
    with pytest.raises(AssertionError, match="x is 2, not 3"):
        run("python", "x = 2\nx  # 3\n", tmp_path)
    with pytest.raises(AssertionError):
        run("sh", "or1-verify missing.jsonl\n", tmp_path)
