"""Engine pools that all tests of a process share: an engine of vLLM takes up to minutes to start."""

from __future__ import annotations

import atexit
import importlib.util
from collections.abc import Callable

import pytest

from or1 import assemble
from or1.config import ModelConfig, RolloutConfig, SystemConfig, VllmConfig
from or1.rollout.engine_pool import EnginePool
from tests.fake_pool import fake_pool
from tests.forked_processes import fork_workers

MAX_PROMPT, MAX_RESPONSE = 256, 256
_POOLS: dict[str, EnginePool] = {}


def shared_fakes() -> EnginePool:
    """Two engines without a model."""
    return _shared("fakes", lambda: fake_pool({}, {}))


def require_vllm() -> None:
    """Skip the test where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed: make test-vllm")


def shared_vllm(num_engines: int) -> EnginePool:
    """vLLM engines of the built-in model in float32."""
    require_vllm()
    return _shared(f"{num_engines} vllm", lambda: vllm_pool("float32", num_engines))


def shared_local() -> EnginePool:
    """Two engines of or1 in processes of their own, with fewer rows than requests."""
    return _shared("2 local", _local_pool)


def _local_pool() -> EnginePool:
    system = SystemConfig(device="cpu", deterministic=True)
    model = assemble.read_model(ModelConfig(path="builtin:tiny"), system)
    sizes = {"max_running": 4, "max_prompt_tokens": MAX_PROMPT, "max_response_tokens": MAX_RESPONSE}
    with pytest.MonkeyPatch.context() as patch:
        fork_workers(patch)
        pool = assemble.ENGINES["local"](model, RolloutConfig.model_validate({"num_engines": 2, **sizes}))
    assert isinstance(pool, EnginePool)
    return pool


def vllm_pool(
    dtype: str, num_engines: int, *, engine_module: str | None = None, max_response_tokens: int = MAX_RESPONSE
) -> EnginePool:
    """A pool of its own, on the built-in model; `engine_module` makes the engine in place of or1's."""
    model = assemble.read_model(
        ModelConfig.model_validate({"path": "builtin:tiny", "dtype": dtype}), SystemConfig(device="cpu")
    )
    rollout = RolloutConfig(
        engine="vllm",
        num_engines=num_engines,
        max_running=32,
        max_prompt_tokens=MAX_PROMPT,
        max_response_tokens=max_response_tokens,
        vllm=VllmConfig(kv_cache_bytes=64 << 20),
    )
    with pytest.MonkeyPatch.context() as patch:
        if engine_module is not None:
            patch.setattr("or1.assemble.vllm.ENGINE_MODULE", engine_module)
        pool = assemble.ENGINES["vllm"](model, rollout)
    assert isinstance(pool, EnginePool)
    return pool


def _shared(name: str, make: Callable[[], EnginePool]) -> EnginePool:
    """The pool of this name; another one when it was closed."""
    if name not in _POOLS or _POOLS[name].is_closed:
        _POOLS[name] = made = make()
        atexit.register(made.close)
    return _POOLS[name]
