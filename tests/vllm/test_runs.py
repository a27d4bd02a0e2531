"""Training and evaluation with vLLM, from their settings."""

from __future__ import annotations

import json
from pathlib import Path

from or1 import assemble
from or1.assemble.generators import open_generator
from or1.evals.settings import EvalRunConfig
from or1.recipes import load
from or1.testing import make_problem
from or1.types import Sampling
from tests.shared_pools import require_vllm

SMALL = [
    "rollout.vllm.kv_cache_bytes=67108864",
    "rollout.max_running=16",
    "rollout.engine=vllm",
    "stages.0.num_steps=2",
    "stages.0.num_problems=4",
    "stages.0.group_size=4",
    "stages.1.num_steps=1",
    "stages.1.num_problems=4",
    "stages.1.group_size=4",
    "evaluation.num_problems=4",
    "evaluation.samples_per_problem=1",
    "evaluation.every=3",
    "tracking.tensorboard=false",
    "tracking.console=false",
    "model.dtype=float32",
    "verify.num_workers=1",
]


def test_a_run_over_two_stages(tmp_path: Path) -> None:
    require_vllm()
    state = assemble.train(load("tiny", [*SMALL, "evaluation.data.0.num_problems=4"]), tmp_path / "run")
    assert state.step == 3
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "train/mismatch_max_nats" in row]
    assert steps
    assert all(row["train/mismatch_max_nats"] < 1e-3 for row in steps)
    assert all(row["train/mismatch_kl_nats"] < 1e-8 for row in steps)


def test_an_evaluation() -> None:
    require_vllm()
    settings = EvalRunConfig.model_validate(
        {
            "model": {"path": "builtin:tiny", "dtype": "float32"},
            "engine": "vllm",
            "max_prompt_tokens": 128,
            "max_running": 16,
            "vllm": {"kv_cache_bytes": 1 << 26},
        }
    )
    problems = [make_problem(n) for n in range(6)]
    sampling = Sampling(temperature=0.0, group_size=2, max_response_tokens=40)
    texts = {}
    for engine in ("vllm", "local"):
        chosen = EvalRunConfig.model_validate({**settings.model_dump(), "engine": engine})
        with open_generator(chosen, sampling.max_response_tokens) as (generator, environment):
            assert environment["engine"] == engine
            found = generator.generate(problems, sampling)
            texts[engine] = {(text.problem_id, text.index): text.text for text in found}
    assert texts["vllm"] == texts["local"]
