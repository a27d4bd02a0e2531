"""A pool of engines without a model."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.rollout.canary import Canary
from or1.rollout.engine_messages import Start
from or1.rollout.engine_pool import EnginePool, PoolLimits
from or1.testing import CharTokenizer
from or1.types import Float32, Int32, WeightHandle
from tests.fake_engine import END, VOCABULARY, canary_logprobs
from tests.forked_processes import ForkedProcess


class ShiftTransfer:
    lasts = True

    def __init__(self) -> None:
        self.num_loaded = 0

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        return {"shift": weights.ref}

    def connect(self) -> None:
        pass

    def send(self) -> None:
        pass

    def loaded(self) -> None:
        self.num_loaded += 1


class ShiftScorer:
    def logprobs(self, weights: WeightHandle, sequences: Sequence[Int32]) -> list[Float32]:
        assert isinstance(weights.ref, float)
        return [canary_logprobs(each, weights.ref) for each in sequences]


class EndingCharTokenizer(CharTokenizer):
    eos_ids = (END,)


def fake_pool(
    *settings: Mapping[str, Any],
    max_running: int = 4,
    max_model_tokens: int = 512,
    start_s: float = 60.0,
    load_s: float = 60.0,
    step_s: float = 60.0,
    heartbeat_s: float = 60.0,
    max_restarts: int = 0,
) -> EnginePool:
    """A pool with one engine for each of the settings."""
    scratch = Path(tempfile.mkdtemp(prefix="or1-fake-"))
    return EnginePool(
        [Start("tests.fake_engine", each, str(scratch)) for each in settings],
        EndingCharTokenizer(),
        PoolLimits(
            max_running=max_running,
            max_prompt_tokens=256,
            max_model_tokens=max_model_tokens,
            num_ids=VOCABULARY,
            start_s=start_s,
            load_s=load_s,
            step_s=step_s,
            heartbeat_s=heartbeat_s,
            max_restarts=max_restarts,
        ),
        ShiftTransfer(),
        canary=Canary(ShiftScorer(), num_ids=VOCABULARY, max_model_tokens=max_model_tokens, max_nats=1e-3),
        scratch=scratch,
        environments=[{}] * len(settings),
        launches=[ForkedProcess] * len(settings),
    )
