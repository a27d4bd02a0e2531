"""The folder of an evaluation: what was asked, what came, how it was judged.

OUT/eval.json         settings, benchmarks with their data hashes, environment
OUT/problems.jsonl    one row a problem: key, prompt hash, source, difficulty, date; no texts
OUT/responses.jsonl   one row a sample: text, tokens, finish; appended as they come, sorted when all are there
OUT/results.jsonl     one row a sample: answer, verdict, vote; made from the responses, again on demand
OUT/lock              held while a command works in the folder

Rows are whole or absent after `kill -9`, so the same command goes on from what is there. Seconds are the only
fields that two runs of one deterministic configuration do not share.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from or1.errors import DataError, RunFolderError
from or1.evals.questions import Questions
from or1.storage.folder import LOCK, FolderLock, differing_keys, fsync_folder, guard_writes, write_json
from or1.storage.jsonl import JsonLines, encode
from or1.storage.provenance import hash_json
from or1.types import Finish, Outcome

DESCRIPTION, PROBLEMS = "eval.json", "problems.jsonl"
RESPONSES, RESULTS = "responses.jsonl", "results.jsonl"

FREE_SETTINGS = (
    *("samples", "max_running", "system.threads", "verify.num_workers"),
    *("endpoint.url", "endpoint.api_key_variable", "endpoint.max_", "endpoint.connect_limit_s"),
    *("endpoint.answer_limit_s", "endpoint.first_pause_s", "endpoint.longest_"),
)
"""Beginnings of settings that may change when an evaluation goes on: they decide no text and no verdict."""
JUDGING_SETTINGS = ("verify", "unboxed_answers")
"""Those that may change too when everything is judged afresh."""

Key = tuple[str, str, int]
"""(benchmark, problem, sample)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """What the tables know of a problem."""

    benchmark: str
    problem: str
    prompt_hash: str
    source: str
    difficulty: str | None
    """Of ProcessBench: `error` or `correct`."""
    date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SampleRow:
    benchmark: str
    problem: str
    sample: int
    prompt_hash: str
    finish: Finish
    num_tokens: int

    def __post_init__(self) -> None:
        if not (isinstance(self.sample, int) and isinstance(self.num_tokens, int) and self.sample >= 0):
            raise ValueError("sample and num_tokens must be whole numbers")

    @property
    def key(self) -> Key:
        return self.benchmark, self.problem, self.sample


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRow(_SampleRow):
    """One sample as it was generated."""

    text: str
    generation_s: float
    """From the asking to its coming, the others that were asked for with it included [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow(_SampleRow):
    """One sample as it was judged."""

    answer: str | None
    """What was judged: the final answer, or the program; None where there is none or it was not read."""
    outcome: Outcome
    reward: float | None
    """None if and only if not judged."""
    reason: str
    detail: str
    vote: str | None
    """The first answer of this problem that the verifier calls the same; None where answers are not
    compared."""
    generation_s: float
    verify_s: float
    """Worker time [s]; 0 where the verdict was known already."""

    def __post_init__(self) -> None:
        _SampleRow.__post_init__(self)
        if self.reward is not None and not (
            isinstance(self.reward, int | float) and 0.0 <= self.reward <= 1.0
        ):
            raise ValueError(f"reward {self.reward!r} is not from 0 to 1, nor null")


AnyRow = TypeVar("AnyRow", ProblemRow, ResponseRow, ResultRow)
SampleRow = TypeVar("SampleRow", ResponseRow, ResultRow)
_ENUMS = {"finish": Finish, "outcome": Outcome}


def read(path: Path, kind: type[AnyRow]) -> Iterator[AnyRow]:
    """The whole rows of a file, in order; nothing when it does not exist.

    Raises:
        DataError: a row is not what it should be.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                continue  # a killed process leaves the last line without its end
            try:
                fields = json.loads(line)
                typed: dict[str, Any] = {k: _ENUMS[k](v) if k in _ENUMS else v for k, v in fields.items()}
                row = kind(**typed)
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(f"{path} line {number} is damaged ({error}): remove the line") from error
            yield row


