"""Settings of a curation: sources, benchmarks to protect, and how strict each stage is.

Frozen, like a run's configuration (`or1.config`); recipes lie in `recipes/curate`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from or1.config import NAME_OR_PLUGIN, Config, EndpointConfig, MathVerifyConfig
from or1.curate.settings import DifficultyConfig, QualityConfig
from or1.model_config import require_own_names

MOST_CHANGED = 0.45
"""Texts that differ in a larger share of their tokens are not aligned [dimensionless]: every threshold of
`MatchingConfig` is at most this."""


class ColumnsConfig(Config):
    """Which column holds what; a dotted name looks into a table. Unset ones are found by usual names."""

    question: str | None = None
    """The problem's text."""
    gold: str | None = None
    """The answer, or the tests."""
    solution: str | None = None
    """A worked solution, or a program."""
    id: str | None = None
    """The source's own name of the problem."""
    title: str | None = None
    """A title or slug, compared with those of the benchmarks."""


class CurateDataConfig(Config):
    root: str = "."
    """Folder at which the relative paths of the recipe start."""


class SourceConfig(Config):
    name: str = Field(pattern=r"^[\w.-]+$")
    """How rows of this source are called in the data set and its ledger."""
    adapter: Literal[
        "plain", "numinamath-1.5", "deepscaler", "still-3", "omni-math", "aime", "gsm8k", "math", "leetcode",
        "taco", "mbpp", "skywork-or1",
    ] = "plain"  # fmt: skip
    """Layout of the rows: a data set that is known, or plain columns."""
    task: Literal["math", "code"] | None = None
    """Kind of problem; None = as the adapter, or each row, says."""
    path: str | None = None
    """File, pattern with `*`, or path on the hub (`or1.tasks.hub`); None = where the adapter's data set lies
    on the hub."""
    num_rows: int | None = Field(default=None, ge=1)
    """Read this many rows from the start [problems]; None = all."""
    license: str = "unknown"
    """Written beside every row."""
    repeats: float = Field(default=1.0, gt=0, le=100)
    """Copies of each problem in the mix [copies]: 2 lists a source twice, as the scripts do with code; a
    fraction is the chance of one more."""
    columns: ColumnsConfig = ColumnsConfig()


class BenchmarkConfig(Config):
    name: str = Field(pattern=r"^[\w.-]+$")
    """How the benchmark is called in evidence."""
    path: str
    """File or hub name of its problems."""
    columns: ColumnsConfig = ColumnsConfig()


class VerifiableConfig(Config):
    """Mathematical problems whose answer cannot be checked leave."""

    max_gold_characters: int = Field(default=200, ge=1)
    """Longer golds are texts, not answers [characters]."""
    max_question_characters: int = Field(default=8_000, ge=20)
    """Longer questions are not problems [characters]."""
    choices: Literal["drop", "keep"] = "drop"
    """Multiple choice: a guess is right one time in five."""
    policy: MathVerifyConfig = MathVerifyConfig()
    """How answers are compared with golds, as `verify.math` of a run."""
    num_workers: int = Field(default=2, ge=1)
    """Worker processes for answers that exact arithmetic does not decide [processes]."""


class ProgramsConfig(Config):
    """Programming problems whose tests or solution do not hold leave."""

    min_tests: int = Field(default=1, ge=1)
    """Fewer tests say too little [tests]."""
    max_tests_bytes: int = Field(default=20_000_000, ge=1_000)
    """Larger tests cost more than they tell [bytes]."""
    require_solution: bool = False
    """Drop problems without a reference solution to run; such as all of Skywork-OR1-RL-Data."""
    run_solutions: bool = True
    """Run the reference solution against all tests, in the sandbox. Source: paper 6.1."""
    max_solutions: int = Field(default=3, ge=1)
    """Try this many reference solutions of a problem at most; one has to pass [programs]."""
    num_workers: int = Field(default=2, ge=1)
    """Programs run at once [processes]."""
    time_limit_factor: float = Field(default=2.0, gt=0)
    """Multiplies the processor time that a problem allows for a test [dimensionless]."""
    allow_weak_sandbox: bool = False
    """Run programs even where the sandbox confines little."""


