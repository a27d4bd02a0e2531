"""A run that starts from a checkpoint of another: weights, optimizer, state and logs up to its step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from or1.assemble.export import checkpoint_of
from or1.config import RunConfig
from or1.errors import CheckpointError, ConfigError, RunFolderError
from or1.setting import changes_between
from or1.storage.atomic import guard_writes, link_or_copy, replacing
from or1.storage.manifest import hash_file
from or1.storage.origin import Origin
from or1.storage.run_folder import (
    CHECKPOINTS,
    CONFIG,
    FINGERPRINTS,
    METRICS,
    MODEL,
    ORIGIN,
    TIMINGS,
    RunFolder,
    is_of_weights,
    model_differences,
    other_weights,
)
from or1.storage.settings import listed
from or1.trainer.checkpoint import MANIFEST, STATE, folder_name, steps_of


def origin_record(origin: Origin, run: RunConfig, model: Mapping[str, Any], out: Path) -> Mapping[str, Any]:
    """`provenance.origin` of a run that starts from a checkpoint.

    Args:
        origin: the checkpoint.
        run: settings of the new run.
        model: record of its start model.
        out: its folder; where that has an origin already, the record of it.

    Raises:
        RunFolderError: `out` is a run that did not start there, or the origin has another model.
        CheckpointError: there is no such checkpoint.
        ConfigError: the settings lack the stage of the checkpoint.
    """
    place = str(origin.run.resolve())
    if (out / CONFIG).is_file():
        found: Mapping[str, Any] = RunFolder.read(out)["provenance"].get(ORIGIN, {"run": None})
        if found["run"] != place or origin.step not in (None, found["step"]):
            raise RunFolderError(f"{out} is a run that did not start from {origin}: give another --out")
        return found
    description = RunFolder.read(origin.run)
    about = description["provenance"]
    checkpoint = checkpoint_of(origin.run, origin.step)
    changes = changes_between(RunConfig.model_validate(description["config"]), run)
    files = model_differences(about[MODEL], model) if MODEL in about else []
    if others := [*other_weights(changes), *filter(is_of_weights, files)]:
        raise RunFolderError(
            f"{origin.run} has another model ({listed(others)}): a run from its checkpoint keeps the model; "
            f"set model.path={description['config']['model']['path']} and the same layers"
        )
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))["state"]
    if state["stage"]["index"] >= len(run.stages):
        raise ConfigError(
            f"step {state['step']} of {origin.run} is in stage {state['stage']['index'] + 1} and the "
            f"settings have {len(run.stages)}: add the stages before it"
        )
    return {
        "run": place,
        "step": state["step"],
        "checkpoint": hash_file(checkpoint / MANIFEST),
        "config_hash": about["config_hash"],
        "data_hash": about["data_hash"],
        "changes": [
            {"setting": change.key, "from": change.old, "to": change.new} for change in (*changes, *files)
        ],
    }


def copy_origin(folder: RunFolder) -> None:
    """Put checkpoint and logs of the origin into the folder of a run that has no checkpoint yet.

    The checkpoint comes last, so a killed copy is made again. Its files are hard links where the file system
    allows it: files of checkpoints are never changed. A restore compares them with their hashes.

    Raises:
        CheckpointError: the checkpoint is gone, or another one has its place.
        RunFolderError: the disk is full or not writable.
    """
    about = folder.description["provenance"]
    if ORIGIN not in about or steps_of(folder.checkpoints):
        return
    origin, step = about[ORIGIN], int(about[ORIGIN]["step"])
    source = Path(origin["run"])
    checkpoint = source / folder.checkpoints.name / folder_name(step)
    if not checkpoint.is_dir() or hash_file(checkpoint / MANIFEST) != origin["checkpoint"]:
        raise CheckpointError(
            f"{folder.path} starts from step {step} of {source}, whose checkpoint is gone: put it back, or "
            "choose another folder with --out"
        )
    with guard_writes(folder.path):
        for name in (METRICS, TIMINGS, FINGERPRINTS):
            with replacing(folder.path / name) as part:
                part.write_bytes(_rows_up_to(source / name, step))
        with replacing(folder.checkpoints / checkpoint.name) as part:
            shutil.copytree(checkpoint, part, copy_function=link_or_copy)


def _rows_up_to(path: Path, step: int) -> bytes:
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    return b"".join(line for line in lines if line.endswith(b"\n") and json.loads(line)["step"] <= step)


def way_back(out: Path, diverged: int) -> str:
    """The command that continues a run whose weights diverged, from its newest checkpoint before that.

    Args:
        out: run folder.
        diverged: first step that sampled from broken weights; the update of the step before broke them.
    """
    whole = [step for step in steps_of(out / CHECKPOINTS) if step < diverged - 1]
    lower = "--set optimizer.learning_rate=VALUE with a lower one than before"
    if not whole:
        return f"there is no checkpoint before; start again with another --out and {lower}"
    checkpoint = out / CHECKPOINTS / folder_name(whole[-1])
    return f"go back to {checkpoint}: or1 train RECIPE --out NEW --from {out}@{whole[-1]} {lower}"
