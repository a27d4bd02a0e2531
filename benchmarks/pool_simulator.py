"""The simulator of `or1.plan.pool` beside a real pool of 1 and 2 engine processes: time of a rollout.

    python -m benchmarks.pool_simulator

Two kinds of engines. `sleep`: each step sleeps, so the clock is real and the check is of the queue and of the
time that messages take. `decode`: or1's decoder; the clock is processor time of the busiest engine without
prompts, so that other work on the machine counts less. The cost of a step is fitted on a rollout before the
measured one and one after it. One line of JSON for each number of engines.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._problems import arithmetic_workload
from benchmarks._workload import Workload
from or1.config import ModelConfig
from or1.models import model_folder
from or1.nn.load import shape_for
from or1.nn.tokenizer import load_tokenizer
from or1.plan.hardware import EngineProfile
from or1.plan.pool import EngineCost, simulate
from or1.rollout.engine_messages import Start
from or1.rollout.engine_pool import EnginePool, PoolLimits
from or1.types import Message, Problem, Sampling, WeightHandle
from tests.fake_pool import ShiftTransfer

ENGINES = {"sleep": "SleepingEngine", "decode": "DecodingEngine"}
SLOTS, GROUP, BUDGET, STEP_S = 16, 4, 160, 0.05
NUM_PROBLEMS = 48
"""Groups of a rollout: 192 responses, 12 for each slot of one engine."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    for kind in parser.parse_args().kinds:
        for num_engines in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                reports = Path(folder)
                with contextlib.closing(_pool(ENGINES[kind], num_engines, reports)) as pool:
                    pool.load(WeightHandle(version=1, ref=0.0))
                    print(json.dumps(_row(kind, num_engines, pool, reports)), flush=True)


def _row(kind: str, num_engines: int, pool: EnginePool, reports: Path) -> dict[str, Any]:
    """One measured rollout, between two others that give the cost of a step; the first of all warms up."""
    _rollout(pool, reports, seed=0)
    _rollout(pool, reports, seed=1)
    fitted = _steps(reports)
    lengths, wall_s = _rollout(pool, reports, seed=2)
    steps = _steps(reports)
    _rollout(pool, reports, seed=3)
    cost = _fitted([*fitted, *_steps(reports)], kind)
    busy_s = [sum(seconds for *_, seconds in each) for each in steps]
    measured = wall_s if kind == "sleep" else max(busy_s)
    planned = simulate(lengths, num_engines, SLOTS, cost).seconds
    return {
        "engines_of_kind": kind,
        "engines": num_engines,
        "responses": len(lengths),
        "tokens": sum(lengths),
        "steps": [len(each) for each in steps],
        "measured_s": round(measured, 3),
        "simulated_s": round(planned, 3),
        "error": round(planned / measured - 1, 4),
        "wall_s": round(wall_s, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def _rollout(pool: EnginePool, reports: Path, seed: int) -> tuple[list[int], float]:
    """(lengths in the order of the queue, wall time of the call [s])."""
    for each in reports.glob("*.jsonl"):
        each.unlink()
    pool._mean_tokens.clear()  # the order of the queue is that of the problems, as in the simulation
    problems = _problems()
    place = {problem.id: number for number, problem in enumerate(problems)}
    sampling = Sampling(group_size=GROUP, max_response_tokens=BUDGET, seed=seed)
    began = time.monotonic()
    rollouts = list(pool.rollouts(problems, sampling))
    seconds = time.monotonic() - began
    rollouts.sort(key=lambda rollout: (place[rollout.problem_id], rollout.index))
    return [len(rollout.response_tokens) for rollout in rollouts], seconds


@cache
def _workload() -> Workload:
    return arithmetic_workload("builtin:tiny", num_problems=NUM_PROBLEMS, group_size=GROUP, cap=BUDGET)


def _problems() -> list[Problem]:
    return [
        Problem(
            id=each.id,
            task=each.task,
            prompt=tuple(Message(**message) for message in each.messages),
            gold=each.gold,
        )
        for each in _workload().problems
    ]


def _steps(reports: Path) -> list[list[tuple[int, int, float]]]:
    """Of each engine: (running, tokens of the running, seconds) of each step."""
    return [
        [tuple(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(reports.glob("*.jsonl"))
    ]


def _fitted(steps: Sequence[Sequence[tuple[int, int, float]]], kind: str) -> EngineCost:
    """Least squares: seconds = start + per sequence * running + per token * context; not negative."""
    rows = np.asarray([row for each in steps for row in each], dtype=np.float64)
    columns = [np.ones(len(rows)), rows[:, 0], rows[:, 1]]
    if kind == "sleep":
        columns = columns[:1]
    found, *_ = np.linalg.lstsq(np.stack(columns, axis=1), rows[:, 2], rcond=None)
    start_s, per_sequence_s, per_token_s = [*np.maximum(found, 0.0), 0.0, 0.0][:3]
    profile = EngineProfile(
        name=kind, start_s=float(start_s), per_sequence_s=float(per_sequence_s), bandwidth_fraction=1.0
    )
    prompt = (
        0 if kind == "sleep" else round(np.mean([len(each.prompt_tokens) for each in _workload().problems]))
    )
    return EngineCost(
        profile=profile,
        bandwidth=1.0,
        weight_bytes=0.0,
        cache_bytes_per_token=float(per_token_s),
        prompt_tokens=prompt,
    )


def _pool(engine: str, num_engines: int, reports: Path) -> EnginePool:
    scratch = Path(tempfile.mkdtemp(prefix="or1-simulator-"))
    folder = Path(model_folder("builtin:tiny"))
    shape = shape_for(folder, ModelConfig(path="builtin:tiny"))
    settings = {"engine": engine, "step_s": STEP_S, "slots": SLOTS, "reports": str(reports)}
    limits = PoolLimits(
        max_running=SLOTS,
        max_prompt_tokens=128,
        max_model_tokens=128 + BUDGET,
        vocab_size=shape.vocab_size,
        start_s=600.0,
        load_s=600.0,
        step_s=600.0,
    )
    starts = [Start("benchmarks._pool_engine", settings, str(scratch))] * num_engines
    environments = [{"OMP_NUM_THREADS": "1"}] * num_engines
    return EnginePool(
        starts,
        load_tokenizer(folder, shape),
        limits,
        ShiftTransfer(),
        canary=None,
        scratch=scratch,
        environments=environments,
    )


if __name__ == "__main__":
    main()