def write(path: Path, rows: Iterable[AnyRow]) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part."""
    partial = path.with_name(f"{path.name}.tmp")
    with guard_writes(path), partial.open("wb") as file:
        for row in rows:
            file.write(encode(dataclasses.asdict(row)))
        file.flush()
        os.fsync(file.fileno())
        partial.replace(path)
        fsync_folder(path.parent)


class Log:
    """An open file of rows that are only ever appended, after a torn last line is cut off."""

    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path)
        self._lines.cut_rows(self._lines.num_rows())

    def append(self, row: ResponseRow | ResultRow) -> None:
        self._lines.append(dataclasses.asdict(row))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()


class EvalFolder:
    """An open evaluation folder; make it with `EvalFolder.open`, close it with `with`."""

    def __init__(self, path: Path, lock: FolderLock, description: dict[str, Any]) -> None:
        self.path = path
        self.description = description
        self._lock = lock

    @classmethod
    def open(
        cls,
        path: Path,
        settings: Mapping[str, Any],
        questions: Sequence[Questions],
        samples: Mapping[str, int],
        environment: Mapping[str, Any],
        notes: Sequence[str] = (),
        afresh: bool = False,
    ) -> EvalFolder:
        """Create or reopen the folder and lock it; further benchmarks and larger k may join what is there.

        Args:
            path: the folder; parents are made.
            settings: everything that decides a response or a verdict, as JSON.
            questions: the benchmarks to be asked now.
            samples: benchmark -> k.
            environment: what does not decide but may explain: versions, machine, commit.
            notes: what a reader of the scores has to know.
            afresh: everything will be judged again, so settings of judging may be others than before.

        Raises:
            RunFolderError: in use, or begun with other settings or other data.
        """
        with guard_writes(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = FolderLock(path / LOCK)
        try:
            free = FREE_SETTINGS + (JUDGING_SETTINGS if afresh else ())
            description = _tie(path, settings, questions, samples, environment, free)
            told = [*description.get("notes", ()), *notes]
            with guard_writes(path):
                write_json(path / DESCRIPTION, description | {"notes": list(dict.fromkeys(told))})
            _write_problems(path / PROBLEMS, questions)
        except BaseException:
            lock.close()
            raise
        return cls(path, lock, description)

    @classmethod
    def reopen(cls, path: Path) -> EvalFolder:
        """Lock a folder as it is.

        Raises:
            RunFolderError: it is no evaluation, or in use.
        """
        description = read_description(path)
        return cls(path, FolderLock(path / LOCK), description)

    def missing(self, benchmark: str, kind: type[ResponseRow] | type[ResultRow]) -> list[tuple[str, int]]:
        """(problem, sample) of which there is no row; a result without a verdict counts as missing."""
        there = {
            row.key for row in self._rows(kind) if not (isinstance(row, ResultRow) and row.reward is None)
        }
        k = int(self.description["benchmarks"][benchmark]["samples"])
        return [(p, i) for p in self._keys(benchmark) for i in range(k) if (benchmark, p, i) not in there]

    def sort(self, rows: Iterable[SampleRow]) -> list[SampleRow]:
        """The rows by benchmark as listed, problem as in the data, and sample."""
        names = list(self.description["benchmarks"])
        places = {
            (name, key): (place, number)
            for place, name in enumerate(names)
            for number, key in enumerate(self._keys(name))
        }
        kept = [row for row in rows if (row.benchmark, row.problem) in places]
        return sorted(kept, key=lambda r: (places[r.benchmark, r.problem], r.sample))

    def _rows(self, kind: type[Any]) -> Iterator[Any]:
        return read(self.path / (RESPONSES if kind is ResponseRow else RESULTS), kind)

    def _keys(self, benchmark: str) -> list[str]:
        return [p.problem for p in read(self.path / PROBLEMS, ProblemRow) if p.benchmark == benchmark]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def read_description(path: Path) -> dict[str, Any]:
    """eval.json of a folder.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    try:
        found = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        if not all(isinstance(found[key], dict) for key in ("settings", "benchmarks", "environment")):
            raise ValueError("settings, benchmarks or environment has the wrong type")
        _check_description(found)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunFolderError(f"{path} is not an evaluation: it holds no {DESCRIPTION}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"{path / DESCRIPTION} is damaged ({_why(error)}): choose another --out"
        ) from error
    return dict(found)


