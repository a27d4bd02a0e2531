"""The exit status of a program is Python's own."""

from __future__ import annotations

import pytest

from or1_verify.sandbox.program import MEMORY_STATUS, _status_of


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (SystemExit(), 0, ""),
        (SystemExit(3), 3, ""),
        (SystemExit(256 + 7), 7, ""),
        (SystemExit("bye"), 1, "bye\n"),
        (MemoryError(), MEMORY_STATUS, "MemoryError\n"),
        (ValueError("no"), 1, "ValueError: no\n"),
    ],
)
def test_status(error: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _status_of(error) == status
    assert capsys.readouterr().err == message
