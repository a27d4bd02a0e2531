"""Two programs of a sandbox that talk to each other over one channel, beside their parent."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import ClassVar

import pytest

from or1_verify.sandbox import Ending, Limits, Sandbox
from programs import ECHO, PATIENT, SPIN

_poll = select.poll


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


ASKS = """
import sys
from or1_channel import _or1_Channel, _or1_send
asked = _or1_Channel(0)
for word in (b"ab", b"cde"):
    asked.send(word)
    _or1_send(asked.receive())
"""
"""Talks to a program on its standard input, and shows the parent the replies."""


def test_two_programs_talk_to_each_other(sandbox: Sandbox) -> None:
    """The parent sees how both end, and what they print."""
    loud = ECHO + "    print('x' * 200_000, flush=True)\n"
    asked = sandbox.start(loud, limits=PATIENT)
    asks = sandbox.start(ASKS, stdin=asked, limits=PATIENT)
    assert [asks.receive(), asks.receive(), asks.receive()] == [b"ba", b"edc", None]
    assert asks.wait().ending is Ending.EXITED
    done = asked.wait()
    assert (done.ending, len(done.stdout)) == (Ending.EXITED, 400_002), "its channel ends with its partner"


class _Poll:
    """A poll that keeps its time limits."""

    timeouts_ms: ClassVar[list[float]] = []

    def __init__(self) -> None:
        self._poll = _poll()
        self.register = self._poll.register

    def poll(self, timeout_ms: float) -> list[tuple[int, int]]:
        self.timeouts_ms.append(timeout_ms)
        return self._poll.poll(timeout_ms)


def test_a_report_that_another_session_has_read_is_not_waited_for(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ends with its partner: its report may be read while the partner is waited for."""
    asked = sandbox.start(ECHO, limits=PATIENT)
    asks = sandbox.start(ASKS, stdin=asked, limits=PATIENT)
    assert [asks.receive(), asks.receive()] == [b"ba", b"edc"]
    asks.close()
    while not asked._server.has_reports(asked._number):
        asked._server.read_reports()
    monkeypatch.setattr(select, "poll", _Poll)
    assert asked.close().ending is Ending.EXITED
    assert _Poll.timeouts_ms[0] == 0, "no event will come"


def test_the_end_of_a_program_reaches_the_one_that_talks_to_it(sandbox: Sandbox) -> None:
    asked = sandbox.start("import sys\nfrom or1_channel import _or1_receive\n_or1_receive()\nsys.exit(3)")
    asks = sandbox.start(ASKS, stdin=asked, limits=PATIENT)
    assert asks.receive() is None
    assert asks.wait().ending is Ending.RUNTIME_ERROR
    assert asked.wait().exit_code == 3


@pytest.mark.parametrize("computing", ["the one that asks", "the one that is asked"])
def test_neither_of_two_programs_waits_while_the_other_computes(sandbox: Sandbox, computing: str) -> None:
    """Each would be over its limit of 0.8 s."""
    limits = Limits(cpu_s=30.0, wall_s=0.8)
    spin = SPIN.format(1.6)
    is_asked = computing == "the one that is asked"
    asked = sandbox.start(ECHO + (f"    exec({spin!r})\n" if is_asked else ""), limits=limits)
    asks = sandbox.start(("" if is_asked else spin) + ASKS, stdin=asked, limits=limits)
    assert [asks.receive(), asks.receive()] == [b"ba", b"edc"], (asks.wait().times, asked.wait().times)
    assert (asks.close().ending, asked.close().ending) != (Ending.WALL_LIMIT, Ending.WALL_LIMIT)


def test_two_programs_that_wait_for_each_other_are_ended(sandbox: Sandbox) -> None:
    waits = "from or1_channel import _or1_Channel\nwhile True: _or1_Channel({}).receive()"
    asked = sandbox.start(waits.format(3), limits=Limits(wall_s=0.3))
    asks = sandbox.start(waits.format(0), stdin=asked, limits=Limits(wall_s=300.0))
    assert asks.receive() is None
    assert asked.wait().ending is Ending.WALL_LIMIT


def test_time_that_is_not_the_programs_own_is_allowed_for(sandbox: Sandbox) -> None:
    """Up to its limit of 0.8 s: 0.6 s may be added, but not 3600 s."""
    for added_s, spent_s, ending in ((0.6, 1.2, Ending.EXITED), (3600.0, 30.0, Ending.CPU_LIMIT)):
        session = sandbox.start(SPIN.format(spent_s), limits=Limits(cpu_s=0.8, wall_s=300.0))
        session.allow(added_s)
        done = session.wait()
        assert done.ending is ending, done.times
    assert 1.6 <= done.cpu.user_s < 30
