"""Benchmarks, protocols and published scores as data: `recipes/eval/*.toml`, `prompts.toml`,
`published.toml`.

A benchmark is named as `NAME[:RELEASE][:FROM..TO]`: `aime24`,
`livecodebench:release_v5:2024-08-01..2025-02-01`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from or1.config import Config
from or1.errors import ConfigError
from or1.plugins import absolute_plugin
from or1.recipes.check import choices
from or1.recipes.load import FOLDER as TRAIN_FOLDER
from or1.recipes.load import merge
from or1.tasks.registry import task_kind

FOLDER = TRAIN_FOLDER.parent / "eval"
_RELEASE = re.compile(r"(release_)?v(\d+)(?:_v(\d+))?")
_WINDOW = re.compile(r"(\d{4}-\d\d-\d\d)?\.\.(\d{4}-\d\d-\d\d)?")

Day = date | None
"""For annotations in `Benchmark`, whose field `date` hides the class."""


class Window(Config):
    """Dates from which problems count, both ends inclusive at midnight: a problem dated later on the last day
    is outside, as LiveCodeBench has it."""

    start: date | None = None
    end: date | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(
                f"the window ends on {self.end}, before it begins on {self.start}: fix its dates"
            )
        return self

    def holds(self, when: str | None) -> bool:
        """Is an ISO date, with or without time of day, inside? What has no date is in no window but the open
        one.

        >>> until = Window(end=date(2025, 2, 1))
        >>> until.holds("2025-02-01"), until.holds("2025-02-01T09:00")
        (True, False)
        """
        if self.start is None and self.end is None:
            return True
        if when is None:
            return False
        moment = datetime.fromisoformat(when).replace(tzinfo=None)
        after = self.start is None or moment >= datetime.combine(self.start, datetime.min.time())
        return after and (self.end is None or moment <= datetime.combine(self.end, datetime.min.time()))

    def cuts(self, other: Window) -> bool:
        """Is a part of the other window outside this one?

        >>> spring = Window(start=date(2025, 2, 1), end=date(2025, 4, 1))
        >>> Window(start=date(2025, 3, 1)).cuts(spring), Window(start=date(2025, 2, 1)).cuts(spring)
        (True, False)
        """
        before = self.start is not None and (other.start is None or other.start < self.start)
        return before or (self.end is not None and (other.end is None or other.end > self.end))


class Part(Window):
    """Problems that get a line of their own in the tables."""

    name: str
    split_by: Literal["difficulty", "source"] | None = None
    """Further lines, one for each value."""
    # a part whose dates the benchmark's window cuts has no line: its name means other problems
    release: str | None = None
    """Only with this release: the same dates hold other problems in another."""


class Benchmark(Window):
    """Problems to evaluate on: where they are, and how their scores are split."""

    name: str
    family: str = ""
    """Name of the file that this one is a part of, its own where it is none."""
    task: str
    """Name in `or1.tasks.registry`."""
    data: tuple[str, ...] = ()
    """Files or data sets on the hub, all of them or as the release says; none for the built-in task."""
    new_problems: tuple[int, ...] = ()
    """Problems in each file of `data`, where a release is a number of files from the start [problems]."""
    release: str | None = None
    """release_vN: the first N files; vN: the Nth alone; vM_vN: the Mth to the Nth."""
    num_problems: int | None = None
    """How many there are supposed to be; another number is said, not refused [problems]."""
    samples: int = Field(default=1, ge=1)
    """k, where neither the user nor the protocol says [samples]."""
    suffix: str = ""
    """Instruction at the end of the prompts of some data files, which is not part of the question; it stands
    in place of `{suffix}` in prompts."""
    prompts: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    """Protocol -> form of question -> prompt, where it differs from the protocol's own."""
    id: tuple[str, ...] = ()
    """Columns that may hold the problem's own name; the first that is there counts."""
    difficulty: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    rows: tuple[Part, ...] = (Part(name="all"),)

    @model_validator(mode="after")
    def _release_is_there(self) -> Self:
        if self.release is not None:
            self._file_range()
        return self

    def files(self) -> tuple[str, ...]:
        """The files of the release; all where there are none."""
        return self.data if self.release is None else self.data[slice(*self._file_range())]

    def identity(self, row: str) -> tuple[str, str | None, Day, Day, str]:
        """Problems of a line of the tables: family, release, first and last date, and the part in words.

        Lines that mean the same problems have one identity, whatever they are called.

        >>> window = load_benchmark("livecodebench:release_v5").identity("v5 window hard")
        >>> window == load_benchmark("livecodebench-v5").identity("hard")
        True
        """
        windows = [part for part in self.rows if part.start or part.end]
        named = [part for part in windows if f"{row} ".startswith(f"{part.name} ")]
        window: Window = named[0] if named else self
        rest = row.removeprefix(named[0].name).strip() if named else row
        return self.family, self.release, window.start, window.end, rest or "all"

    @property
    def expected_problems(self) -> int | None:
        """Problems that there should be before windows, or after one that is the benchmark's own."""
        if self.num_problems is not None or self.release is None or self.start or self.end:
            return self.num_problems
        return sum(self.new_problems[slice(*self._file_range())])

    def _file_range(self) -> tuple[int, int]:
        found = _RELEASE.fullmatch(str(self.release))
        if found is None:
            raise ValueError(f"release {self.release}: write release_v5, v5 or v4_v5")
        first = 1 if found[1] else int(found[2])
        last = int(found[3] or found[2])
        if not 1 <= first <= last <= len(self.new_problems):
            raise ValueError(f"release {self.release}: there are v1 to v{len(self.new_problems)}")
        return first - 1, last


