"""Overhead of engines in processes: bytes and time for each rollout and each publish, beside the work.

    .venv-vllm/bin/python -m benchmarks.engine_pool            vLLM's CPU build
    python -m benchmarks.engine_pool --fake                    engines without a model: the pool alone

One line of JSON for each number of engines. The work of a rollout is its sampling; all else is overhead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from typing import Any

import torch

from or1.models import model_folder
from or1.nn.weights import load_decoder
from or1.rollout.engine_pool import EnginePool
from or1.rollout.transfer import SharedFile
from or1.testing import make_problem
from or1.types import Rollout, Sampling, WeightHandle
from tests.fake_pool import fake_pool
from tests.shared_pools import vllm_pool


def processor_s() -> float:
    """Processor time of this process [s]."""
    used = os.times()
    return used.user + used.system


def traffic(pool: EnginePool) -> tuple[int, int]:
    """Bytes to and from the engines."""
    return sum(p.bytes_sent for p in pool.engine_processes), sum(
        p.bytes_received for p in pool.engine_processes
    )


def sample(pool: EnginePool, num_problems: int, group_size: int) -> dict[str, Any]:
    """One call of `rollouts`."""
    problems = [make_problem(n) for n in range(num_problems)]
    sampling = Sampling(group_size=group_size, max_response_tokens=128, seed=3)
    before, began, used = traffic(pool), time.perf_counter(), processor_s()
    rollouts: list[Rollout] = list(pool.rollouts(problems, sampling))
    seconds, driver_s = time.perf_counter() - began, processor_s() - used
    sent, received = (after - start for after, start in zip(traffic(pool), before, strict=True))
    return {
        "rollouts": len(rollouts),
        "tokens": sum(len(r.response_tokens) for r in rollouts),
        "sampling_s": round(seconds, 2),
        "pool_processor_ms_per_rollout": round(1000 * driver_s / len(rollouts), 3),
        "bytes_sent_per_rollout": round(sent / len(rollouts)),
        "bytes_received_per_rollout": round(received / len(rollouts)),
    }


def publish(pool: EnginePool, handle: WeightHandle) -> dict[str, Any]:
    """Ten loads of weights; with a canary and without one."""
    spent = {}
    canary = pool._canary
    for name, each in (("publish_ms", None), ("publish_and_canary_ms", canary)):
        pool._canary = each
        began = time.perf_counter()
        for _ in range(10):
            pool.load(handle)
        spent[name] = round(100 * (time.perf_counter() - began), 1)
    transfer = pool._transfer
    num_bytes = transfer.num_bytes if isinstance(transfer, SharedFile) else 0
    return {**spent, "published_bytes": num_bytes, "canary_gap_nats": pool.largest_gap}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fake", action="store_true", help="engines without a model")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    args = parser.parse_args()
    decoder = load_decoder(model_folder("builtin:tiny"), dtype=getattr(torch, args.dtype))
    weights = {name: p.detach() for name, p in decoder.named_parameters()}
    for num_engines in (1, 2, 8) if args.fake else (1, 2):
        pool = fake_pool(*[{}] * num_engines) if args.fake else vllm_pool(args.dtype, num_engines)
        handle = WeightHandle(version=1, ref=0.5 if args.fake else weights)
        with contextlib.closing(pool):
            began = time.perf_counter()
            pool.load(handle)
            about = {"engines": num_engines, "start_s": round(time.perf_counter() - began, 1)}
            about |= {"load_at_start": round(os.getloadavg()[0], 2), **publish(pool, handle)}
            for num_problems, group_size in ((8, 8), (64, 8)):
                print(json.dumps({**about, **sample(pool, num_problems, group_size)}), flush=True)


if __name__ == "__main__":
    main()
