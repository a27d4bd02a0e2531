"""vLLM engines for a model: arguments, environment and the pool around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from or1.assemble.engine_pools import is_untied, pool_of, published_by, threads_of
from or1.assemble.model import Model
from or1.assemble.needs import Needs
from or1.config import RolloutConfig
from or1.errors import ConfigError, install_command
from or1.nn.config import read_json
from or1.nn.dtypes import dtype_name
from or1.rollout.engine_places import EnginePlaces, EnginesHere
from or1.rollout.engine_pool import EnginePool
from or1.rollout.transfer import CudaIpc, SharedFile, WeightTransfer

NEEDS = Needs(
    module="vllm",
    install=f"with a GPU {install_command('vllm')}; on a CPU make venv-vllm",
)
ENGINE_MODULE = "or1.rollout.vllm_engine"
_CPU_BLOCK_TOKENS = 32
"""Positions of a block of the prefix cache on a CPU: the smallest, since only whole blocks are shared."""
_CPU_CACHE_BYTES = 1 << 30
KNOWN_IDS = "or1.rollout.vllm_logits:KnownIdsOnly"


def vllm_engine(model: Model, rollout: RolloutConfig, places: EnginePlaces | None = None) -> EnginePool:
    """A pool of vLLM engines without weights. Their processes start at once.

    Args:
        model: of all engines.
        rollout: with the longest response.
        places: machines of the engines; None = this one.

    Raises:
        ConfigError: vLLM is not installed, `rollout.vllm.gpus` has another number of GPUs than the engines
            use, or the responses need more positions than the model has.
    """
    require_gpus(rollout)
    if model.device.type == "cuda" and places is None:
        require_own_gpus(rollout)
    if (lack := NEEDS.missing()) is not None:
        raise ConfigError(f'rollout.engine = "vllm" {lack}')
    max_model_tokens = _max_model_tokens(model, rollout)
    transfer_name = rollout.vllm.transfer
    if model.device.type == "cpu" and transfer_name != "or1_shm":
        raise ConfigError(f'rollout.vllm.transfer = "{transfer_name}" needs a GPU: leave it at "or1_shm"')
    places = places or EnginesHere(rollout.num_engines)
    folder = engine_folder(model, places.scratch)
    places.spread(folder / "config.json")
    arguments = engine_arguments(model, rollout, folder, max_model_tokens)
    settings = {"engine": arguments, "stop_ids": model.tokenizer.eos_ids}
    transfer, first_messages = _transfer(model, rollout, places)
    return pool_of(
        model,
        rollout,
        places,
        transfer,
        engine_module=ENGINE_MODULE,
        settings=[settings | {"transfer": first} for first in first_messages],
        environments=[_environment(model, rollout, places, n) for n in range(rollout.num_engines)],
        max_model_tokens=max_model_tokens,
    )


def require_gpus(rollout: RolloutConfig) -> None:
    """Each engine takes its part of the listed GPUs: with an empty part it would see all of them.

    Raises:
        ConfigError: the list is neither empty nor one GPU for each part of each engine.
    """
    gpus, vllm = rollout.vllm.gpus, rollout.vllm
    needed = rollout.num_engines * vllm.tensor_parallel
    if gpus and len(gpus) != needed:
        raise ConfigError(
            f"rollout.vllm.gpus lists {len(gpus)} GPUs, and {rollout.num_engines} engines of "
            f"{vllm.tensor_parallel} GPUs use {needed}: list {needed}, or leave it out"
        )


def require_own_gpus(rollout: RolloutConfig) -> None:
    """Several engines of this machine need a list of GPUs: each would take the first.

    Raises:
        ConfigError: there are several, and no list.
    """
    needed = rollout.num_engines * rollout.vllm.tensor_parallel
    if rollout.num_engines > 1 and not rollout.vllm.gpus:
        raise ConfigError(
            f"rollout.num_engines = {rollout.num_engines}: all of them would take the first GPU: list "
            f"{needed} GPUs in rollout.vllm.gpus, such as {list(range(needed))}, and those behind the ranks' "
            "where there are more; or start with --cluster ray, which gives each its own"
        )


def _transfer(
    model: Model, rollout: RolloutConfig, places: EnginePlaces
) -> tuple[WeightTransfer, list[dict[str, Any]]]:
    """The way of weights to the engines, and its first message to each of them."""
    vllm, count = rollout.vllm, rollout.num_engines
    parts = published_by(model)
    if vllm.transfer == "or1_shm":
        return SharedFile(parts, places.scratch, places.deliver), [{}] * count
    if vllm.transfer == "ipc":
        return CudaIpc(parts), [{}] * count
    from or1.rollout.vllm_nccl import NcclBroadcast  # imports vLLM

    broadcast = NcclBroadcast(parts, count, vllm.tensor_parallel)
    return broadcast, [broadcast.engine_side(engine) for engine in range(count)]


def _max_model_tokens(model: Model, rollout: RolloutConfig) -> int:
    """Positions of the engines: longest prompt and longest response, or all that the model has."""
    there = model.config.max_positions
    if rollout.max_response_tokens is None:
        return there
    needed = rollout.max_prompt_tokens + rollout.max_response_tokens
    if rollout.max_response_tokens >= there:
        raise ConfigError(
            f"responses of {rollout.max_response_tokens:,} tokens do not fit the {there:,} positions of the "
            "model: lower max_response_tokens"
        )
    return min(needed, there)


def engine_folder(model: Model, scratch: Path) -> Path:
    """A folder with the configuration of the model and without weights; untied by `is_untied`."""
    folder = scratch / "model"
    folder.mkdir()
    raw = read_json(model.folder, "config.json")
    untied = {"tie_word_embeddings": False} if is_untied(model) else {}
    known = {"or1_num_ids": model.tokenizer.num_ids}
    (folder / "config.json").write_text(json.dumps({**raw, **untied, **known}), encoding="utf-8")
    return folder


def engine_arguments(
    model: Model, rollout: RolloutConfig, folder: Path, max_model_tokens: int
) -> dict[str, Any]:
    """Arguments of vLLM's `EngineArgs`."""
    vllm = rollout.vllm
    common = {
        "model": str(folder),
        "load_format": "dummy",  # no weights but published ones
        "generation_config": "vllm",  # no sampling defaults of the model
        "skip_tokenizer_init": True,
        "dtype": dtype_name(model.dtype),
        "max_model_len": max_model_tokens,
        "max_num_seqs": rollout.max_running,
        "logprobs_mode": "processed_logprobs",
        "logits_processors": [KNOWN_IDS] if model.tokenizer.num_ids < model.config.vocab_size else None,
        "enable_prefix_caching": True,
        "seed": 0,
        "disable_log_stats": True,
        "weight_transfer_config": {"backend": vllm.transfer},
        "worker_extension_cls": "or1.rollout.vllm_transfer.Extension",
        "tensor_parallel_size": vllm.tensor_parallel,
    }
    if model.device.type != "cpu":
        cache = (
            {"gpu_memory_utilization": vllm.gpu_memory_fraction}
            if vllm.kv_cache_bytes is None
            else {"kv_cache_memory_bytes": vllm.kv_cache_bytes}
        )
        return {**common, **cache, "enforce_eager": vllm.enforce_eager}
    return {
        **common,
        "kv_cache_memory_bytes": vllm.kv_cache_bytes or _CPU_CACHE_BYTES,
        "enforce_eager": True,
        "block_size": _CPU_BLOCK_TOKENS,
        # the CPU engine fails on a request with a seed whose prompt is computed in two parts
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(max_model_tokens, rollout.max_running),
    }


def _environment(model: Model, rollout: RolloutConfig, places: EnginePlaces, number: int) -> dict[str, str]:
    """Variables of the process of one engine."""
    quiet = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    if model.device.type != "cpu":
        gpus = rollout.vllm.gpus[number * rollout.vllm.tensor_parallel :][: rollout.vllm.tensor_parallel]
        return quiet | ({"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))} if gpus else {})
    return quiet | {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine is in its own process already
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else two engines would share the same cores
        "OMP_NUM_THREADS": str(threads_of(places, number)),
    }
