"""A vLLM engine that keeps its prefix cache over loads, as an engine without a cache salt does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from or1.rollout.engine_messages import RequestEngine
from or1.rollout.vllm_engine import VllmEngine


class KeepsItsCache(VllmEngine):
    def load(self, version: int, update: Mapping[str, Any]) -> None:
        reset, self._engine.reset_prefix_cache = self._engine.reset_prefix_cache, lambda: True
        super().load(version, update)
        self._engine.reset_prefix_cache = reset
        self._salt = "the same"


def make_engine(settings: Mapping[str, Any]) -> RequestEngine:
    return KeepsItsCache(settings["engine"], tuple(settings["stop_ids"]), settings["transfer"])
