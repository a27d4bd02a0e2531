"""A pool of engines for a model: the parts that do not depend on the kind of engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from or1.assemble.model import Model
from or1.config import RolloutConfig
from or1.nn.config import DecoderConfig
from or1.nn.published import published_parts, with_head
from or1.rollout.canary import MAX_NATS, Canary, DecoderScorer
from or1.rollout.engine_messages import Start
from or1.rollout.engine_places import EnginePlaces
from or1.rollout.engine_pool import EnginePool, PoolLimits
from or1.rollout.transfer import Parts, WeightTransfer


def pool_of(
    model: Model,
    rollout: RolloutConfig,
    places: EnginePlaces,
    transfer: WeightTransfer,
    *,
    engine_module: str,
    settings: Sequence[Mapping[str, Any]],
    environments: Sequence[Mapping[str, str]],
    max_model_tokens: int,
) -> EnginePool:
    """A pool without weights. Its processes start at once.

    Args:
        model: of all engines.
        rollout: with the longest response.
        places: machines of the engines.
        transfer: way of published weights to them.
        engine_module: see `Start`.
        settings: of each engine, see `Start`.
        environments: variables of the process of each engine.
        max_model_tokens: longest prompt and response together [tokens].
    """
    limits, number = rollout.vllm, range(rollout.num_engines)
    return EnginePool(
        [Start(engine_module, each, str(places.scratch)) for each in settings],
        model.tokenizer,
        PoolLimits(
            max_running=rollout.max_running,
            max_prompt_tokens=rollout.max_prompt_tokens,
            max_model_tokens=max_model_tokens,
            num_ids=model.tokenizer.num_ids,
            start_s=limits.start_limit_s,
            load_s=limits.load_limit_s,
            step_s=limits.step_limit_s,
            heartbeat_s=rollout.heartbeat_limit_s,
            max_restarts=rollout.max_engine_restarts,
        ),
        transfer,
        canary=Canary(
            DecoderScorer(model.unloaded),
            num_ids=model.tokenizer.num_ids,
            max_model_tokens=max_model_tokens,
            max_nats=MAX_NATS[model.dtype] if limits.canary_max_nats is None else limits.canary_max_nats,
        ),
        scratch=places.scratch,
        environments=[{**own, **places.environment(n)} for n, own in zip(number, environments, strict=True)],
        launches=[places.launch(n) for n in number],
    )


def threads_of(places: EnginePlaces, engine: int) -> int:
    """Threads of an engine on a CPU: those of this process, divided by the engines of its machine."""
    return max(1, torch.get_num_threads() // places.num_beside(engine))


def published_by(model: Model) -> Parts:
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
