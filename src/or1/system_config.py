"""The machine: device, processes and memory of the update. Part of `or1.config`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from or1.model_config import NAME_OR_PLUGIN, Config
from or1.setting import OnResume


class ClusterConfig(Config):
    """Machines of a run with `or1 train --cluster`."""

    placement: Literal["apart", "colocated"] = "apart"
    """apart: ranks and engines have GPUs of their own, or machines where there are no GPUs; colocated: they
    share them."""
    num_machines: int = Field(default=1, ge=1)
    """Wait for as many before the start [machines]; after a loss the run continues with fewer."""
    start_limit_s: float = Field(default=300.0, gt=0)
    """Longest wait for the machines, and for the start of a process [s]."""
    copy_limit_s: float = Field(default=300.0, gt=0)
    """Longest copy of 64 MiB of published weights from machine to machine [s]."""


class SystemConfig(Config):
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the first GPU if there is one."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of a matrix product on CPU; None = OMP_NUM_THREADS, else the processors that the process may
    use, by affinity and control groups."""
    backend: str = Field(
        default="local", pattern=NAME_OR_PLUGIN, examples=["local", "fsdp", "my_backend.py:make_backend"]
    )
    """Backend that trains: a name in `or1.assemble.backends` (local = in this process, on one device; fsdp =
    `num_ranks` processes of this machine, each with a shard of the model, by PyTorch's FSDP2), or your own
    factory as `FILE.py:NAME` or `module:NAME`."""
    num_ranks: int = Field(default=1, ge=1)
    """Processes of the backend fsdp; on GPUs one for each [processes]."""
    context_parallel: int = Field(default=1, ge=1)
    """Backend fsdp: ranks that compute the same sequences together, for long responses: each holds this
    fraction of their rows, and in attention this fraction of the heads [processes]."""
    sum_gradients_once: bool = False
    """Backend fsdp: sum gradients over ranks once a minibatch, not at each microbatch: less communication,
    but between the microbatches each rank holds the whole gradient in float32."""
    offload_optimizer: bool = False
    """Backend fsdp: keep weights, gradients and moments in the memory of the host, and update them there."""
    rank_limit_s: float = Field(default=900.0, gt=0)
    """Backend fsdp: longest time in which no rank makes progress, such as one microbatch [s]. They count as
    lost then. At the start the limit is 900 s at least."""
    heartbeat_limit_s: Annotated[float, OnResume.FREE] = Field(default=15.0, gt=2)
    """Backend fsdp: longest time without a heartbeat, which each rank sends each second: such as of one that
    was stopped. It counts as lost then [s]."""
    max_rank_restarts: Annotated[int, OnResume.FREE] = Field(default=3, ge=0)
    """Backend fsdp: lost ranks, or machines of a cluster, within an hour after which all ranks start again
    from the last checkpoint; one more ends the run [restarts]."""
    cluster: ClusterConfig = ClusterConfig()
    deterministic: Annotated[bool, OnResume.SCIENCE] = False
    """Rollout and update compute every number the same way (float32, padded rows, fixed KV length), so that
    their log-probabilities agree bit for bit. Slower."""
    tokens_per_microbatch: int = Field(default=16_384, ge=1)
    """Most prompt and response tokens in one forward pass [tokens]; bounds memory, never the result."""
    recompute_activations: bool = False
    """Keep one tensor a layer for the backward pass and compute the rest again: a third more arithmetic, the
    same numbers, a fraction of the memory."""
    optimizer_bits: Annotated[Literal[8, 32], OnResume.SCIENCE] = 32
    """Bits of each moment of AdamW in the local backend; with 8 they take a quarter of the memory and change
    the updates by their rounding [bits]."""

    @model_validator(mode="after")
    def _ranks(self) -> Self:
        if self.backend == "local" and self.num_ranks > 1:
            raise ValueError(
                f'system.num_ranks = {self.num_ranks} needs system.backend = "fsdp": '
                "or1 train --ranks sets both"
            )
        if self.num_ranks % self.context_parallel:
            raise ValueError(
                f"system.context_parallel = {self.context_parallel} does not divide "
                f"system.num_ranks = {self.num_ranks}"
            )
        if self.deterministic and self.context_parallel > 1:
            raise ValueError(
                "system.deterministic computes whole sequences: set system.context_parallel to 1"
            )
        sharded = {
            "offload_optimizer": self.offload_optimizer,
            "sum_gradients_once": self.sum_gradients_once,
        }
        if self.backend == "local" and (unused := [name for name, is_set in sharded.items() if is_set]):
            raise ValueError(
                f'system.{unused[0]} = true needs system.backend = "fsdp": set that, or leave it out'
            )
        if self.backend == "fsdp" and self.optimizer_bits != 32:
            raise ValueError('system.optimizer_bits = 8 needs system.backend = "local"')
        return self
