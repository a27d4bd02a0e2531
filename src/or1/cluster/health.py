"""Settings of Ray: how soon it notices that a machine hangs or is cut off, and which processes it ends."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HEALTH: Mapping[str, int] = MappingProxyType(
    {
        "health_check_initial_delay_ms": 1000,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 1000,
        "health_check_failure_threshold": 4,
        "memory_monitor_refresh_ms": 0,
    }
)
"""A machine that hangs is lost after about 7 s; by Ray's own values after 65 s. Its memory
monitor is off: where memory is short it ends actors, and those of or1 hold none. A cluster at an address
keeps the values of its head: the files in deploy/ set them."""
