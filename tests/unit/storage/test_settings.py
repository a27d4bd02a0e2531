"""Settings compared: which differ, which may, and how a refusal names them."""

from __future__ import annotations

from typing import Any

import pytest

from or1.errors import DataError, RunFolderError
from or1.storage.settings import differing_keys, require_same


def refusal(found: dict[str, Any], wanted: dict[str, Any], *may_change: str) -> str:
    with pytest.raises(RunFolderError) as caught:
        require_same(found, wanted, holder="runs/a is another's", remedy="do this", may_change=may_change)
    return str(caught.value)


def test_differing_keys_sees_both_sides_and_values() -> None:
    old = {"a": 1, "b": {"c": None, "gone": 0}, "l": [1, 2]}
    new = {"a": 1, "b": {"c": 0, "new": 0}, "l": [1, 3]}
    assert differing_keys(old, new) == ["b.c", "b.gone", "b.new", "l.1"]


def test_a_refusal_has_both_values_of_each_key() -> None:
    said = refusal({"loss": {"clip": 0.2}, "seed": 1}, {"loss": {"clip": 0.3}, "k": 4, "seed": 1})
    assert said == (
        "runs/a is another's (k is not set there, 4 here; loss.clip is 0.2 there, 0.3 here): do this"
    )


def test_free_keys_may_differ_and_a_pattern_frees_no_longer_name() -> None:
    require_same(
        {"checkpoint": {"every": 1}, "endpoint": {"max_tries": 1}},
        {"checkpoint": {"every": 2}, "endpoint": {"max_tries": 2}},
        holder="a",
        remedy="b",
        may_change=("checkpoint.every", "endpoint.max_*"),
    )
    assert "every_minutes is 1 there" in refusal({"every": 1, "every_minutes": 1}, {"every": 2}, "every")


def test_long_lists_and_long_values_are_cut() -> None:
    said = refusal({f"key_{i}": "x" * 99 for i in range(10)}, {})
    assert "key_7 is " + "x" * 60 + " there, not set here; and 2 more" in said
    assert "key_8" not in said


def test_the_caller_chooses_the_type_of_error() -> None:
    with pytest.raises(DataError, match="seed is 1 there, 2 here"):
        require_same({"seed": 1}, {"seed": 2}, holder="a", remedy="b", error=DataError)
