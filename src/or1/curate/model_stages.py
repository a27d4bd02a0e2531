"""Stages that use models: how hard each problem is for one, and whether others find it well put.

The generators are arguments; their responses are kept in journals, so that none is sampled twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from or1.curate import difficulty, quality
from or1.curate.records import Decision, Record, decisions_table
from or1.curate.sampling_rounds import OnProgress
from or1.curate.sequential import Fit
from or1.curate.settings import DifficultyConfig, QualityConfig
from or1.curate.store import Store
from or1.protocols import Generator, VerifierPool
from or1.types import Problem

DIFFICULTY = "difficulty"
QUALITY = "quality"
DIFFICULTY_JOURNAL = f"{DIFFICULTY}.jsonl"
QUALITY_JOURNAL = f"{QUALITY}.jsonl"
NOTE = "measured"
"""Note of a problem that stays with its difficulty."""


@dataclass(frozen=True, slots=True)
class Models:
    """Generators for the stages that need a model."""

    solver: Generator | None = None
    """The model that is to be trained."""
    judges: Mapping[str, Generator] = field(default_factory=dict)
    """Name -> model that votes."""


def measure(
    store: Store,
    settings: DifficultyConfig,
    solver: Generator,
    pool: VerifierPool,
    earlier: tuple[str, ...],
    *,
    seed: int,
    journal: Path,
    about: Mapping[str, Any],
    on_progress: OnProgress,
) -> None:
    """Decide which problems are neither too hard nor too easy, and note what was measured."""
    records, problems = _alive(store, earlier)
    found = difficulty.measure(
        solver, pool, problems, settings, seed=seed, path=journal, about=about, on_progress=on_progress
    )
    measured = {each.problem_id: each for each in found}

    def decide(record: Record) -> Decision:
        about = measured[record.problem.id]
        evidence = {"model": settings.model, **_shown(asdict(about)), "fit": about.reason}
        stays = about.fit is Fit.FITS
        return Decision(
            row=record.row,
            reason="" if stays else about.reason,
            evidence={"note": NOTE, **evidence} if stays else evidence,
        )

    _write(store, DIFFICULTY, records, decide)


def vote(
    store: Store,
    settings: QualityConfig,
    judges: Mapping[str, Generator],
    earlier: tuple[str, ...],
    *,
    seed: int,
    journal: Path,
    on_progress: OnProgress,
) -> None:
    """Decide which problems are well put, by the votes of models."""
    records, problems = _alive(store, earlier)
    found = quality.judge(judges, problems, settings, seed=seed, path=journal, on_progress=on_progress)
    voted = {each.problem_id: each for each in found}

    def decide(record: Record) -> Decision:
        about = voted[record.problem.id]
        return Decision(
            row=record.row,
            reason="" if about.is_kept else about.reason,
            evidence=_shown(asdict(about)),
        )

    _write(store, QUALITY, [r for r in records if not voted[r.problem.id].is_kept], decide)


def difficulty_of(store: Store, part: int) -> dict[int, dict[str, tuple[int, int]]]:
    """Row -> model -> (correct, counted) of the problems of a batch that were measured."""
    return {
        decision.row: {
            decision.evidence["model"]: (decision.evidence["num_right"], decision.evidence["num_counted"])
        }
        for decision in store.decisions(DIFFICULTY, part)
        if not decision.drops
    }


def _alive(store: Store, earlier: tuple[str, ...]) -> tuple[list[Record], list[Problem]]:
    """The records that are left, and their problems, each once."""
    records = [record for part in range(store.num_parts) for record in store.alive(part, earlier)]
    return records, list({record.problem.id: record.problem for record in records}.values())


def _write(store: Store, stage: str, records: list[Record], decide: Callable[[Record], Decision]) -> None:
    decisions = {record.row: decide(record) for record in records}
    for part in range(store.num_parts):
        rows = store.rows(part)
        store.write(stage, part, decisions_table(decisions[row] for row in rows if row in decisions))


def _shown(about: dict[str, Any]) -> dict[str, Any]:
    """Without what JSON cannot say."""
    return {key: value for key, value in about.items() if key != "problem_id" and value == value}
