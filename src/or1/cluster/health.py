"""How soon Ray notices that a machine hangs or is cut off."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HEALTH: Mapping[str, int] = MappingProxyType(
    {
        "health_check_initial_delay_ms": 1000,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 1000,
        "health_check_failure_threshold": 4,
    }
)
"""A machine that hangs is lost after about 7 s; by Ray's own values after 65 s. A cluster at an address keeps
the values of its head: the files in deploy/ set them."""
