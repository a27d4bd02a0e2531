"""Which machine of a cluster gets which rank and which engine. Arithmetic alone: no Ray.

A slot is a GPU. Without GPUs the machines share out the processes in turn, and none is ever full.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from or1.errors import ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of the cluster."""

    id: str
    """Of Ray."""
    address: str
    name: str
    """Of the host."""
    num_cpus: int
    num_gpus: int

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The processes of a run."""

    num_ranks: int
    """0: the driver trains."""
    num_engines: int
    gpus_per_engine: int
    """With GPUs; a rank takes one."""
    ranks_step: int = 1
    """The number of ranks is a multiple of it."""
    uses_gpus: bool
    colocated: bool
    """Ranks and engines share their GPUs, or machines without GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The machine of each process, by its number."""

    ranks: tuple[Node, ...]
    engines: tuple[Node, ...]
    verifiers: tuple[Node, ...]
    """One group of workers on each."""

    @property
    def nodes(self) -> list[Node]:
        """All machines, each once."""
        return list(dict.fromkeys([*self.ranks, *self.engines, *self.verifiers]))


def place(nodes: Sequence[Node], demand: Demand) -> Placement:
    """The machines of all processes.

    Ranks fill one machine after another, so that neighbours share one. Engines go to the machines in turn;
    an engine lies on one machine.

    Args:
        nodes: the machines, the driver's first.
        demand: the processes.

    Raises:
        ClusterError: they do not fit.
    """
    if not nodes:
        raise ClusterError("the cluster has no machine left")
    if not demand.uses_gpus:
        ranks, engines = _parts_without_gpus(nodes, demand)
        return Placement(
            ranks=tuple(ranks[n * len(ranks) // demand.num_ranks] for n in range(demand.num_ranks)),
            engines=tuple(engines[n % len(engines)] for n in range(demand.num_engines)),
            verifiers=tuple(nodes),
        )
    free = {node: node.num_gpus for node in nodes}
    rank_nodes = _filled(free, demand.num_ranks)
    if not demand.colocated:
        for node in rank_nodes:
            free[node] -= 1
    engine_nodes = _in_turn(free, demand.num_engines, demand.gpus_per_engine)
    if len(rank_nodes) < demand.num_ranks or len(engine_nodes) < demand.num_engines:
        shared = "that share GPUs" if demand.colocated else "with GPUs of their own"
        there = ", ".join(f"{node.num_gpus} GPU of {node.name}" for node in nodes)
        raise ClusterError(
            f"{demand.num_ranks} ranks and {demand.num_engines} engines of {demand.gpus_per_engine} GPU "
            f"{shared} do not fit {there}: lower system.num_ranks or rollout.num_engines, or add machines"
        )
    return Placement(ranks=tuple(rank_nodes), engines=tuple(engine_nodes), verifiers=tuple(nodes))


def reduced(nodes: Sequence[Node], demand: Demand) -> Demand:
    """The demand itself if it fits, else the largest with about the same shares that does: after a loss.

    Raises:
        ClusterError: not even the smallest fits.
    """
    for num_engines in range(demand.num_engines, 0, -1):
        # ranks in proportion to the engines, but at least one group
        share = -(-demand.num_ranks * num_engines // demand.num_engines)
        steps = max(1, share // demand.ranks_step) if demand.num_ranks else 0
        smaller = replace(demand, num_engines=num_engines, num_ranks=steps * demand.ranks_step)
        with contextlib.suppress(ClusterError):
            place(nodes, smaller)
            return smaller
    smallest = replace(demand, num_engines=1, num_ranks=demand.ranks_step if demand.num_ranks else 0)
    place(nodes, smallest)
    return smallest


def _parts_without_gpus(nodes: Sequence[Node], demand: Demand) -> tuple[Sequence[Node], Sequence[Node]]:
    """The machines of ranks and of engines."""
    if demand.colocated or len(nodes) == 1 or not demand.num_ranks:
        return nodes, nodes
    share = len(nodes) * demand.num_ranks / (demand.num_ranks + demand.num_engines)
    cut = min(max(1, round(share)), len(nodes) - 1)
    return nodes[:cut], nodes[cut:]


def _filled(free: dict[Node, int], count: int) -> list[Node]:
    return [node for node, room in free.items() for _ in range(room)][:count]


def _in_turn(free: dict[Node, int], count: int, size: int) -> list[Node]:
    rooms = {node: room // size for node, room in free.items()}
    turns = range(max(rooms.values(), default=0))
    return [node for turn in turns for node, room in rooms.items() if room > turn][:count]
