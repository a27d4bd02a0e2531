"""Ranks on machines that are lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from or1.cluster.host_actor import HostActor
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


class OtherMachine:
    """The files of a machine, written by a real `HostActor` under a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.actor = folder, HostActor()

    def spread(self, path: Path, machines: object, limit_s: float, previous: Path | None) -> None:
        there = [None if each is None else str(self.folder / each.name) for each in (path, previous)]
        assert there[0] is not None
        self.actor.write(there[0], 0, path.read_bytes())
        self.actor.finish(there[0], there[1])

    def new_folder(self, prefix: str) -> Path:
        (self.folder / "here").mkdir()
        return self.folder / "here"


def test_a_machine_of_engines_keeps_the_last_weights_alone_whatever_their_names(tmp_path: Path) -> None:
    """Published ones, those kept beside an update, and those of a checkpoint, which stay as they are."""
    from or1.cluster.places import ClusterEngines

    published, saved = tmp_path / "ranks", tmp_path / "checkpoint"
    published.mkdir()
    saved.mkdir()
    (tmp_path / "machine").mkdir()
    machine = OtherMachine(tmp_path / "machine")
    engines = ClusterEngines(cast(Any, machine), cast(Any, [LostMachine("one")]), None, limit_s=1.0)
    (saved / "published.safetensors").write_bytes(b"restored")
    names = ["weights-1.safetensors", "kept-weights-2.safetensors", "kept-weights-3.safetensors"]
    for name in names:
        (published / name).write_bytes(name.encode())
    for path in [saved / "published.safetensors", *(published / name for name in names)]:
        delivered = engines.deliver(path)
        assert delivered.read_bytes() == path.read_bytes()
        there = [file for file in machine.folder.iterdir() if file.is_file()]
        assert [file.read_bytes() for file in there] == [path.read_bytes()]
        assert [file.name for file in engines.scratch.iterdir()] == [there[0].name]
    assert [file.name for file in saved.iterdir()] == ["published.safetensors"]
    assert sorted(file.name for file in published.iterdir()) == sorted(names)
