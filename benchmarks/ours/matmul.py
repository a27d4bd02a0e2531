"""The machine's matmul peak, as a worker: the fastest of a few large square products by torch."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks._worker import Facts, Order, Spec, Work, serve
from benchmarks.ours.rollout import DTYPES

SIZES = (1024, 2048)
"""Rows and columns of the products: large enough to reach the peak, small enough for a second."""
REPEATS = 4


def prepare(spec: Spec) -> tuple[Facts, Work]:
    torch.set_num_threads(spec.threads)
    dtype = DTYPES[spec.dtype]
    pairs = [(torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)) for n in SIZES]

    def work(order: Order) -> Facts:
        return {"flop_per_s": max(_speed(spec.now, a, b) for a, b in pairs for _ in range(REPEATS))}

    return {"name": "torch matmul", "dtype": spec.dtype, "threads": torch.get_num_threads()}, work


def _speed(now: Callable[[], float], a: torch.Tensor, b: torch.Tensor) -> float:
    start = now()
    torch.mm(a, b)
    return 2 * len(a) ** 3 / (now() - start)


if __name__ == "__main__":
    serve(prepare)
