"""Ranks on machines that are lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from or1.cluster.nodes import Node
from or1.errors import ClusterError, RankError
from tests.cluster.clusters import NEEDS_RAY

if TYPE_CHECKING:
    from or1.cluster.places import ClusterRanks

pytestmark = NEEDS_RAY


class LostMachine:
    """An actor that answers until its machine is lost."""

    def __init__(self, name: str) -> None:
        self.node = Node(id=name, address="127.0.0.1", name=name, num_cpus=2, num_gpus=0)
        self.is_lost = False

    def ask(self, method: str, *arguments: object) -> Any:
        if self.is_lost:
            raise ClusterError(f"the machine {self.node} is lost")
        return {"interface": "lo", "text": ""}[method]


class Machines:
    """All that `ClusterRanks` needs of the machines of a run."""

    address = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_folder(self, prefix: str) -> Path:
        return self._folder

    def remove(self, *folders: Path) -> None: ...


@pytest.fixture
def actors() -> list[LostMachine]:
    return [LostMachine("one"), LostMachine("two")]


@pytest.fixture
def ranks(actors: list[LostMachine], tmp_path: Path) -> Iterator[ClusterRanks]:
    from or1.cluster.places import ClusterRanks

    made = ClusterRanks(cast(Any, Machines(tmp_path)), cast(Any, actors), limit_s=1.0)
    yield made
    made.close()


def test_a_machine_lost_in_a_save_is_a_lost_rank(ranks: ClusterRanks, actors: list[LostMachine]) -> None:
    """Not the error of a rank that could not write, which ends the run."""
    assert ranks.saved(1) == ""
    actors[1].is_lost = True
    with pytest.raises(RankError, match=r"training rank 1 .* the machine two \(127.0.0.1\) is lost"):
        ranks.saved(1)
    assert ranks.saved(0) == ""
