"""A run on a Ray cluster: its machines, its processes on them, and a restart after a loss."""

from __future__ import annotations

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from or1.errors import ClusterError, EngineError, RankError, RunStopped
from or1.processes.child import ChildProcess
from or1.processes.shared_memory import shared_folder
from or1.protocols import RolloutEngine, TrainerBackend
from or1.rollout.engine_pool import EnginePool
from or1.storage.origin import Origin
from or1.storage.run_folder import CHECKPOINTS
from or1.trainer.checkpoint import newest_whole
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

    After a rank, an engine or a machine is lost, the run resumes from its last checkpoint on the machines
    that are left, with fewer ranks and engines where they do not fit.

    Args:
        run: all settings.
        out: run folder, on a file system that all machines of ranks share.
        address: see `or1.cluster.connect.joined`.
        say: prints a line.
        accept_changes: see `train`.
        origin: see `train`.

    Raises:
        ClusterError: there is no cluster, the run does not fit it, or losses without a new checkpoint between
            them were too many.
        Or1Error: see `train`.
    """
    settings = run.system.cluster
    with joined(address):
        wait_for(settings.num_machines, settings.start_limit_s)
        budget = _Restarts(out, settings.max_restarts)
        while True:
            machines = nodes(own_address())
            say(described(machines))
            demand = demand_of(run, machines)
            smaller = reduced(machines, demand) if budget.num_losses else demand
            sized = resized(run, smaller)
            try:
                with _machines(sized, out, place(machines, smaller), smaller) as parts:
                    return train(sized, out, accept_changes=accept_changes, origin=origin, machines=parts)
            except (RankError, EngineError, ClusterError) as error:
                budget.spend(error)
                say(f"{error}. Restart {budget.num_losses} from the last checkpoint on the machines left")
                origin = origin if budget.newest is None else None


@dataclass
class _Restarts:
    """Restarts of a run; those from the same checkpoint are counted."""

    out: Path
    max_restarts: int
    num_losses: int = 0
    newest: Path | None = None
    num_from_it: int = 0

    def spend(self, error: RunStopped | ClusterError) -> None:
        """Count a loss; raise the error when there were too many."""
        found = newest_whole(self.out / CHECKPOINTS)
        self.num_from_it = self.num_from_it + 1 if found == self.newest else 1
        self.newest = found
        self.num_losses += 1
        if self.num_from_it > self.max_restarts:
            raise error


@contextlib.contextmanager
def _machines(run: RunConfig, out: Path, placement: Placement, demand: Demand) -> Iterator[Machines]:
    """Makers of parts on the machines of a placement; its actors end with the context."""
    settings = run.system.cluster
    hosts = Hosts(placement.nodes, own_address(), settings.start_limit_s)
    with contextlib.closing(hosts), contextlib.ExitStack() as stack:
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