def _why(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _check_description(found: Mapping[str, Any]) -> None:
    """Raises ValueError or KeyError: something that the tables need is not there, or no such thing."""
    for name, entry in found["benchmarks"].items():
        if not (isinstance(entry, dict) and isinstance(entry["samples"], int) and entry["samples"] >= 1):
            raise ValueError(f"{name} has no number of samples")
        if not isinstance(entry["num_problems"], int) or not isinstance(entry["data"], list):
            raise ValueError(f"{name} has no number of problems or no list of data")
        for key in ("expected_problems", "release", "data_hash", "prompts_hash"):
            entry[key]
    if "imported" not in found["settings"]:
        for part, key in (("protocol", "name"), ("sampling", "temperature")):
            found["settings"][part][key]


def _tie(
    path: Path,
    settings: Mapping[str, Any],
    questions: Sequence[Questions],
    samples: Mapping[str, int],
    environment: Mapping[str, Any],
    free: tuple[str, ...],
) -> dict[str, Any]:
    """The folder's description with these benchmarks in it."""
    settings = json.loads(json.dumps(settings))
    asked = {q.benchmark.name: _entry(q, samples[q.benchmark.name]) for q in questions}
    if not (path / DESCRIPTION).exists():
        return {"settings": settings, "benchmarks": asked, "environment": dict(environment)}
    found = read_description(path)
    keys = [k for k in differing_keys(found["settings"], settings) if not k.startswith(free)]
    if keys:
        raise RunFolderError(
            f"{path} holds an evaluation with other settings; these differ: {', '.join(keys[:8])}. "
            "Choose another folder with --out, or repeat the settings it was started with"
        )
    for name, entry in asked.items():
        before = found["benchmarks"].get(name, entry)
        for what in ("data_hash", "prompts_hash"):
            if before[what] != entry[what]:
                raise RunFolderError(
                    f"{path} holds {name} on other problems or prompts ({before['num_problems']} with {what} "
                    f"{before[what]}, now {entry['num_problems']} with {entry[what]}): choose another --out"
                )
        entry["samples"] = max(entry["samples"], before["samples"])
    return {
        "settings": settings,
        "benchmarks": found["benchmarks"] | asked,
        "environment": found["environment"] | dict(environment),
        "notes": found.get("notes", []),
    }


def _entry(questions: Questions, samples: int) -> dict[str, Any]:
    return {
        "samples": samples,
        "num_problems": len(questions.asked),
        "expected_problems": questions.benchmark.expected_problems,
        "release": questions.benchmark.release,
        "data": list(questions.data),
        "data_hash": questions.data_hash,
        "prompts_hash": hash_json({a.key: a.prompt_hash for a in questions.asked}),
    }


def _write_problems(path: Path, questions: Sequence[Questions]) -> None:
    """Put the benchmarks' problems into the file, beside those of others."""
    names = {q.benchmark.name for q in questions}
    others = [row for row in read(path, ProblemRow) if row.benchmark not in names]
    asked = [
        ProblemRow(
            benchmark=q.benchmark.name,
            problem=a.key,
            prompt_hash=a.prompt_hash,
            source=a.problem.source,
            difficulty=a.difficulty,
            date=a.date,
        )
        for q in questions
        for a in q.asked
    ]
    write(path, [*others, *asked])
