"""A fake of training: a backend whose weights are a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from or1.config import LossConfig, StageConfig
from or1.testing.builders import make_report
from or1.types import Float32, Group, UpdateReport, WeightHandle


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCall:
    """Arguments of one `CountingBackend.update`."""

    kept: tuple[Group, ...]
    advantages: tuple[tuple[float, ...], ...]
    alpha: float
    stage: StageConfig


class CountingBackend:
    """TrainerBackend whose weights are a hash of all arguments of its updates.

    Args:
        nonfinite_calls: numbers of the `update` calls, from 0, whose minibatches are all skipped.
    """

    def __init__(self, *, nonfinite_calls: Container[int] = ()) -> None:
        self._nonfinite_calls = nonfinite_calls
        self.weights = "start"
        self.num_updates = 0
        self.num_calls = 0
        self.calls: list[UpdateCall] = []

    def update(
        self,
        kept: Sequence[Group],
        advantages: Sequence[Float32],
        loss: LossConfig,
        alpha: float,
        stage: StageConfig,
    ) -> UpdateReport:
        if not kept or len(kept) != len(advantages):
            raise ValueError(f"{len(kept)} groups with {len(advantages)} advantages")
        values = tuple(tuple(float(a) for a in advantages_M) for advantages_M in advantages)
        self.calls.append(UpdateCall(kept=tuple(kept), advantages=values, alpha=alpha, stage=stage))
        planned = stage.num_minibatches * stage.num_reuses
        is_finite = self.num_calls not in self._nonfinite_calls
        self.num_calls += 1
        if is_finite:
            ids = [[f"{r.problem_id}/{r.index}" for r in g.rollouts] for g in kept]
            content = json.dumps([self.weights, ids, values, alpha, planned, loss.model_dump()])
            self.weights = hashlib.sha256(content.encode()).hexdigest()
            self.num_updates += planned
        names = tuple(f"{r.problem_id}/{r.index}" for g in kept for r in g.rollouts)
        return make_report(
            num_updates=planned if is_finite else 0,
            num_skipped=0 if is_finite else planned,
            num_tokens=sum(len(r.response_tokens) for g in kept for r in g.rollouts),
            nonfinite_rollouts=() if is_finite else names,
            hashes={"weights": self.weights},
        )

    def publish(self, version: int) -> WeightHandle:
        return WeightHandle(version=version, ref=self.weights)

    def save(self, folder: Path) -> None:
        content = {"weights": self.weights, "num_updates": self.num_updates, "num_calls": self.num_calls}
        (folder / "counting.json").write_text(json.dumps(content), encoding="utf-8")

    def load(self, folder: Path) -> None:
        content = json.loads((folder / "counting.json").read_text(encoding="utf-8"))
        self.weights = content["weights"]
        self.num_updates = content["num_updates"]
        self.num_calls = content["num_calls"]
