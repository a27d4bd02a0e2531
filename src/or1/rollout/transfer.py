"""How published weights reach engines in other processes: the pool's side."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from or1.errors import ModelError
from or1.types import WeightHandle

SHARED_MEMORY = Path("/dev/shm")


class WeightTransfer(Protocol):
    """Turns published weights into the update that engines load."""

    @property
    def backend(self) -> str:
        """Name of the engines' side."""
        ...

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        """The update to send to every engine."""
        ...

    def loaded(self) -> None:
        """All engines have the last update: free the ones before it."""
        ...


def shared_folder(prefix: str) -> Path:
    """A new folder in shared memory where there is some, else for temporary files."""
    place = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place))


class SharedFile:
    """Weights as one file in shared memory; a trainer that publishes a file itself is passed through.

    Args:
        write: writes published tensors to a file for engines, and returns its size [bytes].
        folder: for the files; the last one and, during a load, the one before it.
    """

    backend = "or1_shm"

    def __init__(self, write: Callable[[Mapping[str, Tensor], Path], int], folder: Path) -> None:
        self._write = write
        self._folder = folder
        self._number = 0
        self.num_bytes = 0
        """Size of the last file [bytes]."""

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        ref = weights.ref
        if isinstance(ref, Path):
            self.num_bytes = ref.stat().st_size
            return {"path": str(ref)}
        if not isinstance(ref, Mapping):
            raise ModelError(f"published weights are tensors by name or a file, not {type(ref).__name__}")
        tensors: Mapping[str, Tensor] = ref
        self._number += 1
        path = self._file(self._number)
        self.num_bytes = self._write(tensors, path)
        return {"path": str(path)}

    def loaded(self) -> None:
        self._file(self._number - 1).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"weights-{number}.safetensors"
