"""A run on a Ray cluster: its machines, its processes on them, and a restart after a loss."""

from __future__ import annotations

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from or1.processes.shared_memory import shared_folder
from or1.protocols import RolloutEngine, TrainerBackend
from or1.rollout.engine_pool import EnginePool
from or1.storage.origin import Origin
from or1.types import RunState
from or1_verify.pool.worker_main import Setup
from or1_verify.pool.workers import AnswerWorkers

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
        while True:
            found = nodes(own_address())
            self._say(described(found))
            demand = demand_of(run, found)
            demand = reduced(found, demand) if self._has_begun else demand
            placement = place(found, demand)
            try:
                hosts = Hosts(placement.nodes, own_address(), run.system.cluster.start_limit_s)
            except ClusterError:
                if nodes(own_address()) == found:
                    raise
                continue  # Ray has lost a machine meanwhile
            break
        self._has_begun = True
        with (
            contextlib.closing(hosts),
            _makers(resized(run, demand), self._out, hosts, placement, demand) as made,
        ):
            yield made


@contextlib.contextmanager
def _makers(
    run: RunConfig, out: Path, hosts: Hosts, placement: Placement, demand: Demand
) -> Iterator[Machines]:
    """Makers of parts on the machines of a placement; their folders are deleted with the context."""
    settings = run.system.cluster
    with contextlib.ExitStack() as stack:
        gpus_of_rank = int(demand.uses_gpus)
        gpus_of_engine = 0 if demand.colocated or not demand.uses_gpus else demand.gpus_per_engine
        ranks = hosts.actors(placement.ranks, gpus_of_rank)
        engines = hosts.actors(placement.engines, gpus_of_engine)
        shared = _shared_gpus(ranks, engines, demand) if demand.colocated and demand.uses_gpus else None

        def make_backend(model: Model, run: RunConfig) -> TrainerBackend:
            if not ranks:
                return backend_factory(run.system.backend)(model, run)
            for folder, use in ((model.folder, "the start model"), (out.resolve(), "the run folder")):
                hosts.require(folder, list(dict.fromkeys(placement.ranks)), use)
            return fsdp_backend(model, run, ClusterRanks(hosts, ranks, settings.copy_limit_s))

        def make_engine(model: Model, rollout: RolloutConfig) -> RolloutEngine:
            if rollout.engine not in PLACED_ENGINES:
                return engine_factory(rollout.engine)(model, rollout)
            hosts.require(model.folder, list(dict.fromkeys(placement.engines)), "the start model")
            places = ClusterEngines(hosts, engines, shared, settings.copy_limit_s)
            stack.callback(places.close)
            return PLACED_ENGINES[rollout.engine](model, rollout, places)

        def make_workers(setup: Setup, num_workers: int) -> AnswerWorkers:
            scratch = shared_folder("or1-verifiers-")
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            return verifier_workers(hosts, placement.verifiers, scratch, setup, num_workers)

        yield Machines(
            run=run,
            make_backend=make_backend,
            make_engine=make_engine,
            make_workers=make_workers,
            num_gpus=sum(node.num_gpus for node in placement.nodes),
        )


def verifier_workers(
    hosts: Hosts, machines: Sequence[Node], scratch: Path, setup: Setup, num_workers: int
) -> ClusterWorkers:
    """Workers on each machine.

    Args:
        hosts: the machines.
        machines: those that judge.
        scratch: folder for logs, made on each of them.
        setup: of all workers.
        num_workers: of each machine.
    """
    hosts.each(machines, "make_folder", str(scratch))
    processes = [
        ChildProcess(
            f"verifier workers of {host.node.name}",
            "or1.cluster.verify_worker",
            {},
            scratch / f"{host.node.id}.log",
            error=RunStopped,
            replies=REPLIES,
            launch=hosts.launch(host),
        )
        for host in hosts.actors(machines, 0)
    ]
    return ClusterWorkers(processes, setup, num_workers)


def _shared_gpus(ranks: Sequence[Host], engines: Sequence[Host], demand: Demand) -> list[str]:
    """For each engine GPUs that ranks of its machine have; Ray gives a GPU to one actor only."""
    there: dict[Node, list[str]] = defaultdict(list)
    for rank in ranks:
        there[rank.node].append(rank.ask("gpus"))
    chosen = []
    for engine in engines:
        own, there[engine.node] = _split(there[engine.node], demand.gpus_per_engine)
        if len(own) < demand.gpus_per_engine:
            raise ClusterError(
                f"engines of {demand.gpus_per_engine} GPU do not find as many with ranks on {engine.node}: "
                'raise system.num_ranks, or set system.cluster.placement = "apart"'
            )
        chosen.append(",".join(own))
    return chosen


def _split(values: list[str], count: int) -> tuple[list[str], list[str]]:
    return values[:count], values[count:]