class Protocol(Config):
    """Sampling and prompts of an evaluation."""

    name: str
    about: str
    source: str
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    max_response_tokens: int = Field(ge=1)
    samples: int | None = Field(default=None, ge=1)
    levels: tuple[tuple[str, Mapping[str, str]], ...]
    """Names and prompts (form of question -> prompt) of the protocols that it extends, the first one first,
    and its own."""

    @model_validator(mode="after")
    def _prompts_ask(self) -> Self:
        for name, prompts in self.levels:
            for form, prompt in prompts.items():
                if "{question}" not in prompt:
                    raise ValueError(f"the prompt of {name} for {form} has no {{question}}")
        return self

    def prompts(self, benchmark: Benchmark) -> dict[str, str]:
        """Form -> prompt: at each level the protocol's own, then what the benchmark has instead, with the
        benchmark's suffix in place of `{suffix}`.

        Raises:
            ConfigError: the benchmark has a prompt for a form that the protocol does not know.
        """
        known = sorted({form for _, prompts in self.levels for form in prompts})
        for form in (form for prompts in benchmark.prompts.values() for form in prompts):
            if form not in known:
                raise ConfigError(
                    f"benchmark {benchmark.name}: no task asks questions of the form {form}: "
                    f"{choices(form, known)}"
                )
        found: dict[str, str] = {}
        for name, prompts in self.levels:
            found |= {**prompts, **benchmark.prompts.get(name, {})}
        return {
            form: prompt.strip("\n").replace("{suffix}", benchmark.suffix) for form, prompt in found.items()
        }


class Published(Config):
    """One score that somebody else has published."""

    model: str
    benchmark: str
    row: str = "all"
    score: Annotated[float, Field(ge=0, le=1)]
    k: int
    source: str
    note: str = ""


def list_benchmarks() -> tuple[str, ...]:
    """Names of the shipped benchmarks, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def about_benchmark(name: str) -> str:
    """First line of a shipped benchmark's file."""
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8").partition("\n")[0].removeprefix("#").strip()


def load_benchmark(spec: str) -> Benchmark:
    """A benchmark as `NAME[:RELEASE][:FROM..TO]` says; NAME is a shipped one or a `.toml` file.

    Raises:
        ConfigError: no such benchmark, file or release, a file that is no benchmark, or a wrong window.
    """
    name, *rest = spec.split(":")
    table = _table(name)
    for word in rest:
        window = _WINDOW.fullmatch(word)
        if window is not None:
            table |= {"start": window[1] or table.get("start"), "end": window[2] or table.get("end")}
            table["num_problems"] = None
        elif _RELEASE.fullmatch(word) and "release" in table:
            table |= {"release": word, "num_problems": None}
        else:
            raise ConfigError(
                f"benchmark {spec}: {word!r} is no window such as 2024-08-01..2025-02-01"
                + (
                    ", nor a release such as release_v5"
                    if "release" in table
                    else f": {name} has no releases"
                )
            )
    try:
        return Benchmark.model_validate({"family": Path(name).stem, **table, "name": spec})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        why = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"benchmark {spec}: {key}: {why}" if key else f"benchmark {spec}: {why}") from None


def _table(name: str) -> dict[str, Any]:
    table = _own_table(Path(name)) if name.endswith(".toml") else _shipped_table(name)
    base = table.pop("extends", None)
    return merge({"family": base, **_table(base)}, table) if base else table


def _shipped_table(name: str) -> dict[str, Any]:
    if name not in list_benchmarks():
        raise ConfigError(
            f"unknown benchmark {name}: {choices(name, list_benchmarks())}, or give a .toml file of your own"
        )
    return _toml(FOLDER / f"{name}.toml")


def _own_table(path: Path) -> dict[str, Any]:
    """The table of a user's benchmark. Its data files, and the file of its task, may lie beside it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"benchmark {path}: there is no such file (working directory {Path.cwd()})"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"benchmark {path}: cannot be read ({error})") from None
    beside = [path.parent / str(name) for name in table.get("data", ())]
    files = [
        str(file) if file.exists() else name for file, name in zip(beside, table.get("data", ()), strict=True)
    ]
    if isinstance(table.get("task"), str):
        table["task"] = absolute_plugin(table["task"], path.parent)
        task_kind(table["task"], f"benchmark {path}: task")
    return {**table, "data": files} if files else table


def load_protocol(name: str) -> Protocol:
    """A protocol by name.

    Raises:
        ConfigError: there is none of this name.
    """
    tables = _toml(FOLDER.parent / "prompts.toml")
    if name not in tables:
        raise ConfigError(f"unknown protocol {name}: {choices(name, tables)}")
    lineage = [name]
    while "extends" in tables[lineage[0]]:
        lineage.insert(0, tables[lineage[0]]["extends"])
    merged: dict[str, Any] = {}
    for each in lineage:
        merged |= {key: value for key, value in tables[each].items() if key not in ("prompts", "extends")}
    levels = [(each, tables[each].get("prompts", {})) for each in lineage]
    return Protocol.model_validate({**merged, "name": name, "levels": levels})


def list_protocols() -> tuple[str, ...]:
    """Names of the protocols, in the order of the file."""
    return tuple(_toml(FOLDER.parent / "prompts.toml"))


def published(benchmark: str | None = None) -> tuple[Published, ...]:
    """Published scores with their sources spelt out, of one benchmark or all."""
    table = _toml(FOLDER.parent / "published.toml")
    scores = [
        Published.model_validate({**row, "source": table["sources"][row["source"]]})
        for row in table["scores"]
    ]
    return tuple(score for score in scores if benchmark in (None, score.benchmark))


@lru_cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(_read(path))
