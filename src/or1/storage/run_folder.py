"""The folder of a training run.

RUN/config.json         "config": all settings; "provenance": version, commit, hashes, packages, and the
                        settings that a resume changed, each with its step
RUN/metrics.jsonl       one row per step, one row per evaluation; nothing read from a clock
RUN/timings.jsonl       seconds, throughputs, memory of the same steps
RUN/fingerprints.jsonl  hashes of the inputs and outputs of each step
RUN/rollouts/           step_000012.parquet: one row per rollout
RUN/checkpoints/        step_000020/: whole states
RUN/tensorboard/        a view of the rows
RUN/summary.json        made from the files above
RUN/status.json         work of the processes at this moment; deleted when the run ends (`or1 top`)
RUN/start_model/        configuration, tokenizer and chat template of the start model
RUN/lock                held while a run has the folder open; names its process
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from or1.config import RunConfig
from or1.errors import RunFolderError
from or1.setting import NOT_SET, Change, OnResume, changes_between
from or1.storage.atomic import guard_writes
from or1.storage.folder import Folder, FolderLock
from or1.storage.format import require_format, writer
from or1.storage.settings import differing_keys, listed
from or1.types import RunState

logger = logging.getLogger(__name__)

CONFIG = "config.json"
METRICS, TIMINGS, FINGERPRINTS = "metrics.jsonl", "timings.jsonl", "fingerprints.jsonl"
ROLLOUTS, CHECKPOINTS, TENSORBOARD = "rollouts", "checkpoints", "tensorboard"
SUMMARY, STATUS = "summary.json", "status.json"
START_MODEL = "start_model"

FREE_FLOOR_BYTES = 64 << 20
"""Least free disk space to start with, before any checkpoint says how large one is [bytes]."""
FREE_FACTOR = 1.1
"""Free space required, in sizes of the last checkpoint [dimensionless]."""

_SAME_WEIGHTS = ("model.path", "model.dtype", "model.chat.")
"""Settings of the model that fit any checkpoint."""
MODEL = "model"
"""Key of the start model in the provenance."""
ORIGIN = "origin"
"""Key of the checkpoint of another run from which a run starts, in the provenance."""
COMPARED_ELSEWHERE = {"config_hash", "data_hash", "changes", MODEL, ORIGIN}

_STEP = re.compile(rb'\{"step": (\d+)[,}]')
"""Begin of a row of metrics."""


class RunFolder(Folder):
    """An open run folder, made by `RunFolder.open`."""

    FILE = CONFIG
    KIND = "a run folder"
    BEFORE = ("reward-*.py", "__pycache__")  # a reward function of a notebook

    def __init__(self, path: Path, lock: FolderLock, description: dict[str, Any]) -> None:
        super().__init__(path, lock, description)
        self._resumed = description
        self._changes: Sequence[Change] = ()

    @classmethod
    def open(
        cls,
        path: Path,
        description: Mapping[str, Any],
        *,
        accept_changes: bool = False,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> RunFolder:
        """Create or reopen the folder, lock it, and check that it belongs to this run and has room.

        Args:
            path: the folder; parents are made.
            description: as `or1.storage.provenance.describe` makes it: `config` and `provenance`, both JSON.
            accept_changes: resume with other settings of the class SCIENCE too (see `OnResume`).
            free_bytes: free space at a path [bytes]; None asks the file system.

        Raises:
            RunFolderError: in use, of another configuration or other data, not writable, or nearly full.
        """
        wanted = json.loads(json.dumps(description))
        changes: list[Change] = []

        def describe(found: dict[str, Any] | None) -> Mapping[str, Any]:
            with guard_writes(path):
                for name in (ROLLOUTS, CHECKPOINTS):
                    (path / name).mkdir(exist_ok=True)
            require_free(path, last_checkpoint_bytes(path / CHECKPOINTS), free_bytes)
            if found is None:
                return description
            changes.extend(_accepted_changes(path, found, wanted, accept_changes))
            _warn_of_versions(path, found, wanted)
            first_step = found["provenance"].get(ORIGIN, {"step": 0})["step"]
            _refuse_lost_checkpoints(path, found["config"]["checkpoint"]["every"], first_step)
            return found

        folder = cls.hold(path, describe)
        folder._resumed, folder._changes = wanted, changes
        return folder

    def on_restore(self, state: RunState) -> None:
        """Record the settings that change, with the step after which they do: that of the restored state.

        Raises:
            RunFolderError: the settings lack the stage of the state.
        """
        config, num_stages = self._resumed["config"], len(self._resumed["config"]["stages"])
        if state.stage.index >= num_stages:
            raise RunFolderError(
                f"the checkpoint of step {state.step} is in stage {state.stage.index + 1} and the settings "
                f"have {num_stages}: repeat the stages that it has begun, and change only what follows"
            )
        provenance = dict(self.description["provenance"])
        if MODEL in self._resumed["provenance"]:
            provenance |= {MODEL: self._resumed["provenance"][MODEL]}  # the same files, perhaps elsewhere
        earlier = [c | {"step": min(c["step"], state.step)} for c in recorded_changes(provenance)]
        recorded = [change for change in self._changes if change.on_resume is not OnResume.FREE]
        rows = [
            {"step": state.step, "setting": c.key, "from": c.old, "to": c.new, "class": c.on_resume}
            for c in recorded
        ]
        if earlier or rows:
            provenance |= {"changes": [*earlier, *rows]}
        if self._changes:
            provenance |= {"config_hash": self._resumed["provenance"]["config_hash"]}
        description = json.loads(json.dumps({"config": config, "provenance": provenance}))
        if description != self.description:
            self.write(self.path, description)
        self.description, self._changes = description, ()
        _say(state.step, recorded)

    @classmethod
    def check(cls, found: dict[str, Any]) -> None:
        if not (isinstance(found["config"], dict) and isinstance(found["provenance"]["data_hash"], str)):
            raise ValueError("config or provenance has the wrong type")

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS


def run_folder_of(recipe: str | Path) -> Path | None:
    """The run folder that a path names, itself or by its config.json: it is resumed."""
    folder = Path(recipe).parent if Path(recipe).name == CONFIG else Path(recipe)
    return folder if (folder / CONFIG).is_file() and (folder / CHECKPOINTS).is_dir() else None


def stored_settings(path: Path, found: Mapping[str, Any]) -> RunConfig:
    """The settings in a config.json.

    Raises:
        RunFolderError: another version of or1 wrote it: its format or its settings differ.
    """
    another = "choose another folder with --out"
    require_format(path, found, RunFolder.VERSION, remedy=another, error=RunFolderError)
    try:
        return RunConfig.model_validate(found["config"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the settings"
        raise RunFolderError(
            f"{path} holds settings of another version of or1 ({key}: {first['msg']}): use "
            f"{writer(found)}, or {another}"
        ) from None


def recorded_changes(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings that resumes have changed: `step`, `setting`, `from`, `to`, `class`."""
    return list(provenance["changes"]) if "changes" in provenance else []


