"""Settings of vLLM engines that are refused before a process starts."""

from __future__ import annotations

import pytest

from or1.assemble.vllm import require_gpus, require_own_gpus
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


def test_several_engines_without_a_list_would_share_the_first_gpu() -> None:
    vllm = {"tensor_parallel": 2}
    with pytest.raises(ConfigError, match=r"list 6 GPUs in rollout.vllm.gpus, such as \[0, 1, 2, 3, 4, 5\]"):
        require_own_gpus(RolloutConfig.model_validate({"num_engines": 3, "vllm": vllm}))
    require_own_gpus(RolloutConfig.model_validate({"num_engines": 1, "vllm": vllm}))
    listed = {"gpus": [4, 5, 6, 7], **vllm}
    require_own_gpus(RolloutConfig.model_validate({"num_engines": 2, "vllm": listed}))
