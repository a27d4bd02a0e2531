"""The worker processes of a lab on the machines of a cluster, one for each processor."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from or1.cluster.connect import described, joined, nodes, own_address, wait_for
from or1.cluster.hosts import Host, Hosts
from or1.cluster.nodes import Node
from or1.errors import ClusterError
from or1.processes.launch import Running
from or1.system_config import ClusterConfig

_log = logging.getLogger(__name__)


class ClusterJobs:
    """`or1.lab.runner.Jobs` on a cluster: a process goes to the machine with the largest free share of its
    processors. A machine that is lost, or on which a process does not start, gets no further one.

    Args:
        hosts: of the machines.
        machines: that may be used.
        most: processes at once; None = one for each processor.
    """

    def __init__(self, hosts: Hosts, machines: Sequence[Node], most: int | None) -> None:
        self._hosts, self._most = hosts, most
        self._machines = [node for node in machines if node.num_cpus > 0]
        self._running: dict[Host, Running] = {}

    @property
    def num_jobs(self) -> int:
        there = sum(node.num_cpus for node in self._left())
        return there if self._most is None else min(there, self._most)

    def launch(self, worker: str, environment: Mapping[str, str], log: Path) -> Running:
        """See `or1.processes.launch.Launch`.

        Raises:
            ClusterError: no machine is left.
        """
        self._release_ended()
        while there := self._left():
            busy = Counter(host.node for host in self._running)
            node = min(there, key=lambda each: busy[each] / each.num_cpus)
            try:
                host = self._hosts.actors([node], 0)[0]
                process = self._hosts.launch(host)(worker, environment, log)
            except ClusterError as error:
                _log.warning("no further runs on %s: %s", node, error)
                self._machines.remove(node)
                continue
            self._running[host] = process
            return process
        raise ClusterError("no machine of the cluster is left for the runs; the same command resumes them")

    def _left(self) -> list[Node]:
        return [node for node in self._machines if not self._hosts.is_lost(node)]

    def _release_ended(self) -> None:
        for host in [host for host, process in self._running.items() if process.wait(0.0) is not None]:
            del self._running[host]
            self._hosts.release(host)


@contextlib.contextmanager
def cluster_jobs(
    address: str, out: Path, *, num_machines: int, most: int | None, say: Callable[[str], None]
) -> Iterator[ClusterJobs]:
    """The machines of a cluster, as long as the context lasts.

    Args:
        address: see `or1.cluster.connect.joined`.
        out: folder of the lab, on a file system that all machines share.
        num_machines: wait for as many before the start.
        most: processes at once; None = one for each processor.
        say: prints a line.

    Raises:
        ClusterError: there is no cluster, or a machine does not fit.
    """
    out.mkdir(parents=True, exist_ok=True)
    start_limit_s = ClusterConfig().start_limit_s
    with joined(address):
        wait_for(num_machines, start_limit_s, "--machines")
        here = own_address()
        machines = nodes(here)
        say(described(machines))
        with contextlib.closing(Hosts(machines, here, start_limit_s)) as hosts:
            hosts.require(out.resolve(), machines, "the folder of the lab")
            yield ClusterJobs(hosts, machines, most)
