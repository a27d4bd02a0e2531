"""The funnel: every stage in turn, over batches, from raw rows to decisions.

A stage writes one file of decisions for each batch of rows, and nothing else depends on anything but those
files. So memory is bounded by the batch (and by an index of some hundred bytes a row while duplicates are
looked for), a killed run goes on with the first file that is missing, and two runs give the same bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from or1.curate import asked, duplicates, programs, texts, verifiable
from or1.curate.asked import Models
from or1.curate.config import ContaminationConfig, CurateConfig
from or1.curate.contamination import STAGE as CONTAMINATION
from or1.curate.contamination import Benchmarks
from or1.curate.match import Side
from or1.curate.records import Decision, Record, as_table, decisions_table
from or1.curate.sources import Protected, Read, read_source
from or1.curate.store import READ, Store
from or1.curate.text import Tokens
from or1.errors import ConfigError
from or1.protocols import VerifierPool
from or1.verify.code import CodeVerifier
from or1.verify.math import MathVerifier
from or1.verify.pool import ProcessVerifierPool

ADAPT = "adapted"
"""Rows that say themselves that they are no problem, or cannot be read as one."""
STAGES = (
    ADAPT, CONTAMINATION, verifiable.STAGE, programs.STAGE, duplicates.EXACT, duplicates.NEAR,
    asked.DIFFICULTY, asked.QUALITY,
)  # fmt: skip
"""Stages that decide, in their order: a row is counted where it leaves first."""


class Progress(Protocol):
    """Where a person sees how far a stage is."""

    def stage(self, name: str, total: int | None) -> contextlib.AbstractContextManager[Callable[[int], None]]:
        """Show a stage of so many rows; what is given is called with the rows done since the last call."""
        ...


def run(
    config: CurateConfig,
    store: Store,
    files: dict[str, list[Path]],
    protected: Sequence[Protected],
    progress: Progress,
) -> None:
    """Decide about every row of every source, or go on where an earlier run stopped."""
    index_texts(config, store, files, progress)
    decide_contamination(config, store, protected, progress)
    tasks = {
        task
        for part in range(store.num_parts)
        for task in store.read(READ, part)["task"].unique().to_pylist()
    }
    if "math" in tasks:
        math_pool = ProcessVerifierPool({"math": MathVerifier()}, num_workers=config.verifiable.num_workers)
        _with_pool(
            store,
            progress,
            verifiable.STAGE,
            math_pool,
            lambda some, pool: verifiable.decide(some, config.verifiable, pool),
        )
    if "code" in tasks:
        code_pool = ProcessVerifierPool(
            {"code": _code_verifier(config)}, num_workers=config.programs.num_workers
        )
        _with_pool(
            store,
            progress,
            programs.STAGE,
            code_pool,
            lambda some, pool: programs.decide(some, config.programs, pool),
        )
    find_duplicates(config, store, progress)


def index_texts(config: CurateConfig, store: Store, files: dict[str, list[Path]], progress: Progress) -> None:
    """Read every row and make the index of their texts."""
    _read(config, store, files, progress)
    _in_processes(config, store, progress, texts.STAGE, _index_texts, None)


def decide_contamination(
    config: CurateConfig, store: Store, protected: Sequence[Protected], progress: Progress
) -> None:
    """Decide about the rows that are a benchmark's problems."""
    settings = (tuple(protected), config.contamination)
    _in_processes(config, store, progress, CONTAMINATION, _decide_contamination, settings)


def find_duplicates(config: CurateConfig, store: Store, progress: Progress) -> None:
    """Decide about the rows that repeat another that is still there."""
    sizes = store.part_rows
    last = len(sizes) - 1
    if not store.has(duplicates.EXACT, last):
        with progress.stage(duplicates.EXACT, None):
            duplicates.find_exact(store, _before(duplicates.EXACT))
    if not store.has(duplicates.NEAR, last):
        with progress.stage(duplicates.NEAR, sum(sizes)) as advance:
            duplicates.find_near(
                store,
                config.duplicates,
                _before(duplicates.NEAR),
                config.batch_rows,
                lambda part: advance(sizes[part]),
            )


def ask(config: CurateConfig, store: Store, models: Models, out: Path, progress: Progress) -> list[str]:
    """Have models measure and judge what is left, where the recipe wants it; names of the journals in `out`.

    Raises:
        ConfigError: the recipe names no model for a stage that it wants.
    """
    last = len(store.part_rows) - 1
    journals = []
    if config.difficulty is not None:
        journals.append("difficulty.jsonl")
        if models.solver is None:
            raise ConfigError("difficulty needs a model: set solver.endpoint.url, or solver.model_path")
        if not store.has(asked.DIFFICULTY, last):
            with progress.stage(asked.DIFFICULTY, None) as advance, _both_pool(config) as pool:
                asked.measure(
                    store, config.difficulty, models.solver, pool, _before(asked.DIFFICULTY),
                    seed=config.seed, journal=out / journals[-1], told=lambda *_: advance(1),
                )  # fmt: skip
    if config.quality is not None:
        journals.append("quality.jsonl")
        if not store.has(asked.QUALITY, last):
            with progress.stage(asked.QUALITY, None) as advance:
                asked.vote(
                    store, config.quality, models.judges, _before(asked.QUALITY),
                    seed=config.seed, journal=out / journals[-1], told=lambda *_: advance(1),
                )  # fmt: skip
    return journals


