"""Rollout engines by name. A further engine is one entry of `ENGINES`."""

from __future__ import annotations

from collections.abc import Callable

from or1.assemble import vllm
from or1.assemble.local_pool import local_pool
from or1.assemble.model import Model
from or1.assemble.needs import Needs
from or1.config import RolloutConfig
from or1.errors import ConfigError
from or1.plugins import factory_named
from or1.protocols import RolloutEngine
from or1.rollout.local_engine import LocalEngine

EngineFactory = Callable[[Model, RolloutConfig], RolloutEngine]
"""Builds an engine without weights; call its `load` before sampling."""


def local_engine(model: Model, rollout: RolloutConfig) -> RolloutEngine:
    """or1's own engine, in this process, or several in processes of their own. Weights published in this
    process are shared with the first, not copied."""
    if rollout.num_engines > 1:
        return local_pool(model, rollout)
    return LocalEngine(
        model.unloaded(),
        model.tokenizer,
        max_running=rollout.max_running,
        max_prompt_tokens=rollout.max_prompt_tokens,
    )


def with_room_for(rollout: RolloutConfig, max_response_tokens: int) -> RolloutConfig:
    """The settings with the longest response that will be sampled.

    Raises:
        ConfigError: they allow shorter responses only.
    """
    allowed = rollout.max_response_tokens
    if allowed is not None and allowed < max_response_tokens:
        raise ConfigError(
            f"rollout.max_response_tokens = {allowed:,} is less than the response budget of "
            f"{max_response_tokens:,} tokens: raise it, or leave it out"
        )
    return RolloutConfig.model_validate(
        {**rollout.model_dump(), "max_response_tokens": allowed or max_response_tokens}
    )


ENGINES: dict[str, EngineFactory] = {"local": local_engine, "vllm": vllm.vllm_engine}
"""`rollout.engine` -> engine."""
ENGINE_NEEDS: dict[str, Needs] = {"local": Needs(), "vllm": vllm.NEEDS}
"""`rollout.engine` -> its needs beyond or1."""


def engine_factory(name: str) -> EngineFactory:
    """The engine of this name, or the user's own at `FILE.py:NAME` or `module:NAME`.

    Raises:
        ConfigError: there is none.
    """
    return factory_named(name, ENGINES, "rollout.engine")
