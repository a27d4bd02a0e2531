"""Every attack, at every level that this machine allows: contained, nothing left, the next program served."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from attacks.attack import Attack
from attacks.harness import ATTACKS, NUMBERS, SECRET, Arena, Bait, bait, own_traces
from or1_verify.sandbox import Level, Sandbox
from or1_verify.sandbox.detection import obstacle

STRONG = [level for level in Level if level.fit_for_training]


@pytest.fixture(scope="module")
def baited() -> Iterator[Bait]:
    os.environ["OR1_TOKEN"] = "".join(SECRET)  # must not reach any program
    with bait() as laid:
        yield laid
    del os.environ["OR1_TOKEN"]


@pytest.fixture(scope="module", params=STRONG, ids=lambda level: f"level{level:d}")
def arena(request: pytest.FixtureRequest, baited: Bait) -> Iterator[Arena]:
    why = obstacle(request.param)
    if why is not None:
        pytest.skip(f"this machine does not allow level {request.param:d}: {why}")
    with Sandbox(request.param) as sandbox:
        yield Arena(sandbox, baited)


def name_of(attack: Attack) -> str:
    return f"{attack.number}-{attack.name}".replace(" ", "-")


@pytest.mark.parametrize("attack", ATTACKS, ids=name_of)
def test_attack_is_contained(arena: Arena, attack: Attack) -> None:
    with own_traces():
        assert arena.complaints(attack) == []


def test_the_list_is_whole() -> None:
    assert {attack.number for attack in ATTACKS} == NUMBERS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give programs a user of their own at level 1")
def test_attacks_are_real(baited: Bait) -> None:
    """Where only limits hold, they succeed: what contains them above is the sandbox, not their own faults."""
    real = [attack for attack in ATTACKS if attack.escapes_at is Level.RLIMITS]
    assert len(real) > 12
    with own_traces(escapes=True):
        try:
            with Sandbox(Level.RLIMITS) as sandbox, bait() as own_bait:
                arena = Arena(sandbox, own_bait)
                found = {attack.name: arena.complaints(attack) for attack in real}
        finally:
            remove_what_escaped()
    tame = [name for name, lines in found.items() if not any(each.startswith("escaped") for each in lines)]
    assert tame == []


def remove_what_escaped() -> None:
    for folder in (Path("/tmp"), Path("/dev/shm")):
        for left in folder.glob("or1-attack*"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                with contextlib.suppress(FileNotFoundError):
                    left.unlink()
