"""Replies of child processes: what was sent comes back, and nothing but data does."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.errors import Or1Error, RunFolderError
from or1.processes.replies import decode, encode
from or1.storage.atomic import guard_writes
from or1.trainer.rank_messages import REPLIES, RankFailed


@dataclass(frozen=True)
class Part:
    tokens: np.ndarray[Any, Any]
    is_last: bool


@dataclass(frozen=True)
class Whole:
    number: int
    text: str | None
    parts: tuple[Part, ...]
    sums: dict[str, float]


TYPES = (Part, Whole)


@given(
    number=st.integers(-(2**63), 2**63),
    text=st.none() | st.text(),
    rows=st.lists(st.lists(st.floats(width=32, allow_nan=False), max_size=5), max_size=4),
    sums=st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=3),
)
def test_a_reply_comes_back_as_it_was(
    number: int, text: str | None, rows: list[list[float]], sums: dict[str, float]
) -> None:
    parts = tuple(Part(np.array(row, dtype=np.float32), bool(row)) for row in rows)
    back = decode(encode(Whole(number, text, parts, sums)), TYPES)
    assert (back.number, back.text, back.sums) == (number, text, sums)
    assert [part.is_last for part in back.parts] == [part.is_last for part in parts]
    for ours, theirs in zip(parts, back.parts, strict=True):
        assert theirs.tokens.dtype == np.float32
        assert theirs.tokens.tobytes() == ours.tokens.tobytes()
        assert theirs.tokens.flags.writeable


def test_numbers_that_are_not_finite_and_shapes_come_back() -> None:
    back = decode(encode({"nan": math.nan, "inf": -math.inf, "array": np.arange(6).reshape(2, 3)}), ())
    assert math.isnan(back["nan"])
    assert back["inf"] == -math.inf
    assert back["array"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_keys_that_look_like_the_encoding_are_keys() -> None:
    value = {"type": "Part", "fields": {"array": "<f4"}, "items": (1, 2)}
    assert decode(encode(value), TYPES) == value


def test_other_types_are_refused_on_both_ends() -> None:
    with pytest.raises(TypeError, match="PosixPath cannot cross"):
        encode(Path("x"))
    with pytest.raises(TypeError, match="array of object"):
        encode(np.array([print]))
    with pytest.raises(KeyError, match="Part"):
        decode(encode(Part(np.zeros(1), True)), ())


def test_a_pickle_is_not_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("loaded",)

    with pytest.raises(ValueError, match=r"decode|Expecting"):
        decode(pickle.dumps(Evil()), TYPES)
    assert capsys.readouterr().out == ""


def test_an_error_for_the_user_crosses_with_its_type_and_any_other_by_its_text(tmp_path: Path) -> None:
    class FullDiskError(RunFolderError):
        """A type that the driver does not know by name."""

    back = decode(encode(RankFailed.of(FullDiskError("disk full: free 3 GB"))), REPLIES)
    assert type(back.error) is RunFolderError
    assert str(back.error) == "disk full: free 3 GB"
    with pytest.raises(Or1Error) as caught, guard_writes(tmp_path):
        raise OSError(28, "No space left on device")
    again = decode(encode(RankFailed.of(caught.value)), REPLIES).error
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    other = decode(encode(RankFailed.of(ValueError("bad\nlines"))), REPLIES)
    assert (other.reason, other.error) == ("ValueError: bad", None)
