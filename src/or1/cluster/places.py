"""Ranks and engines on the machines of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch._C._distributed_c10d import TCPStore

from or1.cluster.hosts import Host, Hosts
from or1.errors import ClusterError, RankError
from or1.nn.published import file_name
from or1.processes.launch import Launch, Running
from or1.storage.atomic import guard_writes, link_or_copy
from or1.trainer.rank_messages import saved_marker


class ClusterRanks:
    """`RankPlaces` on a cluster. The ranks meet at a store in this process.

    Args:
        hosts: the machines.
        actors: of each rank.
        limit_s: longest wait for a part of a published file [s].
    """

    def __init__(self, hosts: Hosts, actors: Sequence[Host], limit_s: float) -> None:
        self._hosts, self._actors = hosts, actors
        self._limit_s = limit_s
        self.scratch = hosts.new_folder("or1-ranks-")
        self._server = TCPStore(hosts.address, 0, is_master=True, wait_for_workers=False)
        self.store = f"tcp://{hosts.address}:{self._server.port}"
        self._interfaces = [actor.ask("interface", actor.node.address) for actor in actors]

    def launch(self, rank: int) -> Launch:
        return self._hosts.launch(self._actors[rank])

    def environment(self, rank: int) -> Mapping[str, str]:
        name = self._interfaces[rank]
        return {"GLOO_SOCKET_IFNAME": name, "NCCL_SOCKET_IFNAME": name}

    def saved(self, rank: int) -> str | None:
        try:
            text: str | None = self._actors[rank].ask("text", str(saved_marker(self.scratch, rank)))
        except ClusterError as error:
            raise RankError(f"the part of training rank {rank} of a checkpoint is lost: {error}") from error
        return text

    def forget_saved(self) -> None:
        try:
            for rank, actor in enumerate(self._actors):
                actor.ask("remove", str(saved_marker(self.scratch, rank)))
        except ClusterError as error:
            raise RankError(str(error)) from error

    def fetch(self, path: Path) -> None:
        try:
            self._hosts.fetch(self._actors[0].node, path, self._limit_s)
        except ClusterError as error:
            raise RankError(f"published weights of training rank 0 did not arrive: {error}") from error

    def close(self) -> None:
        self._hosts.remove(self.scratch)


class ClusterEngines:
    """`EnginePlaces` on a cluster; the folder is deleted with the machines.

    Args:
        hosts: the machines.
        actors: of each engine.
        gpus: of each engine, as CUDA_VISIBLE_DEVICES has them; None = those of its actor.
        limit_s: longest wait for a part of a file [s].
    """

    def __init__(
        self, hosts: Hosts, actors: Sequence[Host], gpus: Sequence[str] | None, limit_s: float
    ) -> None:
        self._hosts, self._actors, self._gpus = hosts, list(actors), gpus
        self._started: set[int] = set()
        self._limit_s = limit_s
        self._num_on = Counter(actor.node for actor in actors)
        self.scratch = hosts.new_folder("or1-engines-")
        self._num_delivered = 0
        self._delivered: Path | None = None

    def launch(self, engine: int) -> Launch:
        def start(worker: str, environment: Mapping[str, str], log: Path) -> Running:
            if engine in self._started:  # an actor starts one process
                self._actors[engine] = self._hosts.renewed(self._actors[engine])
            self._started.add(engine)
            return self._hosts.launch(self._actors[engine])(worker, environment, log)

        return start

    def environment(self, engine: int) -> Mapping[str, str]:
        return {} if self._gpus is None else {"CUDA_VISIBLE_DEVICES": self._gpus[engine]}

    def num_beside(self, engine: int) -> int:
        return self._num_on[self._actors[engine].node]

    def spread(self, path: Path) -> None:
        self._spread(path, None)

    def deliver(self, path: Path) -> Path:
        """Under a name of the engines' own: the trainer deletes its files when it likes, and those of a
        checkpoint lie where all machines write."""
        self._num_delivered += 1
        target = self.scratch / file_name(self._num_delivered)
        with guard_writes(target):
            link_or_copy(path, target)
        self._spread(target, self._delivered)
        if self._delivered is not None:
            self._delivered.unlink(missing_ok=True)
        self._delivered = target
        return target

    def _spread(self, path: Path, previous: Path | None) -> None:
        try:
            self._hosts.spread(path, list(self._num_on), self._limit_s, previous)
        except ClusterError as error:
            raise ClusterError(f"{path.name} did not reach all rollout engines: {error}") from error
