"""The stages whose batches do not need each other: what is prepared for all, and what is done with one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import pyarrow as pa

from or1.config import CodeVerifyConfig
from or1.curate import check_code, check_math, contamination, text_index
from or1.curate.config import ContaminationConfig, ProgramsConfig, VerifiableConfig
from or1.curate.contamination import Benchmarks
from or1.curate.match import Side
from or1.curate.normal_form import Tokens
from or1.curate.records import Decision, Record, decisions_table
from or1.curate.sources import Protected
from or1.curate.store import READ, Store
from or1.protocols import VerifierPool
from or1.tasks.kind import VerifierSettings
from or1.tasks.registry import TASKS, verifiers_of
from or1_verify.base import Verifier
from or1_verify.golds import with_gold_checks
from or1_verify.pool import ProcessVerifierPool

Do = Callable[[Store, int], None]
Settings = TypeVar("Settings", VerifiableConfig, ProgramsConfig)


@dataclass(frozen=True)
class IndexTexts:
    """The index of a batch's texts."""

    earlier: tuple[str, ...]
    """Stages whose dropped rows are left out, here and below."""
    stage: str = text_index.STAGE
    suffix: str = "arrow"
    num_processes: int = 0

    @contextlib.contextmanager
    def ready(self) -> Iterator[Do]:
        """Nothing to prepare."""
        yield lambda store, part: store.write_mapped(
            self.stage, part, text_index.index(store.alive(part, self.earlier))
        )


@dataclass(frozen=True)
class FindContaminated:
    """Rows of a batch that are a benchmark's problems, found by the index of texts."""

    protected: tuple[Protected, ...]
    settings: ContaminationConfig
    stage: str = contamination.STAGE
    suffix: str = "parquet"
    num_processes: int = 0

    @contextlib.contextmanager
    def ready(self) -> Iterator[Do]:
        """Index the benchmarks."""
        benchmarks = Benchmarks(self.protected, self.settings)
        yield lambda store, part: store.write(
            self.stage, part, decisions_table(benchmarks.decide(_sides(store, part)))
        )


@dataclass(frozen=True)
class Check(Generic[Settings]):
    """Stage that drops the rows of a batch whose gold or tests fail verification."""

    stage: str
    earlier: tuple[str, ...]
    verifiers: Mapping[str, Verifier]
    """Task -> verifier."""
    decide: Callable[[list[Record], Settings, VerifierPool], list[Decision]]
    settings: Settings
    suffix: str = "parquet"

    @property
    def num_processes(self) -> int:
        """Those of its verifiers."""
        return self.settings.num_workers

    @contextlib.contextmanager
    def ready(self) -> Iterator[Do]:
        """Start the verifiers."""
        with ProcessVerifierPool(self.verifiers, num_workers=self.num_processes) as pool:
            yield lambda store, part: store.write(
                self.stage,
                part,
                decisions_table(self.decide(store.alive(part, self.earlier), self.settings, pool)),
            )


def check_answers(earlier: tuple[str, ...], settings: VerifiableConfig) -> Check[VerifiableConfig]:
    """Mathematical problems whose answer cannot be checked."""
    verifiers = verifiers_of([TASKS["math"]], VerifierSettings(math=settings.policy))
    return Check(check_math.STAGE, earlier, with_gold_checks(verifiers), check_math.decide, settings)


def check_programs(earlier: tuple[str, ...], settings: ProgramsConfig) -> Check[ProgramsConfig]:
    """Programming problems whose tests or solution do not hold."""
    return Check(
        check_code.STAGE,
        earlier,
        verifiers_of([TASKS["code"]], code_settings(settings)),
        check_code.decide,
        settings,
    )


def code_settings(settings: ProgramsConfig) -> VerifierSettings:
    """The settings of the verifier of programs."""
    return VerifierSettings(
        code=CodeVerifyConfig(
            time_limit_factor=settings.time_limit_factor, allow_weak_sandbox=settings.allow_weak_sandbox
        )
    )


def _sides(store: Store, part: int) -> Iterator[tuple[int, str, Side]]:
    titles = store.read(READ, part).select(["row", "title"])
    title_of = dict(zip(titles["row"].to_pylist(), titles["title"].to_pylist(), strict=True))
    index: pa.Table = store.read_mapped(text_index.STAGE, part)
    for row, words, kinds in zip(
        *(index[name].to_pylist() for name in ("row", "words", "kinds")), strict=True
    ):
        yield row, title_of[row], Side.of(Tokens(tuple(words), kinds))
