"""CUDA graphs of the decode step: one launch instead of hundreds."""

from __future__ import annotations

from collections.abc import Callable

import torch

Replay = Callable[[], None]
Capture = Callable[[Callable[[], None]], Replay]
"""Records the work of a function on the device, without doing it, and returns a function that does it."""


class CudaCapture:
    """`Capture` by CUDA graphs, whose memory comes from one pool."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], None]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            work()
        return graph.replay


class StepGraphs:
    """Runs steps of fixed shape; replays a graph from the second use of a shape.

    The first step of a shape runs without a graph, which also initialises the libraries; the second is
    recorded, which computes nothing, and replayed. The step must work on memory with fixed addresses and
    must not synchronise with the device.

    Args:
        step: (rows, live length) -> None.
        capture: records a step.
    """

    def __init__(self, step: Callable[[int, int], None], capture: Capture) -> None:
        self._step = step
        self._capture = capture
        self._replays: dict[tuple[int, int], Replay | None] = {}
        self.num_captures = 0

    def run(self, num_rows: int, capacity: int, live_length: int) -> None:
        """Take one step.

        Args:
            num_rows: rows of the batch.
            capacity: positions per sequence that the attention reads; with num_rows it fixes every shape.
            live_length: passed on to the step.
        """
        shape = (num_rows, capacity)
        if shape not in self._replays:
            self._replays[shape] = None
            self._step(num_rows, live_length)
            return
        replay = self._replays[shape]
        if replay is None:
            replay = self._capture(lambda: self._step(num_rows, live_length))
            self._replays[shape] = replay
            self.num_captures += 1
        replay()
