"""A run on two ranks: the numbers of one process, exported, and resumed on one rank."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import or1
from or1.assemble.export import stored_dtype
from or1.models import model_folder
from or1.nn.weights import load_decoder
from or1.storage.run_folder import CHECKPOINTS
from or1.trainer.checkpoint import trainer_folder
from or1.trainer.state_files import read_weights

SETTINGS: dict[str, Any] = {
    "model.dtype": "float32",
    "stages": [{"max_response_tokens": 40, "num_steps": 2, "num_problems": 4, "group_size": 8}],
    "optimizer.learning_rate": 7e-4,
    "loss.reject_zero_advantage": False,
    "evaluation": {"num_problems": 4, "samples_per_problem": 1, "every": None},
    "checkpoint.every": 1,
}
RANKS = {"system.backend": "fsdp", "system.num_ranks": 2}
NUMBERS = ("train/loss", "train/grad_norm", "train/entropy_nats", "rollout/reward_mean")


def numbers(row: dict[str, Any]) -> list[float]:
    return [row[key] for key in NUMBERS]


def test_two_ranks_train_export_and_resume_as_one(tmp_path: Path) -> None:
    ranks = or1.train("tiny", out=tmp_path / "ranks", **SETTINGS, **RANKS)
    local = or1.train("tiny", out=tmp_path / "local", **SETTINGS)
    for one, two in zip(ranks.metrics, local.metrics, strict=True):
        assert numbers(one) == pytest.approx(numbers(two), rel=1e-3, abs=1e-5)

    saved = read_weights(trainer_folder(tmp_path / "ranks" / CHECKPOINTS / "step_000002"))
    exported = dict(load_decoder(ranks.model_folder, dtype=torch.float32).named_parameters())
    assert exported.keys() == saved.keys()
    stored = stored_dtype(Path(model_folder("builtin:tiny")))
    assert all(torch.equal(exported[name], saved[name].to(stored).float()) for name in saved)

    shutil.rmtree(tmp_path / "ranks" / CHECKPOINTS / "step_000002")
    again = or1.train(str(tmp_path / "ranks"), **{"system.num_ranks": 1})
    assert numbers(again.metrics[1]) == pytest.approx(numbers(ranks.metrics[1]), rel=1e-4, abs=1e-6)
    assert len(list((tmp_path / "ranks" / CHECKPOINTS / "step_000002").rglob("shard-*"))) == 1
