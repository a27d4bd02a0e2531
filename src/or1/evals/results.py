"""The folder of an evaluation: settings, problems, responses and verdicts.

OUT/eval.json         settings, benchmarks with their data hashes, environment
OUT/problems.jsonl    one row per problem: key, prompt hash, source, difficulty, date; no texts
OUT/responses.jsonl   one row per sample: text, tokens, finish; appended as they arrive, sorted at the end
OUT/results.jsonl     one row per sample: answer, verdict, vote; made from the responses, again on demand
OUT/lock              held while a command has the folder open

Rows are whole or absent after `kill -9`, so the same command resumes from the rows in the files. Two runs of
one deterministic configuration differ only in the fields that hold seconds.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import or1_verify
from or1.errors import RunFolderError
from or1.evals.questions import Questions
from or1.evals.settings import EvalRunConfig
from or1.recipes.schema import with_defaults
from or1.storage.folder import Folder
from or1.storage.jsonl import parse_rows, write_rows
from or1.storage.provenance import commit, hash_json
from or1.storage.settings import require_same
from or1.types import Finish, Outcome

DESCRIPTION, PROBLEMS = "eval.json", "problems.jsonl"
RESPONSES, RESULTS = "responses.jsonl", "results.jsonl"

FREE_SETTINGS = (
    *("samples", "max_running", "num_engines", "vllm.*", "system.threads", "verify.num_workers"),
    *("endpoint.url", "endpoint.api_key_variable", "endpoint.max_*", "endpoint.connect_limit_s"),
    *("endpoint.answer_limit_s", "endpoint.first_pause_s", "endpoint.longest_*"),
)
"""Settings that may change when an evaluation resumes: they decide no verdict, and texts only by rounding."""
JUDGING_SETTINGS = ("verify", "verify.*", "unboxed_answers", "task", "task_hash")
"""Settings that may change too when everything is judged again."""
_TWO_JUDGES = "the verdicts are those of "
_PROBLEMS_AND_PROMPTS = ("num_problems", "data_hash", "prompts_hash")

Key = tuple[str, str, int]
"""(benchmark, problem, sample)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """A problem, as the tables of scores need it."""

    benchmark: str
    problem: str
    prompt_hash: str
    source: str
    difficulty: str | None
    """Of ProcessBench: `error` or `correct`."""
    date: str | None
    content_hash: str | None = None
    """First 16 hex digits of sha256 over question and gold; None in a folder of an earlier version."""


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
    """From the request for all samples to the arrival of this one [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow(_SampleRow):
    """One sample as it was judged."""

    answer: str | None
    """The final answer or the program that was judged; None where there is none or it was not read."""
    outcome: Outcome
    reward: float | None
    """None if and only if not judged."""
    reason: str
    detail: str
    vote: str | None
    """The first answer of this problem that the verifier finds equal; None where answers are not compared."""
    generation_s: float
    verify_s: float
    """Worker time [s]; 0 where the verdict was cached."""

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
        DataError: a line is not a row of this kind.
    """

    def parse(row: dict[str, Any]) -> AnyRow:
        typed: dict[str, Any] = {k: _ENUMS[k](v) if k in _ENUMS else v for k, v in row.items()}
        return kind(**typed)

    return parse_rows(path, parse)


def write(path: Path, rows: Iterable[AnyRow]) -> None:
    """Replace a file in one step.

    Raises:
        RunFolderError: the folder cannot be written; the file is as before.
    """
    write_rows(path, map(dataclasses.asdict, rows))