class MatchingConfig(Config):
    """How much two texts may differ and still be one problem (`or1.curate.match`). Chosen on one half of
    planted and real pairs, judged on the other: docs/data.md."""

    per_word: float = Field(ge=0, le=MOST_CHANGED)
    """Changed words allowed, as a share of the words of the longer text [dimensionless]. At most 0.45: texts
    with more changes are not aligned, so a larger value would change nothing."""
    per_symbol: float = Field(ge=0, le=MOST_CHANGED)
    """Changed words allowed for each number, operator or letter of the longer text [dimensionless]; at most
    0.45, for the same reason."""


class DuplicatesConfig(Config):
    same_gold: MatchingConfig = MatchingConfig(per_word=0.35, per_symbol=0.1)
    """When both have the same answer: the answer is evidence too."""
    unknown_gold: MatchingConfig = MatchingConfig(per_word=0.25, per_symbol=0.05)
    """When nothing is known of the answers."""
    block_size: int = Field(default=64, ge=2)
    """Compare a problem with at most this many kept ones that share a key with it [problems]."""


class ContaminationConfig(Config):
    matching: MatchingConfig = MatchingConfig(per_word=0.35, per_symbol=0.1)
    """Answers play no part: what is near a benchmark's problem leaves."""
    titles: bool = True
    """Titles and slugs that are a benchmark's leave too."""


class SolverConfig(Config):
    """The model that difficulty is measured for: on a server, or in this process."""

    endpoint: EndpointConfig | None = None
    """A server that has it."""
    model_path: str | None = None
    """Its folder or hub name, to be run by an engine of or1; `builtin:tiny` is the model shipped with or1."""
    engine: str = Field(default="local", pattern=NAME_OR_PLUGIN, examples=["local", "vllm"])
    """Engine that samples where no server does, as `rollout.engine` of a run."""


class WriteConfig(Config):
    rows_per_file: int = Field(default=50_000, ge=1)
    """Rows of one parquet file [problems]."""
    layout: Literal["or1", "reference"] = "or1"
    """reference: the columns of Skywork-OR1-RL-Data, which verl reads; repeated rows stand in the file."""
    num_samples: int = Field(default=3, ge=0)
    """Rows shown for each reason in the data set card [problems]."""


class CurateConfig(Config):
    name: str = Field(min_length=1)
    """Name of the data set; `datasets/<name>` is its folder unless --out says otherwise."""
    seed: int = Field(default=1, ge=0)
    """Root of every random number: the order of the mix and the chance of fractional repeats."""
    data: CurateDataConfig = CurateDataConfig()
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    """In order of trust: of two equal problems that of the earlier source stays."""
    benchmarks: tuple[BenchmarkConfig, ...] = ()
    """Whose problems may not be in the data set."""
    verifiable: VerifiableConfig = VerifiableConfig()
    programs: ProgramsConfig = ProgramsConfig()
    contamination: ContaminationConfig = ContaminationConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    solver: SolverConfig = SolverConfig()
    difficulty: DifficultyConfig | None = None
    """How hard each problem is for the model; None = not asked."""
    quality: QualityConfig | None = None
    """Votes on whether a problem is well put; None = not asked."""
    write: WriteConfig = WriteConfig()
    batch_rows: int = Field(default=2_048, ge=1)
    """Rows in memory at once [problems]: bounds memory, never the result."""
    num_workers: int = Field(default=2, ge=1)
    """Processes that read texts and look for matches [processes]; never the result. A cluster has as many
    workers as its processors allow."""
    engine: Literal["processes", "ray"] = "processes"
    """Who works on the batches: processes of this machine, or a Ray cluster; never the result."""
    ray_address: str = "auto"
    """The cluster: `host:port`, `auto` for the one that this machine belongs to, `local` for one of this
    machine that ends with the command."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for kind, entries in (("sources", self.sources), ("benchmarks", self.benchmarks)):
            require_own_names(kind, [entry.name for entry in entries])
        if self.difficulty is not None and self.solver.endpoint is None and self.solver.model_path is None:
            raise ValueError("difficulty needs a model: set solver.endpoint or solver.model_path")
        return self
