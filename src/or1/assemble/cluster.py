"""A run on a Ray cluster: its machines, its processes on them, and a restart after a loss."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from or1.assemble.backends import backend_factory, fsdp_backend
from or1.assemble.engines import engine_factory
from or1.assemble.local_pool import local_pool
from or1.assemble.machines import Machines
from or1.assemble.model import Model
from or1.assemble.parts import train
from or1.assemble.vllm import vllm_engine
from or1.cluster.connect import described, joined, nodes, own_address, wait_for
from or1.cluster.demand import demand_of, resized
from or1.cluster.hosts import Host, Hosts
from or1.cluster.nodes import Demand, Node, Placement, place, reduced
from or1.cluster.places import ClusterEngines, ClusterRanks
from or1.cluster.verify_messages import REPLIES
from or1.cluster.verify_workers import ClusterWorkers
from or1.config import RolloutConfig, RunConfig
from or1.errors import ClusterError, RunStopped
from or1.processes.child import ChildProcess
from or1.protocols import RolloutEngine, TrainerBackend
from or1.rollout.engine_pool import EnginePool
from or1.storage.origin import Origin
from or1.types import RunState
from or1_verify.pool.worker_main import Setup

PLACED_ENGINES: Mapping[str, Callable[[Model, RolloutConfig, ClusterEngines], EnginePool]] = {
    "local": local_pool,
    "vllm": vllm_engine,
}
"""`rollout.engine` -> its pool on machines of a cluster. Others run in the driver."""


def train_on_cluster(
    run: RunConfig,
    out: Path,
    address: str,
    *,
    say: Callable[[str], None],
    accept_changes: bool = False,
    origin: Origin | None = None,
) -> RunState:
    """Train as `or1.assemble.train` does, with ranks, engines and verifier workers on a cluster.

    After a rank or a machine is lost, the run resumes from its last checkpoint on the machines that are left,
    with fewer ranks and engines where they do not fit.

    Args:
        run: all settings.
        out: run folder, on a file system that all machines of ranks share.
        address: see `or1.cluster.connect.joined`.
        say: prints a line.
        accept_changes: see `train`.
        origin: see `train`.

    Raises:
        ClusterError: there is no cluster, or the run does not fit it.
        Or1Error: see `train`.
    """
    settings = run.system.cluster
    with joined(address):
        wait_for(settings.num_machines, settings.start_limit_s)
        machines_for = _ClusterStarts(out, say).machines_for
        return train(run, out, accept_changes=accept_changes, origin=origin, machines_for=machines_for)


class _ClusterStarts:
    """The starts of a run on the cluster of this process.

    Args:
        out: run folder.
        say: prints a line.
    """

    def __init__(self, out: Path, say: Callable[[str], None]) -> None:
        self._out, self._say = out, say
        self._has_begun = False

    @contextlib.contextmanager
    def machines_for(self, run: RunConfig) -> Iterator[Machines]:
        """Makers of parts on the machines that are alive; their processes end with the context.

        From the second start on, the run is made smaller where it does not fit.
        """
        hosts, placement, demand = self._hosts(run)
        self._has_begun = True
        with contextlib.closing(hosts):
            yield _makers(resized(run, demand), self._out, hosts, placement, demand)

    def _hosts(self, run: RunConfig) -> tuple[Hosts, Placement, Demand]:
        address = own_address()
        while True:
            found = nodes(address)
            self._say(described(found))
            demand = demand_of(run, found)
            demand = reduced(found, demand) if self._has_begun else demand
            placement = place(found, demand)
            try:
                hosts = Hosts(placement.nodes, address, run.system.cluster.start_limit_s)
            except ClusterError:
                if nodes(address) == found:
                    raise
                continue  # Ray has lost a machine meanwhile
            return hosts, placement, demand


def _makers(run: RunConfig, out: Path, hosts: Hosts, placement: Placement, demand: Demand) -> Machines:
    """Makers of parts on the machines of a placement."""
    limit_s = run.system.cluster.copy_limit_s
    shares_gpus = demand.colocated and demand.uses_gpus
    ranks = hosts.actors(placement.ranks, int(demand.uses_gpus))
    own_gpus = demand.gpus_per_engine if demand.uses_gpus and not demand.colocated else 0
    engines = hosts.actors(placement.engines, own_gpus)
    shared = _shared_gpus(ranks, engines, demand.gpus_per_engine) if shares_gpus else None

    def make_backend(model: Model, run: RunConfig) -> TrainerBackend:
        if not ranks:
            return backend_factory(run.system.backend)(model, run)
        for folder, use in ((model.folder, "the start model"), (out.resolve(), "the run folder")):
            hosts.require(folder, placement.ranks, use)
        return fsdp_backend(model, run, ClusterRanks(hosts, ranks, limit_s))

    def make_engine(model: Model, rollout: RolloutConfig) -> RolloutEngine:
        if rollout.engine not in PLACED_ENGINES:
            return engine_factory(rollout.engine)(model, rollout)
        hosts.require(model.folder, placement.engines, "the start model")
        places = ClusterEngines(hosts, engines, shared, limit_s)
        return PLACED_ENGINES[rollout.engine](model, rollout, places)

    return Machines(
        run=run,
        make_backend=make_backend,
        make_engine=make_engine,
        make_workers=partial(verifier_workers, hosts, placement.verifiers),
        num_gpus=sum(node.num_gpus for node in placement.nodes),
    )


def verifier_workers(
    hosts: Hosts, machines: Sequence[Node], setup: Setup, num_workers: int
) -> ClusterWorkers:
    """Workers on each machine.

    Args:
        hosts: the machines.
        machines: those that judge.
        setup: of all workers.
        num_workers: of each machine.
    """
    logs = hosts.new_folder("or1-verifiers-")
    processes = [
        ChildProcess(
            f"verifier workers of {host.node.name}",
            "or1.cluster.verify_worker",
            {},
            logs / f"{host.node.id}.log",
            error=RunStopped,
            replies=REPLIES,
            launch=hosts.launch(host),
        )
        for host in hosts.actors(machines, 0)
    ]
    return ClusterWorkers(processes, setup, num_workers, logs)


def _shared_gpus(ranks: Sequence[Host], engines: Sequence[Host], per_engine: int) -> list[str]:
    """For each engine GPUs that ranks of its machine have; Ray gives a GPU to one actor only."""
    there: dict[Node, list[str]] = defaultdict(list)
    for rank in ranks:
        there[rank.node].append(rank.gpus)
    chosen = []
    for engine in engines:
        free = there[engine.node]
        own, there[engine.node] = free[:per_engine], free[per_engine:]
        if len(own) < per_engine:
            raise ClusterError(
                f"engines of {per_engine} GPU do not find as many with ranks on {engine.node}: "
                'raise system.num_ranks, or set system.cluster.placement = "apart"'
            )
        chosen.append(",".join(own))
    return chosen
