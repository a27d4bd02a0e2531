"""Settings of vLLM engines that are refused before a process starts."""

from __future__ import annotations

import pytest

from or1.assemble.vllm import require_gpus
from or1.config import RolloutConfig, VllmConfig
from or1.errors import ConfigError


@pytest.mark.parametrize(
    ("gpus", "num_engines", "tensor_parallel", "needed"),
    [((), 2, 2, None), ((4, 5), 2, 1, None), ((0, 1, 2), 2, 2, 4), ((0,), 2, 1, 2), ((0, 1), 1, 1, 1)],
)
def test_each_engine_has_its_gpus(
    gpus: tuple[int, ...], num_engines: int, tensor_parallel: int, needed: int | None
) -> None:
    """An engine with an empty part of the list would see all GPUs."""
    vllm = VllmConfig(gpus=gpus, tensor_parallel=tensor_parallel)
    rollout = RolloutConfig(engine="vllm", num_engines=num_engines, vllm=vllm)
    if needed is None:
        require_gpus(rollout)
        return
    with pytest.raises(ConfigError, match=f"lists {len(gpus)} GPUs, .* use {needed}: list {needed}, or"):
        require_gpus(rollout)
