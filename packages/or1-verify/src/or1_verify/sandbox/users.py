"""Unused user ids: each slot of each fork server has its own."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

_FIRST = 2_000_000_000
_SLOTS = 64
_HIGHEST_PID = 4_194_304
_CAPABILITIES = sum(1 << bit for bit in (0, 5, 6, 7))
"""CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID."""
_COMMON_SPAN = 65_536
"""Number of user ids that containers commonly map."""


class Users:
    """Unused user ids of this fork server; none without root, or if root lacks the capabilities."""

    def __init__(self) -> None:
        self._first: int | None = None
        if os.geteuid() == 0 and _has_capabilities():
            self._first = first_of(os.getpid(), _highest_mapped())

    @property
    def are_others(self) -> bool:
        """Whether programs run as another user than this process."""
        return self._first is not None

    def unused(self, slot: int) -> int | None:
        """The user id of a slot; None = keep the current user."""
        return None if self._first is None else self._first + slot % _SLOTS


def first_of(pid: int, highest: int) -> int | None:
    """First of 64 user ids for one process, unique as far as the range allows.

    >>> first_of(10, 4294967294), first_of(10, 65535), first_of(10, 0)
    (2000000640, 30640, None)
    """
    if highest >= _FIRST + _HIGHEST_PID * _SLOTS:
        return _FIRST + pid * _SLOTS
    if highest < _COMMON_SPAN - 1:
        return None
    first = 30_000 + pid * _SLOTS % 30_000
    return None if any(_is_taken(first + slot) for slot in range(_SLOTS)) else first


def _has_capabilities() -> bool:
    """Whether this process may change owners and user ids and kill other users' processes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16) & _CAPABILITIES == _CAPABILITIES
    return False


def _is_taken(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _highest_mapped() -> int:
    """The largest user id that exists in our user namespace."""
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    spans = [[int(word) for word in line.split()] for line in lines]
    return max(first + length - 1 for first, _, length in spans)
