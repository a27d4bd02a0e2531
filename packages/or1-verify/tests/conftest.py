"""Sandboxes end with the module that used them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from or1_verify.code.sandboxes import close_all


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    close_all()
