"""The funnel: every stage in turn, over batches, from raw rows to decisions.

A stage writes one file of decisions for each batch of rows, and nothing else depends on anything but those
files. So memory is bounded by the batch (and by an index of some hundred bytes a row while duplicates are
looked for), a killed run resumes at the first file that is missing, and two runs give the same bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from or1.curate import check_code, check_math, duplicates, model_stages
from or1.curate.batches import FindContaminated, IndexTexts, check_answers, check_programs
from or1.curate.config import CurateConfig
from or1.curate.contamination import STAGE as CONTAMINATION
from or1.curate.model_stages import Models
from or1.curate.records import as_table, decisions_table, to_json
from or1.curate.sources import Protected, Read, read_readable
from or1.curate.store import READ, Store
from or1.curate.workers import Work, Workers
from or1.errors import ConfigError
from or1_verify.pool import ProcessVerifierPool

ADAPT = "adapted"
"""Rows that say themselves that they are no problem, or cannot be read as one."""
STAGES = (
    ADAPT, CONTAMINATION, check_math.STAGE, check_code.STAGE, duplicates.EXACT, duplicates.NEAR,
    model_stages.DIFFICULTY, model_stages.QUALITY,
)  # fmt: skip
"""Stages that decide, in their order: a row is counted where it leaves first."""


class CurationProgress(Protocol):
    """Display of the stages."""

    def stage(self, name: str, total: int | None) -> contextlib.AbstractContextManager[Callable[[int], None]]:
        """Show a stage of `total` rows; yields a function to call with the number of rows done since the last
        call."""
        ...


def run(
    config: CurateConfig,
    store: Store,
    files: dict[str, list[Path]],
    protected: Sequence[Protected],
    progress: CurationProgress,
    workers: Workers,
) -> None:
    """Decide about every row of every source, or resume where an earlier run stopped."""
    index_texts(config, store, files, progress, workers)
    decide_contamination(config, store, protected, progress, workers)
    tasks = {
        task
        for part in range(store.num_parts)
        for task in store.read(READ, part)["task"].unique().to_pylist()
    }
    if "math" in tasks:
        _each_batch(check_answers(_before(check_math.STAGE), config.verifiable), store, workers, progress)
    if "code" in tasks:
        _each_batch(check_programs(_before(check_code.STAGE), config.programs), store, workers, progress)
    find_duplicates(config, store, progress)


def index_texts(
    config: CurateConfig,
    store: Store,
    files: dict[str, list[Path]],
    progress: CurationProgress,
    workers: Workers,
) -> None:
    """Read every row and make the index of their texts."""
    _read(config, store, files, progress)
    _each_batch(IndexTexts(_before(CONTAMINATION)), store, workers, progress)


def decide_contamination(
    config: CurateConfig,
    store: Store,
    protected: Sequence[Protected],
    progress: CurationProgress,
    workers: Workers,
) -> None:
    """Decide about the rows that are a benchmark's problems."""
    _each_batch(FindContaminated(tuple(protected), config.contamination), store, workers, progress)


def find_duplicates(config: CurateConfig, store: Store, progress: CurationProgress) -> None:
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


def bad_golds_line(store: Store, most: int = 3) -> str:
    """One line on the mathematical problems whose gold the verifier cannot judge, with the first of them;
    empty where it can judge all."""
    num_bad, shown = 0, list[str]()
    for part in range(store.num_parts):
        bad = {d.row: d for d in store.decisions(check_math.STAGE, part) if d.reason == "bad_gold"}
        num_bad += len(bad)
        if bad and len(shown) < most:
            places = store.read(READ, part).select(["row", "place"]).to_pylist()
            place_of = {each["row"]: each["place"] for each in places}
            shown += [f"{place_of[row]}: {to_json(d.evidence)}" for row, d in bad.items()][
                : most - len(shown)
            ]
    return f"{num_bad:,} golds cannot be judged and leave: {'; '.join(shown)}" if num_bad else ""


def ask(
    config: CurateConfig,
    store: Store,
    models: Models,
    out: Path,
    about: Mapping[str, Any],
    progress: CurationProgress,
) -> list[str]:
    """Have models measure and judge what is left, where the recipe wants it; names of the journals in `out`.

    Args:
        config: the recipe.
        store: the work before.
        models: that answer.
        out: folder of the journals.
        about: settings on which verdicts and the responses of the solver depend, as JSON.
        progress: display.

    Raises:
        ConfigError: the recipe names no model for a stage that it wants.
    """
    last = len(store.part_rows) - 1
    journals = []
    if config.difficulty is not None:
        journals.append(model_stages.DIFFICULTY_JOURNAL)
        if models.solver is None:
            raise ConfigError("difficulty needs a model: set solver.endpoint.url, or solver.model_path")
        if not store.has(model_stages.DIFFICULTY, last):
            with progress.stage(model_stages.DIFFICULTY, None) as advance, _both_pool(config) as pool:
                model_stages.measure(
                    store, config.difficulty, models.solver, pool, _before(model_stages.DIFFICULTY),
                    seed=config.seed, journal=out / journals[-1], about=about,
                    on_progress=lambda *_: advance(1),
                )  # fmt: skip
    if config.quality is not None:
        journals.append(model_stages.QUALITY_JOURNAL)
        if not store.has(model_stages.QUALITY, last):
            with progress.stage(model_stages.QUALITY, None) as advance:
                model_stages.vote(
                    store, config.quality, models.judges, _before(model_stages.QUALITY),
                    seed=config.seed, journal=out / journals[-1], on_progress=lambda *_: advance(1),
                )  # fmt: skip
    return journals


def _both_pool(config: CurateConfig) -> ProcessVerifierPool:
    return ProcessVerifierPool(
        {**check_answers((), config.verifiable).verifiers, **check_programs((), config.programs).verifiers},
        num_workers=config.verifiable.num_workers,
    )


def _before(stage: str) -> tuple[str, ...]:
    return STAGES[: STAGES.index(stage)]


def _read(
    config: CurateConfig, store: Store, files: dict[str, list[Path]], progress: CurationProgress
) -> None:
    if store.is_read:
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
    store.finish_reading(part_rows)


def _all_rows(config: CurateConfig, files: dict[str, list[Path]]) -> Iterator[Read]:
    row = 0
    for source in config.sources:
        for read in read_readable(source, files[source.name], row):
            row += 1
            yield read


def _each_batch(work: Work, store: Store, workers: Workers, progress: CurationProgress) -> None:
    """A stage whose batches do not need each other, on those that have no file yet."""
    sizes = store.part_rows
    missing = [part for part in range(len(sizes)) if not store.has(work.stage, part, work.suffix)]
    if not missing:
        return
    with (
        progress.stage(work.stage, sum(sizes)) as advance,
        contextlib.closing(workers.run(work, store, missing)) as done,
    ):
        advance(sum(sizes) - sum(sizes[part] for part in missing))
        for part in done:
            advance(sizes[part])
