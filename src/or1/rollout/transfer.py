"""How published weights reach engines in other processes: the pool's side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.multiprocessing.reductions import reduce_tensor
from torch.storage import TypedStorage

from or1.errors import EngineError, ModelError
from or1.nn.dtypes import dtype_name, dtype_named
from or1.nn.published import file_name, write_parts
from or1.types import WeightHandle

_POLL_S = 0.2
"""Time between two checks [s]."""
Parts = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""From published tensors by name to those that engines load, by the names of Hugging Face."""


class WeightTransfer(Protocol):
    """Turns published weights into the update that engines load."""

    @property
    def lasts(self) -> bool:
        """Whether an engine can load the last update again at any time, such as one that replaces another."""
        ...

    def connect(self) -> None:
        """Meet the engines while they start; may wait for them."""
        ...

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        """The update to send to every engine."""
        ...

    def send(self) -> None:
        """Send the tensors while the engines load the update; may wait for them."""
        ...

    def loaded(self) -> None:
        """All engines have the last update: free its memory, and the updates before it."""
        ...


def beside(work: Callable[[], None], during: str, check: Callable[[], None], limit_s: float) -> None:
    """Do the trainer's part of a step that waits for the engines, within a limit.

    On a thread of its own: an engine that ends in the middle leaves it waiting.

    Args:
        work: the part.
        during: its name.
        check: called often meanwhile; may raise.
        limit_s: longest time [s].

    Raises:
        EngineError: it failed, or the engines did not join in time.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ends = time.monotonic() + limit_s
    while thread.is_alive():
        thread.join(_POLL_S)
        if thread.is_alive():
            check()
            if time.monotonic() > ends:
                raise EngineError(f"the rollout engines did not join {during} in {limit_s:g} s")
    if failures:
        raise EngineError(f"{during} failed: {failures[0]}") from failures[0]


def named_tensors(weights: WeightHandle) -> Mapping[str, Tensor]:
    """The tensors of a handle; ModelError if it has none."""
    if not isinstance(weights.ref, Mapping):
        raise ModelError(f"published weights are not tensors by name but {type(weights.ref).__name__}")
    return weights.ref


class SharedFile:
    """Weights as one file in shared memory; a trainer that publishes a file itself is passed through.

    Args:
        parts: names the tensors as engines do.
        folder: for the files; the last one and, during a load, the one before it.
        deliver: brings a file to the machines of the engines, and returns its path there.
    """

    lasts = True

    def __init__(
        self, parts: Parts, folder: Path, deliver: Callable[[Path], Path] = lambda path: path
    ) -> None:
        self._parts = parts
        self._deliver = deliver
        self._folder = folder
        self._number = 0
        self.num_bytes = 0
        """Size of the last file [bytes]."""

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        if isinstance(weights.ref, Path):
            self.num_bytes = weights.ref.stat().st_size
            return {"path": str(self._deliver(weights.ref))}
        self._number += 1
        path = self._file(self._number)
        self.num_bytes = write_parts(self._parts(named_tensors(weights)), path)
        return {"path": str(self._deliver(path))}

    def connect(self) -> None:
        """No meeting: the engines read the file."""

    def send(self) -> None:
        """The file is there already."""

    def loaded(self) -> None:
        self._file(self._number - 1).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._folder / file_name(number)


class CudaIpc:
    """Weights in the memory of the trainer's GPU, which engines on the same GPU read. Not run.

    Args:
        parts: names the tensors as engines do.
    """

    lasts = False  # the next update of the trainer changes this memory

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kept: list[Tensor] = []
        """The engines read this memory until they have loaded it."""

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        parts = self._parts(named_tensors(weights))
        self._kept = [tensor.detach().contiguous() for tensor in parts.values()]
        handles = []
        for tensor in self._kept:
            gpu = str(torch.cuda.get_device_properties(tensor.device).uuid)
            handles.append({gpu: handle_data(reduce_tensor(tensor)[1])})
        torch.cuda.synchronize()
        return described(parts) | {"ipc_handles": handles}

    def connect(self) -> None:
        """No meeting: every update has its handles."""

    def send(self) -> None:
        """The memory is there already."""

    def loaded(self) -> None:
        self._kept = []


def handle_data(arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of torch's `rebuild_cuda_tensor`, without the three that are types."""
    _, size, stride, offset, _, _, *memory = arguments
    return (tuple(size), tuple(stride), offset, *memory)


def handle_arguments(data: Sequence[Any], dtype: str) -> tuple[Any, ...]:
    """The inverse of `handle_data`, for a tensor of this type."""
    size, stride, offset, *memory = data
    return (Tensor, torch.Size(size), stride, offset, TypedStorage, dtype_named(dtype), *memory)


def engine_update(update: Mapping[str, Any]) -> dict[str, Any]:
    """A published update as the backends of vLLM take it."""
    if "ipc_handles" not in update:
        return dict(update)
    handles = [
        {gpu: handle_arguments(data, dtype) for gpu, data in each.items()}
        for each, dtype in zip(update["ipc_handles"], update["dtype_names"], strict=True)
    ]
    return {**update, "ipc_handles": handles}


def described(parts: Mapping[str, Tensor]) -> dict[str, Any]:
    """Names, types and shapes, as the backends of vLLM take them."""
    return {
        "names": list(parts),
        "dtype_names": [dtype_name(tensor.dtype) for tensor in parts.values()],
        "shapes": [list(tensor.shape) for tensor in parts.values()],
    }
