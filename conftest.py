"""Settings of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Every run tries the same examples, so that a change alone can turn a test red. To try new ones:
# pytest --hypothesis-profile=explore. A slow example on a loaded machine is no failure: pytest's own time
# limit ends a hang.
SLOW_IS_FINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **SLOW_IS_FINE)
settings.register_profile("explore", derandomize=False, **SLOW_IS_FINE)
settings.load_profile("repeatable")


@pytest.fixture(scope="module")
def forked_workers() -> Iterator[None]:
    """Start the workers of or1 by a fork, without their imports."""
    from tests.forked_processes import fork_workers

    with pytest.MonkeyPatch.context() as patch:
        fork_workers(patch)
        yield
