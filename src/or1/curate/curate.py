"""A curation from its recipe to the finished folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from or1.curate import card, funnel, ledger, report, write
from or1.curate.config import CurateConfig
from or1.curate.funnel import CurationProgress
from or1.curate.ledger import Counts
from or1.curate.model_stages import DIFFICULTY_JOURNAL, QUALITY_JOURNAL, Models
from or1.curate.sources import files_of, read_benchmark, source_files
from or1.curate.store import Store
from or1.curate.workers import PACKAGES, ProcessWorkers, Workers, versions
from or1.errors import DataError, RunFolderError
from or1.storage.atomic import guard_writes
from or1.storage.manifest import PROBLEMS, Manifest, checked_manifest, hash_file, is_data_set, write_manifest
from or1.storage.settings import require_same
from or1.tasks.hub import Hub, HuggingFaceHub

_log = logging.getLogger(__name__)
WORK = ".work"
_SERVER_SETTINGS = {
    "url", "api_key_variable", "max_concurrency", "connect_limit_s", "answer_limit_s", "max_tries",
    "first_pause_s", "longest_pause_s", "longest_asked_pause_s", "max_failures_in_a_row",
}  # fmt: skip
_NEVER_THE_RESULT: dict[str, Any] = {
    "num_workers": True,
    "engine": True,
    "ray_address": True,
    "data": True,
    "verifiable": {"num_workers"},
    "programs": {"num_workers"},
    "solver": {"endpoint": _SERVER_SETTINGS},
    "quality": {"judges": {"__all__": _SERVER_SETTINGS}},
}
"""Settings of place and speed of the work: a curation may be resumed with other values."""
_STAYS = {DIFFICULTY_JOURNAL, QUALITY_JOURNAL}
"""Files that may be in a folder before the work begins: answers of models, which are used again."""


def curate(
    config: CurateConfig,
    out: Path,
    progress: CurationProgress,
    models: Models | None = None,
    hub: Hub | None = None,
    store: type[Store] = Store,
    workers: Workers | None = None,
) -> Counts:
    """Make the data set, or resume where the same command was interrupted; a finished one stays as it is.

    Args:
        config: the recipe.
        out: folder of the data set.
        progress: display of the stages.
        models: generators for the stages that need a model.
        hub: source of data sets by name; None = the Hugging Face hub.
        store: class of the work folder.
        workers: run the batches; None = `config.num_workers` processes of this machine.

    Raises:
        Or1Error: a source or benchmark cannot be read; the folder holds something else, or cannot be written.
    """
    hub = hub or HuggingFaceHub()
    with guard_writes(out):
        return _curate(config, out, progress, models or Models(), hub, store, workers)


def _curate(
    config: CurateConfig,
    out: Path,
    progress: CurationProgress,
    models: Models,
    hub: Hub,
    store: type[Store],
    workers: Workers | None,
) -> Counts:
    files = source_files(config, hub)
    guards = {b.name: files_of(b.path, config.data.root, hub, "heldout") for b in config.benchmarks}
    inputs = {
        f"{name}/{file.name}": file for name, many in sorted({**files, **guards}.items()) for file in many
    }
    settings = settings_of(config)
    if is_data_set(out):
        return _finished(checked_manifest(out), settings, inputs, out)
    _check_free(out)
    protected = [p for b in config.benchmarks for p in read_benchmark(b, guards[b.name])]
    about = {
        "config": settings,
        "inputs": _hashes(inputs),
        "versions": versions(),
    }
    with store.open(out / WORK, about) as work:
        funnel.run(config, work, files, protected, progress, workers or ProcessWorkers(config.num_workers))
        if line := funnel.bad_golds_line(work):
            _log.warning("%s", line)
        solved_by = {
            "solver": settings["solver"],
            "policy": settings["verifiable"]["policy"],
            "time_limit_factor": config.programs.time_limit_factor,
        }
        journals = funnel.ask(config, work, models, out, solved_by, progress)
        sizes = work.part_rows
        with progress.stage("write", sum(sizes)) as advance:
            data = write.write(config, work, funnel.STAGES, out, lambda part: advance(sizes[part]))
        counts = ledger.write(work, funnel.STAGES, out)
        report.write(out / ledger.FILE, protected, out)
        card.write(config, counts, out)
        outputs = {path.relative_to(out).as_posix(): PROBLEMS for path in data}
        outputs |= {
            ledger.FILE: "ledger",
            card.CARD: "card",
            report.FILE: "contamination",
            **dict.fromkeys(journals, "journal"),
        }
        write_manifest(
            out,
            name=config.name,
            config=settings,
            counts=asdict(counts),
            inputs=inputs,
            outputs=outputs,
            packages=PACKAGES,
        )
        work.remove()
    return counts


def settings_of(config: CurateConfig) -> dict[str, Any]:
    """All settings that the result depends on."""
    return config.model_dump(mode="json", exclude=_NEVER_THE_RESULT)


def counts_of(manifest: Manifest) -> Counts:
    """The counts that a manifest holds."""
    return Counts(**manifest.counts)


def _finished(found: Manifest, settings: dict[str, Any], inputs: dict[str, Path], out: Path) -> Counts:
    remedy = "choose another folder with --out, or remove the folder"
    begin = f"{out} holds a data set, and"
    require_same(found.config, settings, holder=f"{begin} the recipe changed since", remedy=remedy)
    hashes = {file.path: file.sha256 for file in found.inputs}
    require_same(hashes, _hashes(inputs), holder=f"{begin} a source changed since", remedy=remedy)
    shutil.rmtree(out / WORK, ignore_errors=True)  # of a run that was killed when all was done
    return counts_of(found)


def _check_free(out: Path) -> None:
    """Only a new folder, or the work of a curation: what else lies there might be overwritten."""
    if (out / WORK).is_dir() or not out.is_dir():
        return
    others = sorted(p.name for p in out.iterdir() if p.name not in _STAYS and not p.name.startswith("."))
    if others:
        raise RunFolderError(
            f"{out} holds {others[0]}, which no curation wrote: give another --out, or an empty folder"
        )


def _hashes(files: Mapping[str, Path]) -> dict[str, str]:
    try:
        return {name: hash_file(file) for name, file in files.items()}
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read ({error.strerror}): fix its permissions, or name another file"
        ) from error
