"""What every test gets."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A loaded machine must not turn a slow example into a failure; each test still has pytest's own time limit.
# Elsewhere new examples are tried each time; CI tries the same ones, so that a change alone can turn it red.
settings.register_profile(
    "house", derandomize="CI" in os.environ, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")