def _accepted_changes(
    path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any], accept_changes: bool
) -> Sequence[Change]:
    """The settings that differ; refuse those that may not."""
    before = stored_settings(path / CONFIG, found)
    changes = changes_between(before, RunConfig.model_validate(wanted["config"]))
    hashes = [each["provenance"]["data_hash"] for each in (found, wanted)]
    refused = [change for change in changes if change.on_resume is OnResume.NEVER]
    if hashes[0] != hashes[1]:
        refused.append(Change(key="data_hash", old=hashes[0], new=hashes[1]))
    if refused:
        raise RunFolderError(
            f"{path} belongs to a run with other settings or other data ({listed(refused)}), which never "
            f"change in a run: resume it as it is with or1 train {path}, or {_start_another(path, refused)}"
        )
    _require_same_model(path, found, wanted)
    science = [change for change in changes if change.on_resume is OnResume.SCIENCE]
    if science and not accept_changes:
        raise RunFolderError(
            f"{path} belongs to a run with other settings ({listed(science)}): add --accept-changes to "
            f"resume it with these, or resume it as it is with or1 train {path}"
        )
    return changes


def _start_another(path: Path, refused: Sequence[Change]) -> str:
    """The remedy for changes that a run cannot take: another run, from its checkpoint if that can be."""
    if other_weights(refused):
        return "choose another folder with --out"
    return f"start another run from its checkpoint: add --from {path} and another --out"


