"""Unused user ids for programs."""

from __future__ import annotations

import itertools

import pytest

from or1_verify.sandbox import users
from or1_verify.sandbox.users import first_of


def test_users_of_two_fork_servers_never_meet() -> None:
    for highest in (2**32 - 2, 65_535):
        firsts = [first_of(pid, highest) for pid in range(2, 400)]
        known = [first for first in firsts if first is not None]
        assert len(known) == len(firsts)
        assert all(b - a == 64 for a, b in itertools.pairwise(known))
        assert all(first > 0 and first + 63 <= highest for first in known)
    assert first_of(2, 0) is None, "a namespace with one user id"


def test_a_range_with_a_taken_id_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    first = first_of(10, 65_535)
    assert first == 30_640
    monkeypatch.setattr(users, "_is_taken", lambda uid: uid == 30_640 + 63)
    assert first_of(10, 65_535) is None
    assert first_of(11, 65_535) == 30_704
