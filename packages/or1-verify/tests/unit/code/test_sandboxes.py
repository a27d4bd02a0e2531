"""Which sandbox programs get, and who may use a weak one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from or1_verify import code
from or1_verify.code import CodeVerifier, sandboxes
from or1_verify.code.program import as_response
from or1_verify.errors import SandboxError
from or1_verify.sandbox import Level
from or1_verify.types import Outcome

SUM = {"inputs": ["1 2"], "outputs": ["3"]}
GOOD = as_response("print(sum(map(int, input().split())))")


@pytest.fixture(autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    sandboxes.close_all()


def test_a_sandbox_is_kept_for_its_level_and_dropped_after_a_failure() -> None:
    with sandboxes.a_sandbox(allow_weak=False) as first:
        best = first.level
    with sandboxes.a_sandbox(allow_weak=False) as second:
        assert second is first
        with sandboxes.a_sandbox(allow_weak=False) as other:
            assert other is not first
    with sandboxes.a_sandbox(allow_weak=False, level=Level.LANDLOCK) as third:
        assert third.level is Level.LANDLOCK
    with sandboxes.a_sandbox(allow_weak=False) as again:
        assert again.level is best, "an idle sandbox of a lower level is not the best one"
    with pytest.raises(SandboxError, match="lost"), sandboxes.a_sandbox(allow_weak=False) as broken:
        raise SandboxError("lost")
    with sandboxes.a_sandbox(allow_weak=False) as fresh:
        assert fresh is not broken
        with sandboxes.a_sandbox(allow_weak=False) as another:
            assert another is not broken


def test_fork_servers_that_end_while_they_are_idle_cost_no_verdict() -> None:
    """Two: the second try would get the other idle sandbox."""
    with sandboxes.a_sandbox(allow_weak=False) as one, sandboxes.a_sandbox(allow_weak=False) as other:
        lost = one.pids + other.pids
    for pid in lost:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert [code.verify(SUM, GOOD).outcome for _ in range(2)] == [Outcome.RIGHT, Outcome.RIGHT]


def test_a_weak_sandbox_must_be_allowed() -> None:
    weak = CodeVerifier(level=Level.RLIMITS)
    verdict = code.verify(SUM, GOOD, weak)
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_JUDGED, "sandbox_error")
    assert "--allow-weak-sandbox" in verdict.detail
    allowed = CodeVerifier(level=Level.RLIMITS, allow_weak_sandbox=True)
    assert code.verify(SUM, GOOD, allowed).outcome is Outcome.RIGHT