class EvalFolder(Folder):
    """An open evaluation folder, made by `EvalFolder.open`."""

    FILE = DESCRIPTION
    KIND = "an evaluation"

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
        """Create or reopen the folder and lock it; further benchmarks and larger k may join those it holds.

        Args:
            path: the folder; parents are made.
            settings: everything that decides a response or a verdict, as JSON.
            questions: benchmarks of this command.
            samples: benchmark -> k.
            environment: versions, machine, commit: they may explain a difference and decide nothing.
            notes: remarks that a reader of the scores needs.
            afresh: everything will be judged again, so that settings of judging may differ from those before.

        Raises:
            RunFolderError: in use, or started with other settings or other data.
        """
        new = {
            "settings": json.loads(json.dumps(settings)),
            "benchmarks": {q.benchmark.name: _entry(q, samples[q.benchmark.name]) for q in questions},
            "environment": dict(environment),
            "judged_by": {"or1_version": or1_verify.__version__, "commit": commit()},
            "notes": list(dict.fromkeys(notes)),
        }
        folder = cls.hold(path, lambda found: _joined(path, found, new, afresh) if found else new)
        try:
            _write_problems(path / PROBLEMS, questions)
        except BaseException:
            folder.close()
            raise
        return folder

    @classmethod
    def check(cls, found: dict[str, Any]) -> None:
        if not all(isinstance(found[key], dict) for key in ("settings", "benchmarks", "environment")):
            raise ValueError("settings, benchmarks or environment has the wrong type")
        for name, entry in found["benchmarks"].items():
            if not (isinstance(entry, dict) and isinstance(entry["samples"], int) and entry["samples"] >= 1):
                raise ValueError(f"{name} has no number of samples")
            if not isinstance(entry["num_problems"], int) or not isinstance(entry["data"], list):
                raise ValueError(f"{name} has no number of problems or no list of data")
            for key in ("expected_problems", "release", "data_hash", "prompts_hash"):
                entry[key]
            entry.setdefault("left_out", {})
        if "imported" not in found["settings"]:
            for part, key in (("protocol", "name"), ("sampling", "temperature")):
                found["settings"][part][key]
        found.setdefault("notes", [])
        found.setdefault("judged_by", {key: found["environment"][key] for key in ("or1_version", "commit")})

    def missing(self, benchmark: str, kind: type[ResponseRow] | type[ResultRow]) -> list[tuple[str, int]]:
        """(problem, sample) without a row; a result without a verdict counts as missing. Problems that are
        left out of the score have none missing."""
        there = {
            row.key for row in self._rows(kind) if not (isinstance(row, ResultRow) and row.reward is None)
        }
        entry = self.description["benchmarks"][benchmark]
        asked = [key for key in self._keys(benchmark) if key not in entry["left_out"]]
        return [(p, i) for p in asked for i in range(int(entry["samples"])) if (benchmark, p, i) not in there]

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


def _joined(path: Path, found: dict[str, Any], new: dict[str, Any], afresh: bool) -> dict[str, Any]:
    """The description found with the new benchmarks in it."""
    may_change = FREE_SETTINGS + (JUDGING_SETTINGS if afresh else ())
    require_same(
        with_defaults(found["settings"], EvalRunConfig),
        with_defaults(new["settings"], EvalRunConfig),
        may_change=may_change,
        holder=f"{path} holds an evaluation with other settings",
        remedy="choose another folder with --out, or repeat the settings it was started with",
    )
    notes = [note for note in found["notes"] if not (afresh and note.startswith(_TWO_JUDGES))]
    judges = found["judged_by"], new["judged_by"]
    if judges[0] != judges[1] and not afresh and (path / RESULTS).exists():
        both = " and ".join(f"or1 {each['or1_version']} (commit {each['commit']})" for each in judges)
        notes.append(f"{_TWO_JUDGES}{both}: `or1 eval rescore {path}` judges all with this one")
    for name, entry in new["benchmarks"].items():
        before = found["benchmarks"].get(name, entry)
        require_same(
            {key: before[key] for key in _PROBLEMS_AND_PROMPTS},
            {key: entry[key] for key in _PROBLEMS_AND_PROMPTS},
            holder=f"{path} holds {name} on other problems or prompts",
            remedy="choose another folder with --out",
        )
        if not afresh:
            _require_scored(path, name, before["left_out"], entry["left_out"])
        entry["samples"] = max(entry["samples"], before["samples"])
    return {
        "settings": new["settings"],
        "benchmarks": found["benchmarks"] | new["benchmarks"],
        "environment": found["environment"] | new["environment"],
        "judged_by": new["judged_by"],
        "notes": list(dict.fromkeys([*notes, *new["notes"]])),
    }


def _require_scored(path: Path, name: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """A problem that was scored stays scored: else a worker lost while golds are checked changes a score."""
    lost = [key for key in now if key not in before]
    if lost:
        raise RunFolderError(
            f"{path}: {len(lost)} problems of {name} were scored and their golds cannot be judged here: "
            f"{lost[0]} ({now[lost[0]]}): repeat the command, or judge all again: or1 eval rescore {path}"
        )


def _entry(questions: Questions, samples: int) -> dict[str, Any]:
    own = questions.kind.source_hash
    return {
        **({"task_hash": own} if own is not None else {}),
        "samples": samples,
        "num_problems": len(questions.asked),
        "expected_problems": questions.benchmark.expected_problems,
        "release": questions.benchmark.release,
        "data": list(questions.data),
        "left_out": dict(questions.left_out),
        "data_hash": questions.data_hash,
        "prompts_hash": hash_json({a.key: a.prompt_hash for a in questions.asked}),
    }


def _write_problems(path: Path, questions: Sequence[Questions]) -> None:
    """Put the problems of these benchmarks into the file, beside those of other benchmarks."""
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
            content_hash=hash_json({"question": a.question, "gold": a.problem.gold}),
        )
        for q in questions
        for a in q.asked
    ]
    write(path, [*others, *asked])