def other_weights(changes: Sequence[Change]) -> list[Change]:
    """Settings under which a checkpoint holds other tensors."""
    return [
        change
        for change in changes
        if change.key.startswith("model.") and not change.key.startswith(_SAME_WEIGHTS)
    ]


def is_of_weights(change: Change) -> bool:
    """Is a difference of `model_differences` one of weights or architecture, and not of the tokenizer?"""
    return change.key.endswith((".safetensors", ".safetensors.index.json", " config.json"))


def model_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Sequence[Change]:
    """Files that differ between two start models, each given as `provenance.model` of a run."""
    hashes = [
        {f"sha256 of {name}": facts["sha256"][:12] for name, facts in model["files"].items()}
        for model in (found, wanted)
    ]
    return [
        Change(key=key, old=hashes[0].get(key, NOT_SET), new=hashes[1].get(key, NOT_SET))
        for key in differing_keys(*hashes)
    ]


def _require_same_model(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    sides = [each["provenance"] for each in (found, wanted)]
    if not all(MODEL in side for side in sides):
        return
    old, new = (side[MODEL] for side in sides)
    if changes := model_differences(old, new):
        name, revision = found["config"]["model"]["path"].partition("@")[0], old["revision"]
        remedy = f"resume with --set model.path={name}@{revision}" if revision else "put its files back"
        another = "choose another folder with --out"
        if not any(map(is_of_weights, changes)):
            another = _start_another(path, ())
        raise RunFolderError(
            f"{new['folder']} is not the start model of {path} ({listed(changes)}): {remedy}, or {another}"
        )


def _say(step: int, changes: Sequence[Change]) -> None:
    """One line for each class of settings that change."""
    for on_resume, effect in (
        (OnResume.MACHINE, "results may differ in the last bits from those of a run without the change"),
        (OnResume.SCIENCE, "recorded in config.json"),
    ):
        if some := [change.arrow for change in changes if change.on_resume is on_resume]:
            logger.warning("changed from step %d on: %s; %s", step + 1, ", ".join(some), effect)


def _warn_of_versions(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    sides = [
        {key: value for key, value in each["provenance"].items() if key not in COMPARED_ELSEWHERE}
        for each in (found, wanted)
    ]
    changed = differing_keys(*sides)
    if changed:
        logger.warning("%s was started with another %s: numbers may differ", path, ", ".join(changed))


def _refuse_lost_checkpoints(path: Path, every: int | None, first_step: int) -> None:
    """A run that starts again from its first step empties its files: not where it once had a checkpoint."""
    if every is None or any((path / CHECKPOINTS).glob("step_*")):
        return
    rows = (path / METRICS).read_bytes().splitlines() if (path / METRICS).is_file() else []
    last = next((int(found[1]) for row in reversed(rows) if (found := _STEP.match(row))), 0)
    if last > first_step + every:
        raise RunFolderError(
            f"{path} has metrics up to step {last} and no checkpoint: put its checkpoints back, choose "
            "another folder with --out, or delete this one"
        )


def last_checkpoint_bytes(checkpoints: Path) -> int:
    """Size of the newest checkpoint [bytes]; 0 when there is none."""
    steps = sorted(p for p in checkpoints.glob("step_*") if p.is_dir())
    return sum(f.stat().st_size for f in steps[-1].rglob("*") if f.is_file()) if steps else 0


def require_free(path: Path, checkpoint_bytes: int, free_bytes: Callable[[Path], int] | None = None) -> None:
    """Refuse to continue where the next checkpoint would not fit.

    Raises:
        RunFolderError: less free than 1.1 x the last checkpoint, or than the floor of 64 MiB.
    """
    needed = max(FREE_FLOOR_BYTES, int(FREE_FACTOR * checkpoint_bytes))
    with guard_writes(path):
        free = free_bytes(path) if free_bytes else shutil.disk_usage(path).free
    if free < needed:
        raise RunFolderError(
            f"disk nearly full: {path} has {free / 1e6:,.0f} MB free and needs {needed / 1e6:,.0f} MB "
            "for the next checkpoint: make room or choose another folder with --out"
        )
