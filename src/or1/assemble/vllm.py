"""vLLM engines for a model: arguments, environment and the pool around them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch

from or1.assemble.model import Model
from or1.assemble.needs import Needs
from or1.config import RolloutConfig
from or1.errors import ConfigError
from or1.nn.config import DecoderConfig, read_json
from or1.nn.published import published_parts, with_head
from or1.processes.shared_memory import shared_folder
from or1.rollout.canary import MAX_NATS, Canary, DecoderScorer
from or1.rollout.engine_messages import Start
from or1.rollout.engine_pool import EnginePool, PoolLimits
from or1.rollout.transfer import CudaIpc, Parts, SharedFile, WeightTransfer

NEEDS = Needs(
    module="vllm",
    install="with a GPU pip install -c constraints.txt '.[vllm]'; on a CPU make venv-vllm",
)
FACTORY = "or1.rollout.vllm_engine:make_engine"
_CPU_BLOCK_TOKENS = 32
"""Positions of a block of the prefix cache on a CPU: the smallest, since only whole blocks are shared."""
_CPU_CACHE_BYTES = 1 << 30


def vllm_engine(model: Model, rollout: RolloutConfig) -> EnginePool:
    """A pool of vLLM engines without weights. Their processes start at once.

    Raises:
        ConfigError: vLLM is not installed, `rollout.vllm.gpus` has another number of GPUs than the engines
            use, or the responses need more positions than the model has.
    """
    require_gpus(rollout)
    if (lack := NEEDS.missing()) is not None:
        raise ConfigError(f'rollout.engine = "vllm" {lack}')
    max_model_tokens = _max_model_tokens(model, rollout)
    transfer_name = rollout.vllm.transfer
    if model.device.type == "cpu" and transfer_name != "or1_shm":
        raise ConfigError(f'rollout.vllm.transfer = "{transfer_name}" needs a GPU: leave it at "or1_shm"')
    scratch = shared_folder("or1-engines-")
    settings = {
        "engine": engine_arguments(model, rollout, engine_folder(model, scratch), max_model_tokens),
        "stop_ids": model.tokenizer.eos_ids,
    }
    transfer, first_messages = _transfer(model, rollout, scratch)
    bar = rollout.vllm.canary_max_nats
    return EnginePool(
        [Start(FACTORY, settings | {"transfer": first}, str(scratch)) for first in first_messages],
        model.tokenizer,
        PoolLimits(
            max_running=rollout.max_running,
            max_prompt_tokens=rollout.max_prompt_tokens,
            max_model_tokens=max_model_tokens,
            vocab_size=model.config.vocab_size,
            start_s=rollout.vllm.start_limit_s,
            load_s=rollout.vllm.load_limit_s,
            step_s=rollout.vllm.step_limit_s,
            heartbeat_s=rollout.heartbeat_limit_s,
            max_restarts=rollout.max_engine_restarts,
        ),
        transfer,
        canary=Canary(
            DecoderScorer(model.unloaded),
            vocab_size=model.config.vocab_size,
            max_model_tokens=max_model_tokens,
            max_nats=MAX_NATS[model.dtype] if bar is None else bar,
        ),
        scratch=scratch,
        environments=[_environment(model, rollout, number) for number in range(rollout.num_engines)],
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


def _transfer(
    model: Model, rollout: RolloutConfig, folder: Path
) -> tuple[WeightTransfer, list[dict[str, Any]]]:
    """The way of weights to the engines, and its first message to each of them."""
    vllm, count = rollout.vllm, rollout.num_engines
    if vllm.transfer == "or1_shm":
        return SharedFile(_parts(model), folder), [{}] * count
    if vllm.transfer == "ipc":
        return CudaIpc(_parts(model)), [{}] * count
    from or1.rollout.vllm_nccl import NcclBroadcast  # imports vLLM

    broadcast = NcclBroadcast(_parts(model), count, vllm.tensor_parallel)
    return broadcast, [broadcast.engine_side(engine) for engine in range(count)]


def _parts(model: Model) -> Parts:
    """Names published tensors as engines do."""
    if isinstance(model.config, DecoderConfig):
        return partial(published_parts, model.config)
    from or1.nn.transformers_decoder import TransformersDecoder  # seconds: transformers

    names = model.unloaded()
    assert isinstance(names, TransformersDecoder)
    if not is_untied(model):
        return names.checkpoint_names
    return lambda tensors: with_head(names.checkpoint_names(tensors))


def is_untied(model: Model) -> bool:
    """Whether engines get the head as a tensor of its own.

    vLLM on a CPU in float32 multiplies by a packed copy of the head, which an update of a tied embedding does
    not reach. Some architectures of transformers are always tied in vLLM, so the others keep what they are.
    """
    needed = model.device.type == "cpu" and model.dtype is torch.float32
    return needed or isinstance(model.config, DecoderConfig)


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
    (folder / "config.json").write_text(json.dumps({**raw, **untied}), encoding="utf-8")
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
        "dtype": str(model.dtype).removeprefix("torch."),
        "max_model_len": max_model_tokens,
        "max_num_seqs": rollout.max_running,
        "logprobs_mode": "processed_logprobs",
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


def _environment(model: Model, rollout: RolloutConfig, number: int) -> dict[str, str]:
    """Variables of the process of one engine."""
    quiet = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    if model.device.type != "cpu":
        gpus = rollout.vllm.gpus[number * rollout.vllm.tensor_parallel :][: rollout.vllm.tensor_parallel]
        return quiet | ({"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))} if gpus else {})
    threads = max(1, torch.get_num_threads() // rollout.num_engines)
    return quiet | {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine is in its own process already
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else two engines would share the same cores
        "OMP_NUM_THREADS": str(threads),
    }
