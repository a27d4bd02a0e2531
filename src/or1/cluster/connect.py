"""The Ray cluster of a run: one of its own, or that at an address. Never one that happens to run."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import ray
import ray.exceptions

from or1.cluster.health import HEALTH
from or1.cluster.nodes import Node
from or1.errors import ClusterError, ConfigError, first_line
from or1.processes.launch import search_path

OWN = "ray"
"""In place of an address: start a cluster on this machine."""
POLL_S = 1.0
_GPU, _CPU = "GPU", "CPU"


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """Connect this process to a cluster, as long as the context lasts.

    Args:
        address: `ray` to start one on this machine, else `HOST:PORT` or `ray://HOST:PORT`. RAY_ADDRESS is not
            read.

    Raises:
        ConfigError: not an address.
        ClusterError: there is none.
    """
    if address == OWN:
        own = {"PYTHONPATH": os.pathsep.join(search_path())}
        start: dict[str, Any] = {
            "address": "local",
            "_system_config": dict(HEALTH),
            "runtime_env": {"env_vars": own},
        }
    elif ":" in address and address.removeprefix("ray://").rpartition(":")[2].isdecimal():
        start = {"address": address}
    else:
        raise ConfigError(
            f"--cluster {address}: give the HOST:PORT of a Ray cluster, or `ray` to start one on this machine"
        )
    remedy = "give --cluster ray. A cluster with a token needs RAY_AUTH_MODE=token here and on its machines"
    with connection(address, remedy, **start):
        yield


@contextlib.contextmanager
def connection(shown: str, remedy: str, **start: Any) -> Iterator[None]:
    """Ray in this process, as long as the context lasts.

    Args:
        shown: the address, for the error.
        remedy: for the error, beside to start a cluster.
        start: arguments of `ray.init`.

    Raises:
        ClusterError: there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here sends no statistics
    if start["address"] == "local":
        start["include_dashboard"] = False
    try:
        ray.init(**start, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ray.exceptions.RayError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster at {shown} ({first_line(error)}): start one with `ray start --head`, or {remedy}"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def nodes(first: str = "") -> list[Node]:
    """The machines that are alive, that with the address `first` at the front."""
    found = [
        Node(
            id=node["NodeID"],
            address=node["NodeManagerAddress"],
            name=node["NodeManagerHostname"],
            num_cpus=int(node["Resources"].get(_CPU, 0)),
            num_gpus=int(node["Resources"].get(_GPU, 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    return sorted(found, key=lambda node: (node.address != first, node.address))


def wait_for(num_machines: int, limit_s: float, setting: str = "system.cluster.num_machines") -> None:
    """Wait until the cluster has as many machines.

    Args:
        num_machines: the machines.
        limit_s: longest wait [s].
        setting: of the number, for the error.

    Raises:
        ClusterError: it has fewer after this time [s].
    """
    deadline = time.monotonic() + limit_s
    while (there := len(nodes())) < num_machines:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the cluster has {there} of {num_machines} machines after {limit_s:g} s: start the others, "
                f"or lower {setting}"
            )
        time.sleep(POLL_S)


def own_address() -> str:
    """Address of this machine, as the others of the cluster reach it."""
    return str(ray.util.get_node_ip_address())


def described(machines: list[Node]) -> str:
    """The line that says what was found."""
    listed = ", ".join(f"{n}: {n.num_cpus} CPU, {n.num_gpus} GPU" for n in machines)
    count = f"{len(machines)} machine{'s' if len(machines) != 1 else ''}"
    total = f"{sum(n.num_cpus for n in machines)} CPU, {sum(n.num_gpus for n in machines)} GPU"
    return f"Ray {ray.__version__}: {count}, {total} ({listed})"