def _both_pool(config: CurateConfig) -> ProcessVerifierPool:
    return ProcessVerifierPool(
        {"math": MathVerifier(), "code": _code_verifier(config)}, num_workers=config.verifiable.num_workers
    )


def _code_verifier(config: CurateConfig) -> CodeVerifier:
    return CodeVerifier(
        time_limit_factor=config.programs.time_limit_factor,
        allow_weak_sandbox=config.programs.allow_weak_sandbox,
    )


def _before(stage: str) -> tuple[str, ...]:
    return STAGES[: STAGES.index(stage)]


def _read(config: CurateConfig, store: Store, files: dict[str, list[Path]], progress: Progress) -> None:
    if store.load(f"{READ}/done.json") is not None:
        return
    part_rows: list[int] = []
    with progress.stage("read", None) as advance:
        rows = _all_rows(config, files)
        while batch := list(islice(rows, config.batch_rows)):
            part = len(part_rows)
            if not store.has(ADAPT, part):
                store.write(READ, part, as_table(read.record for read in batch))
                store.write(ADAPT, part, decisions_table(read.decision for read in batch if read.decision))
            part_rows.append(len(batch))
            advance(len(batch))
    store.save(f"{READ}/done.json", {"part_rows": part_rows})


def _all_rows(config: CurateConfig, files: dict[str, list[Path]]) -> Iterator[Read]:
    row = 0
    for source in config.sources:
        for read in read_source(source, files[source.name], row):
            row += 1
            yield read


def _with_pool(
    store: Store,
    progress: Progress,
    stage: str,
    pool: ProcessVerifierPool,
    decide: Callable[[list[Record], VerifierPool], list[Decision]],
) -> None:
    """A stage whose work is done by a verifier pool, batch after batch."""
    sizes = store.part_rows
    missing = [part for part in range(len(sizes)) if not store.has(stage, part)]
    if not missing:
        return
    with progress.stage(stage, sum(sizes)) as advance, pool:
        advance(sum(sizes) - sum(sizes[part] for part in missing))
        for part in missing:
            store.write(stage, part, decisions_table(decide(store.alive(part, _before(stage)), pool)))
            advance(sizes[part])


def _in_processes(
    config: CurateConfig,
    store: Store,
    progress: Progress,
    stage: str,
    work: Callable[[Path, int], None],
    settings: tuple[Sequence[Protected], ContaminationConfig] | None,
) -> None:
    """A stage whose batches do not need each other, in several processes."""
    sizes = store.part_rows
    suffix = "arrow" if stage == texts.STAGE else "parquet"
    missing = [part for part in range(len(sizes)) if not store.has(stage, part, suffix)]
    if not missing:
        return
    with progress.stage(stage, sum(sizes)) as advance:
        advance(sum(sizes) - sum(sizes[part] for part in missing))
        if config.num_workers == 1 or len(missing) == 1:
            _prepare(settings)
            for part in missing:
                work(store.folder, part)
                advance(sizes[part])
            return
        with ProcessPoolExecutor(config.num_workers, get_context("spawn"), _prepare, (settings,)) as workers:
            running = {workers.submit(work, store.folder, part): part for part in missing}
            try:
                for done in as_completed(running):
                    done.result()
                    advance(sizes[running[done]])
            except BaseException:
                workers.shutdown(cancel_futures=True)  # else leaving would finish every batch first
                raise


_benchmarks: Benchmarks | None = None
"""Of this process: building the index of the benchmarks once serves all of its batches."""


def _prepare(settings: tuple[Sequence[Protected], ContaminationConfig] | None) -> None:
    global _benchmarks
    _benchmarks = Benchmarks(*settings) if settings is not None else None


def _index_texts(folder: Path, part: int) -> None:
    store = Store(folder)
    store.write_mapped(texts.STAGE, part, texts.index(store.alive(part, _before(CONTAMINATION))))


def _decide_contamination(folder: Path, part: int) -> None:
    assert _benchmarks is not None, "_prepare has run"
    store = Store(folder)
    store.write(CONTAMINATION, part, decisions_table(_benchmarks.decide(_sides(store, part))))


def _sides(store: Store, part: int) -> Iterator[tuple[int, str, Side]]:
    titles = store.read(READ, part).select(["row", "title"])
    title_of = dict(zip(titles["row"].to_pylist(), titles["title"].to_pylist(), strict=True))
    index: pa.Table = store.read_mapped(texts.STAGE, part)
    for row, words, kinds in zip(
        *(index[name].to_pylist() for name in ("row", "words", "kinds")), strict=True
    ):
        yield row, title_of[row], Side.of(Tokens(tuple(words), kinds))
