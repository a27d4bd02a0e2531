"""Published weights that stay as they are while the trainer changes its own."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

from safetensors.torch import load_file

from or1.nn.published import write_parts
from or1.rollout.transfer import named_tensors
from or1.types import WeightHandle

TENSORS, FILE, FACTS = "tensors.safetensors", "published.safetensors", "weights.json"
"""In a checkpoint: tensors by name, or a published file, and the version of either."""
_KEPT = "kept-"
_numbers = itertools.count()


def keep(weights: WeightHandle) -> WeightHandle:
    """The same weights in memory of their own.

    Tensors are copied on their device. A published file gets a second name, since its own is deleted with the
    next one: its bytes are not copied.
    """
    ref = weights.ref
    if isinstance(ref, Path):
        # two steps may keep one version, where no update lies between them, and drop it one after the other
        path = ref.with_name(f"{_KEPT}{next(_numbers)}-{ref.name}")
        os.link(ref, path)
        return WeightHandle(version=weights.version, ref=path)
    copies = {name: tensor.detach().clone() for name, tensor in named_tensors(weights).items()}
    return WeightHandle(version=weights.version, ref=copies)


def drop(weights: WeightHandle) -> None:
    """Free what `keep` has taken; tensors are freed with the last name for them."""
    if isinstance(weights.ref, Path) and weights.ref.name.startswith(_KEPT):
        weights.ref.unlink(missing_ok=True)


def save(weights: WeightHandle, folder: Path) -> None:
    """Write weights as files into an existing folder."""
    if isinstance(weights.ref, Path):
        shutil.copyfile(weights.ref, folder / FILE)
    else:
        write_parts(named_tensors(weights), folder / TENSORS)
    (folder / FACTS).write_text(json.dumps({"version": weights.version}), encoding="utf-8")


def load(folder: Path) -> WeightHandle | None:
    """The weights that `save` wrote into a folder, which stays as it is while they are used; None where it
    wrote none."""
    if not (folder / FACTS).is_file():
        return None
    version = int(json.loads((folder / FACTS).read_text(encoding="utf-8"))["version"])
    tensors, path = folder / TENSORS, folder / FILE
    return WeightHandle(version=version, ref=load_file(tensors) if tensors.is_file() else path)
