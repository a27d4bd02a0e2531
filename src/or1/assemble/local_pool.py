"""or1's own engine in processes of their own."""

from __future__ import annotations

from or1.assemble.engine_pools import pool_of, published_by, threads_of
from or1.assemble.model import Model
from or1.config import RolloutConfig
from or1.errors import ConfigError
from or1.nn.config import FAMILIES, DecoderConfig
from or1.nn.dtypes import dtype_name
from or1.rollout.engine_places import EnginePlaces, EnginesHere
from or1.rollout.engine_pool import EnginePool
from or1.rollout.transfer import SharedFile

ENGINE_MODULE = "or1.rollout.local_worker"


def local_pool(model: Model, rollout: RolloutConfig, places: EnginePlaces | None = None) -> EnginePool:
    """A pool of or1's engines without weights. Their processes start at once.

    Args:
        model: of all engines.
        rollout: with the longest response.
        places: machines of the engines; None = this one.

    Raises:
        ConfigError: a model that or1's decoder does not compute.
    """
    if not isinstance(model.config, DecoderConfig):
        raise ConfigError(
            'rollout.engine = "local" in processes of its own needs or1\'s own decoder, which computes '
            f"{', '.join(FAMILIES)}: set rollout.num_engines = 1 without --cluster, or another engine"
        )
    places = places or EnginesHere(rollout.num_engines)
    budget = rollout.max_response_tokens or model.config.max_positions
    max_model_tokens = min(rollout.max_prompt_tokens + budget, model.config.max_positions)
    settings = {
        "model": {
            "folder": model.folder,
            "shape": model.config,
            "dtype": dtype_name(model.dtype),
            "device": str(model.device),
            "exact": model.exact,
            "num_ids": model.tokenizer.num_ids,
        },
        "eos_ids": model.tokenizer.eos_ids,
        "max_running": rollout.max_running,
        "max_prompt_tokens": min(rollout.max_prompt_tokens, max_model_tokens),
    }
    threads = [threads_of(places, engine) for engine in range(rollout.num_engines)]
    return pool_of(
        model,
        rollout,
        places,
        SharedFile(published_by(model), places.scratch, places.deliver),
        engine_module=ENGINE_MODULE,
        settings=[settings | {"threads": each} for each in threads],
        environments=[{"OMP_NUM_THREADS": str(each)} for each in threads],
        max_model_tokens=max_model_tokens,
    )
