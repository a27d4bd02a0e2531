"""Checkpoints that a crash at any moment cannot spoil.

    RUN/checkpoints/step_000020/
        trainer/...      files of the TrainerBackend
        collector/...    files of the collector, if it has any
        state.json       RunState and the lengths of the logs
        manifest.json    size and sha256 of every file above; written last

A checkpoint is written under another name, flushed to the disk, and renamed: under its own name it is always
whole. A resume takes the newest one whose hashes are correct; there is no pointer file that could disagree.
Nothing here is pickled.

Not covered: a disk that changes bytes after the hash was computed from a cache in memory; two runs in one
folder, which the lock of the run folder refuses.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import re
import shutil
from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from or1.errors import CheckpointError
from or1.nn.published import safetensor_errors
from or1.protocols import SavesBeside, SavesCollector, Tracker, TrainerBackend
from or1.storage.atomic import guard_writes, recover, replacing
from or1.storage.format import require_format
from or1.storage.manifest import hash_file
from or1.storage.run_folder import last_checkpoint_bytes, require_free
from or1.types import RunState

logger = logging.getLogger(__name__)

FORMAT = 1
"""Version of the layout above; another one is refused."""
MANIFEST, STATE, TRAINER, COLLECTOR = "manifest.json", "state.json", "trainer", "collector"

_STATE = TypeAdapter(RunState)
_FOLDER = re.compile(r"step_\d{6,}")


class DamagedCheckpointError(CheckpointError):
    """One checkpoint differs from its manifest; an older one may be whole."""


def state_to_json(state: RunState) -> dict[str, Any]:
    """RunState as strict JSON: sets sorted, numbers that are not finite as text."""
    plain = asdict(state)
    plain["solved"] = sorted(state.solved)
    plain["pass_rates"] = dict(state.pass_rates)
    return dict(_strict(plain))


def _strict(value: Any) -> Any:
    """Strict JSON has no nan, no infinity and no tuple."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {k: _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    return value


def state_from_json(content: Mapping[str, Any]) -> RunState:
    """The inverse of `state_to_json`.

    Raises:
        ValueError: a field is missing, unknown, or of another type. Nothing takes its default silently.
    """
    state = _STATE.validate_python(dict(content))
    if state_to_json(state) != content:
        raise ValueError("fields are missing, unknown or of another type")
    return state


def folder_name(step: int) -> str:
    """
    >>> folder_name(20)
    'step_000020'
    """
    return f"step_{step:06d}"


def step_of(checkpoint: Path) -> int:
    """
    >>> step_of(Path("run/checkpoints/step_000020"))
    20
    """
    return int(checkpoint.name.removeprefix("step_"))


def steps_of(checkpoints: Path) -> list[int]:
    """The steps of the folders below `checkpoints` that are named as checkpoints, in order; whole or not."""
    named = (path for path in checkpoints.glob("step_*") if _FOLDER.fullmatch(path.name) and path.is_dir())
    return sorted(map(step_of, named))


def trainer_folder(checkpoint: Path) -> Path:
    """Where in a checkpoint the trainer's files are."""
    return checkpoint / TRAINER


def newest_whole(checkpoints: Path) -> Path | None:
    """The newest checkpoint below `checkpoints` whose files match its manifest; None when there is none.

    Raises:
        CheckpointError: none of them is whole, or the newest has another format.
    """
    found = _newest_first(checkpoints)
    for path in found:
        try:
            verify(path)
        except DamagedCheckpointError as damage:
            logger.warning("damaged checkpoint skipped: %s", damage)
            continue
        return path
    if found:
        names = ", ".join(p.name for p in found)
        raise CheckpointError(
            f"no checkpoint in {checkpoints} is whole ({names}): restore one from a copy, "
            "or delete these folders to start from the beginning"
        )
    return None


def _newest_first(checkpoints: Path) -> list[Path]:
    return [checkpoints / folder_name(step) for step in reversed(steps_of(checkpoints))]


def verify(checkpoint: Path) -> None:
    """Compare every file with the manifest.

    Raises:
        DamagedCheckpointError: a file is missing, shorter, longer or different; the message names it.
        CheckpointError: the checkpoint was written in another format.
    """
    manifest = _read_manifest(checkpoint)
    files: dict[str, dict[str, Any]] = manifest["files"]
    for name, entry in files.items():
        path = checkpoint / name
        if not path.is_file():
            raise DamagedCheckpointError(f"{path} is missing")
        if path.stat().st_size != entry["bytes"]:
            raise DamagedCheckpointError(
                f"{path} has {path.stat().st_size} bytes instead of {entry['bytes']}"
            )
    found = _hash_files(checkpoint, list(files))
    for name, entry in files.items():
        if found[name] != entry["sha256"]:
            raise DamagedCheckpointError(f"{checkpoint / name} does not have the content that was written")


def _read_manifest(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / MANIFEST
    try:
        raw = path.read_bytes()
        manifest = dict(json.loads(raw))
        remedy = "choose another folder with --out (config.json names the version)"
        require_format(checkpoint, manifest, FORMAT, remedy=remedy, error=CheckpointError)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpointError(f"{path} cannot be read ({error})") from error
    # The manifest holds its own hash in canonical form, so any changed byte of it is detected.
    if _manifest_bytes({k: v for k, v in manifest.items() if k != "sha256"}) != raw:
        raise DamagedCheckpointError(f"{path} does not have the content that was written")
    return dict(manifest)


def _manifest_bytes(content: Mapping[str, Any]) -> bytes:
    body = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return json.dumps({**content, "sha256": digest}, sort_keys=True, indent=1).encode() + b"\n"


def _hash_files(checkpoint: Path, names: list[str]) -> dict[str, str]:
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: hash_file(checkpoint / name), names), strict=True))


