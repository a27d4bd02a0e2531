"""CUDA graphs of the decode step: one launch instead of hundreds."""

from __future__ import annotations

from collections.abc import Callable

import torch


class StepGraphs:
    """Runs steps of fixed shape; replays a CUDA graph from the second use of a shape.

    The first step of a shape runs without a graph, which also initialises the libraries; the second is
    recorded, which computes nothing, and replayed. The step must work on memory with fixed addresses and
    must not synchronise with the device.

    Args:
        step: (rows, live length) -> None.
    """

    def __init__(self, step: Callable[[int, int], None]) -> None:
        self._step = step
        self._graphs: dict[tuple[int, int], torch.cuda.CUDAGraph | None] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def run(self, num_rows: int, capacity: int, live_length: int) -> None:
        """Take one step.

        Args:
            num_rows: rows of the batch.
            capacity: positions per sequence that the attention reads; with num_rows it fixes every shape.
            live_length: passed on to the step.
        """
        shape = (num_rows, capacity)
        if shape not in self._graphs:
            self._graphs[shape] = None
            self._step(num_rows, live_length)
            return
        graph = self._graphs[shape]
        if graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                self._step(num_rows, live_length)
            self._graphs[shape] = graph
        graph.replay()
