from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.two_hosts import TwoHosts, two_hosts


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    with two_hosts(Path(tempfile.mkdtemp(prefix="or1r"))) as started:
        yield started
