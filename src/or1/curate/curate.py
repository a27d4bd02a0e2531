"""A curation from its recipe to the finished folder."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict
from pathlib import Path
from typing import Any

import or1
from or1.curate import card, funnel, ledger, manifest, write
from or1.curate.config import CurateConfig
from or1.curate.funnel import Progress
from or1.curate.ledger import Counts
from or1.curate.sources import files_of, read_benchmark, source_files
from or1.curate.store import READ, Store
from or1.errors import DataError, RunFolderError
from or1.tasks.rows import Hub, HuggingFaceHub

WORK = "work"
_PACKAGES = ("math-verify", "pyarrow", "rapidfuzz", "rensa", "xxhash")
"""Packages whose version can change what is kept."""


def curate(config: CurateConfig, out: Path, progress: Progress, hub: Hub | None = None) -> Counts:
    """Make the data set, or go on where the same command was interrupted; a finished one is left as it is.

    Args:
        config: what is wanted.
        out: folder of the data set; its `work` folder goes when all is done.
        progress: told how far each stage is.
        hub: where data sets can be had by name; None = the Hugging Face hub.

    Raises:
        Or1Error: a source or benchmark cannot be read; the folder holds something else.
    """
    hub = hub or HuggingFaceHub()
    files = source_files(config, hub)
    benchmark_files = {b.name: _benchmark_files(b.path, config.data.root, hub) for b in config.benchmarks}
    protected = [p for b in config.benchmarks for p in read_benchmark(b, benchmark_files[b.name])]
    inputs = {
        f"{name}/{file.name}": manifest.hash_file(file)
        for name, many in sorted({**files, **benchmark_files}.items())
        for file in many
    }
    about = {"config": _what_matters(config), "inputs": inputs, "versions": versions()}
    finished = manifest.read(out) if (out / manifest.FILE).is_file() else None
    if finished is not None:
        return _finished(finished, about, out)
    with Store.open(out / WORK, about) as store:
        funnel.run(config, store, files, protected, progress)
        sizes = [int(size) for size in store.load(f"{READ}/done.json")["part_rows"]]
        with progress.stage("write", sum(sizes)) as advance:
            data = write.write(config, store, funnel.STAGES, {}, out, lambda part: advance(sizes[part]))
        counts = ledger.write(store, funnel.STAGES, out)
        card.write(config, counts, out)
        manifest.write(out, [*data, out / ledger.FILE, out / card.CARD], {**about, "counts": asdict(counts)})
        store.remove()
    return counts


def versions() -> dict[str, str]:
    """Of what decides which rows are kept."""
    return {"or1": or1.__version__, **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def _what_matters(config: CurateConfig) -> dict[str, Any]:
    """The configuration without where files lie on this machine, which their hashes stand for, and how fast
    it goes."""
    settings = config.model_dump(mode="json", exclude={"num_workers", "data"})
    return settings


def _finished(found: dict[str, Any], about: dict[str, Any], out: Path) -> Counts:
    changed = sorted(key for key, value in about.items() if found[key] != value)
    if changed:
        raise RunFolderError(
            f"{out} holds another data set ({', '.join(changed)} changed): "
            "give another --out, or remove the folder"
        )
    return Counts(**found["counts"])


def _benchmark_files(path: str, root: str, hub: Hub) -> list[Path]:
    """Of a benchmark on the hub its test part, or the only one it has."""
    try:
        return files_of(path, root, hub, "heldout")
    except DataError:
        return files_of(path, root, hub, "train")
