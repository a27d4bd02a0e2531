"""A curation from its recipe to the finished folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from or1.curate import card, funnel, ledger, write
from or1.curate.asked import Models
from or1.curate.config import CurateConfig
from or1.curate.funnel import Progress
from or1.curate.ledger import Counts
from or1.curate.sources import files_of, read_benchmark, source_files
from or1.curate.store import Store
from or1.curate.workers import PACKAGES, ProcessWorkers, Workers, versions
from or1.errors import DataError, RunFolderError
from or1.tasks.rows import Hub, HuggingFaceHub
from or1.tracking.manifest import PROBLEMS, Manifest, checked_manifest, hash_file, is_data_set, write_manifest

WORK = ".work"
_NEVER_THE_RESULT = {"num_workers", "engine", "ray_address", "data"}
"""Settings that say where the work is done: another choice may go on with it."""


def curate(
    config: CurateConfig,
    out: Path,
    progress: Progress,
    models: Models | None = None,
    hub: Hub | None = None,
    store: type[Store] = Store,
    workers: Workers | None = None,
) -> Counts:
    """Make the data set, or go on where the same command was interrupted; a finished one is left as it is.

    Args:
        config: what is wanted.
        out: folder of the data set.
        progress: told how far each stage is.
        models: whom the stages ask that need a model.
        hub: where data sets can be had by name; None = the Hugging Face hub.
        store: holds what is done so far.
        workers: who works on the batches; None = `config.num_workers` processes of this machine.

    Raises:
        Or1Error: a source or benchmark cannot be read; the folder holds something else.
    """
    hub = hub or HuggingFaceHub()
    files = source_files(config, hub)
    guards = {b.name: _benchmark_files(b.path, config.data.root, hub) for b in config.benchmarks}
    inputs = {
        f"{name}/{file.name}": file for name, many in sorted({**files, **guards}.items()) for file in many
    }
    settings = config.model_dump(mode="json", exclude=_NEVER_THE_RESULT)
    if is_data_set(out):
        return _finished(checked_manifest(out), settings, inputs, out)
    protected = [p for b in config.benchmarks for p in read_benchmark(b, guards[b.name])]
    about = {
        "config": settings,
        "inputs": {name: hash_file(file) for name, file in inputs.items()},
        "versions": versions(),
    }
    with store.open(out / WORK, about) as work:
        funnel.run(config, work, files, protected, progress, workers or ProcessWorkers(config.num_workers))
        journals = funnel.ask(config, work, models or Models(), out, progress)
        sizes = work.part_rows
        with progress.stage("write", sum(sizes)) as advance:
            data = write.write(config, work, funnel.STAGES, out, lambda part: advance(sizes[part]))
        counts = ledger.write(work, funnel.STAGES, out)
        card.write(config, counts, out)
        outputs = {path.relative_to(out).as_posix(): PROBLEMS for path in data}
        outputs |= {ledger.FILE: "ledger", card.CARD: "card", **dict.fromkeys(journals, "journal")}
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


def counts_of(manifest: Manifest) -> Counts:
    """The counts that a manifest holds."""
    return Counts(**manifest.counts)


def _finished(found: Manifest, settings: dict[str, Any], inputs: dict[str, Path], out: Path) -> Counts:
    same_inputs = {file.path: file.sha256 for file in found.inputs} == {
        name: hash_file(file) for name, file in inputs.items()
    }
    if found.config != settings or not same_inputs:
        changed = "the recipe" if found.config != settings else "a source"
        raise RunFolderError(
            f"{out} holds a data set, and {changed} changed since: give another --out, or remove the folder"
        )
    return counts_of(found)


def _benchmark_files(path: str, root: str, hub: Hub) -> list[Path]:
    """Of a benchmark on the hub its test part, or the only one it has."""
    try:
        return files_of(path, root, hub, "heldout")
    except DataError:
        return files_of(path, root, hub, "train")
