"""The start model as part of a run: hashes of its files, and copies of the small ones."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from or1.config import ModelConfig, RunConfig
from or1.errors import ModelError
from or1.models import model_folder
from or1.nn.config import DecoderConfig
from or1.nn.load import shape_for
from or1.nn.weights import INDEX, resolve_folder, side_files, weight_files
from or1.storage.atomic import guard_writes, replacing
from or1.storage.manifest import hash_file
from or1.storage.run_folder import START_MODEL, model_differences

logger = logging.getLogger(__name__)

LARGE_BYTES = 1_000_000_000
"""More bytes to hash than this are announced [bytes]."""


def record_of(folder: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The folder, revision and hashes of a model, JSON: `provenance.model` of a run.

    Args:
        folder: the model folder.
        known: an earlier record; a file of the same folder with its size and time of change keeps its hash,
            so that a run reads all weights for their hash only once.

    Raises:
        ModelError: a file of the weights is missing.
    """
    place = str(folder.resolve())
    earlier = known["files"] if known is not None and known["folder"] == place else {}
    files = {}
    index = [folder / INDEX] if (folder / INDEX).is_file() else []
    for path in sorted([*weight_files(folder), *index, *side_files(folder)]):
        status = path.stat()
        facts = {"num_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        before = earlier.get(path.name, {})
        if facts.items() <= before.items():
            files[path.name] = dict(before)
        else:
            files[path.name] = facts | {"sha256": _hash(path, status.st_size)}
    is_snapshot = folder.parent.name == "snapshots"
    return {"folder": place, "revision": folder.name if is_snapshot else None, "files": files}


def _hash(path: Path, num_bytes: int) -> str:
    """sha256 of a file. The hub's cache names a large file by it."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return blob.name
    if num_bytes > LARGE_BYTES:
        logger.warning("hashing %s, %.1f GB, once for this run", path, num_bytes / 1e9)
    return hash_file(path)


def keep_side_files(model: Path, run_folder: Path) -> None:
    """Copy configuration, tokenizer and chat template into the run folder, unless it has them.

    Raises:
        RunFolderError: the disk is full or not writable.
    """
    kept = run_folder / START_MODEL
    if kept.is_dir():
        return
    with guard_writes(run_folder), replacing(kept) as part:
        part.mkdir()
        for file in side_files(model):
            shutil.copyfile(file, part / file.name)


def source_of(run_folder: Path, run: RunConfig, record: Mapping[str, Any] | None, model: Path | None) -> Path:
    """The folder that an export takes configuration, tokenizer and, where it needs them, start weights from.

    Args:
        run_folder: the run.
        run: its settings.
        record: of its start model; None = a run without one.
        model: folder of the start model, where it is not that of `run.model.path`.

    Raises:
        ModelError: the start model is needed and is not there, or `model` is another one.
    """
    kept = run_folder / START_MODEL
    if model is None and kept.is_dir() and _needs_no_weights(kept, run.model):
        return kept
    try:
        folder = resolve_folder(model_folder(str(model or run.model.path)))
    except ModelError as error:
        raise ModelError(f"{error}; name the folder of the start model with --model") from None
    if record is not None and (changes := model_differences(record, record_of(folder, record))):
        raise ModelError(
            f"{folder} is not the start model of {run_folder} ({changes[0]}): name its folder with --model"
        )
    return folder


def _needs_no_weights(folder: Path, model: ModelConfig) -> bool:
    """or1's own decoder knows the names of its tensors; transformers' layers must be loaded for them."""
    return isinstance(shape_for(folder, model), DecoderConfig)