class FolderCheckpoints:
    """The protocol `Checkpoints` over the `checkpoints/` of a run folder, which must be open (locked)."""

    def __init__(
        self,
        folder: Path,
        tracker: Tracker,
        *,
        keep: int,
        collector: SavesCollector | None = None,
        problems: Set[str] | None = None,
        on_restore: Callable[[RunState], None] = lambda state: None,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> None:
        """
        Args:
            folder: `checkpoints/` of the run.
            tracker: its log lengths are stored on saving; its logs are cut to them on restoring.
            keep: number of whole checkpoints kept, the newest.
            collector: one whose next step needs more than state and weights.
            problems: ids of the training data: what a run on other data knew of others is left out of a state
                that is restored. None = nothing is left out.
            on_restore: called with the state that is restored, before the logs are cut to it; may refuse it.
            free_bytes: free space at a path [bytes]; None asks the file system.
        """
        self._folder = folder
        self._tracker = tracker
        self._keep = keep
        self._collector = collector
        self._problems = problems
        self._on_restore = on_restore
        self._free_bytes = free_bytes
        self._saving: Future[None] | None = None
        self._whole: set[Path] = set()
        """Checkpoints that this process has written or verified."""
        with guard_writes(folder):
            folder.mkdir(parents=True, exist_ok=True)
            recover(folder)
            self._last_bytes = last_checkpoint_bytes(folder)

    def restore(self, trainer: TrainerBackend) -> RunState | None:
        """Load the newest whole checkpoint and cut the logs to it; without any, empty the logs.

        Raises:
            CheckpointError: none of the checkpoints is whole, or the newest has another format.
        """
        path = newest_whole(self._folder)
        if path is None:
            self._tracker.cut(dict.fromkeys(self._tracker.offsets(), 0), 0)
            self._on_restore(RunState())
            return None
        content = json.loads((path / STATE).read_text())
        try:
            state = state_from_json(content["state"])
        except ValueError as error:
            raise CheckpointError(
                f"{path / STATE} was not written by this version of or1: {error}"
            ) from error
        if (known := self._problems) is not None:
            rates = {problem: rate for problem, rate in state.pass_rates.items() if problem in known}
            state = replace(state, solved=state.solved & known, pass_rates=rates)
        trainer.load(path / TRAINER)
        if self._collector is not None and (path / COLLECTOR).is_dir():
            self._collector.restore(path / COLLECTOR)
        self._on_restore(state)
        self._tracker.cut(content["log_offsets"], state.step)
        self._whole.add(path)
        return state

    def save(self, state: RunState, trainer: TrainerBackend) -> None:
        """Write the checkpoint of `state.step`, then delete the oldest ones. The weights must be finite.

        A trainer that saves beside the training only copies its state; the rest is done in a thread, which
        has finished before the next save begins.

        Raises:
            RunFolderError: the disk is full or not writable; every earlier checkpoint is untouched. It may be
                the error of the previous save.
        """
        self.close()
        require_free(self._folder, self._last_bytes, self._free_bytes)
        path = self._folder / folder_name(state.step)
        content = {"state": state_to_json(state), "log_offsets": dict(self._tracker.offsets())}
        with contextlib.ExitStack() as stack:
            stack.enter_context(guard_writes(self._folder))
            stack.enter_context(safetensor_errors())
            part = stack.enter_context(replacing(path))
            (part / TRAINER).mkdir(parents=True)
            if self._collector is not None:
                (part / COLLECTOR).mkdir()
                self._collector.save(part / COLLECTOR)
            if isinstance(trainer, SavesBeside):
                wait = trainer.begin_save(part / TRAINER)
                args = stack.pop_all(), part, path, content, wait
                self._saving = ThreadPoolExecutor(1).submit(self._complete, *args)
                return
            trainer.save(part / TRAINER)
            self._complete(stack.pop_all(), part, path, content, lambda: None)

    def close(self) -> None:
        """Wait for the checkpoint that is being written, if there is one; raises its error."""
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.result()

    def _complete(
        self,
        replaced: contextlib.ExitStack,
        part: Path,
        path: Path,
        content: Mapping[str, Any],
        wait: Callable[[], None],
    ) -> None:
        """Wait for the trainer's files, write the others, and rename."""
        with replaced:
            wait()
            self._write(part, content)
        self._whole.add(path)
        with guard_writes(self._folder):
            self._prune()

    def _write(self, part: Path, content: Mapping[str, Any]) -> None:
        (part / STATE).write_text(json.dumps(content, allow_nan=False))
        names = sorted(str(p.relative_to(part)) for p in part.rglob("*") if p.is_file())
        hashes = _hash_files(part, names)
        sizes = {n: (part / n).stat().st_size for n in names}
        files = {n: {"bytes": sizes[n], "sha256": hashes[n]} for n in names}
        self._last_bytes = sum(sizes.values())
        manifest = {"format": FORMAT, "step": content["state"]["step"], "files": files}
        (part / MANIFEST).write_bytes(_manifest_bytes(manifest))

    def _prune(self) -> None:
        """Delete all checkpoints older than the `keep` newest whole ones."""
        num_whole = 0
        for path in _newest_first(self._folder):
            if num_whole >= self._keep:
                shutil.rmtree(path)
                self._whole.discard(path)
            elif self._is_whole(path):
                num_whole += 1

    def _is_whole(self, path: Path) -> bool:
        if path not in self._whole:
            try:
                verify(path)
            except CheckpointError:
                return False
            self._whole.add(path)
        return True
