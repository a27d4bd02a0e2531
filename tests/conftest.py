"""What every test gets: one thread for numerical libraries, as in `make test`, and a bounded Hypothesis."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# a loaded machine must not turn a slow example into a failure; each test still has pytest's own time limit
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
