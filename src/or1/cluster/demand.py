"""The settings of a run as a demand for machines, and back."""

from __future__ import annotations

from collections.abc import Sequence

from or1.cluster.nodes import Demand, Node
from or1.config import RunConfig


def demand_of(run: RunConfig, machines: Sequence[Node]) -> Demand:
    """The processes that the settings ask for."""
    system, rollout = run.system, run.rollout
    return Demand(
        num_ranks=system.num_ranks if system.backend == "fsdp" else 0,
        num_engines=rollout.num_engines,
        gpus_per_engine=rollout.vllm.tensor_parallel,
        ranks_step=system.context_parallel,
        uses_gpus=system.device != "cpu" and any(node.num_gpus for node in machines),
        colocated=system.cluster.placement == "colocated",
    )


def resized(run: RunConfig, demand: Demand) -> RunConfig:
    """The settings with these numbers of ranks and engines."""
    table = run.model_dump()
    table["rollout"]["num_engines"] = demand.num_engines
    if demand.num_ranks:
        table["system"]["num_ranks"] = demand.num_ranks
    return RunConfig.model_validate(table)
