"""Verdicts of another tool become an evaluation: the same tables, windows and comparisons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from or1.errors import ConfigError, DataError
from or1.evals.benchmark import Benchmark
from or1.evals.results import (
    PROBLEMS,
    RESULTS,
    EvalFolder,
    ProblemRow,
    ResultRow,
    write,
)
from or1.storage.atomic import guard_writes
from or1.storage.provenance import environment, hash_json
from or1.tasks.rows import Row, read_rows
from or1.types import Finish, Outcome

_REASONS = {-1: "time_limit", -2: "wrong_answer", -3: "time_limit", -4: "runtime_error", -5: "harness_error"}
"""LiveCodeBench's codes. Source: lcb_runner @28fef95, testing_util.py."""


def import_livecodebench(file: Path, benchmark: Benchmark, out: Path) -> None:
    """Read a file of LiveCodeBench's runner (question_id, contest_date, difficulty, code_list, graded_list).

    Every problem of the file that is in the benchmark's window is taken; which release it is, the benchmark
    says. A program that the other tool failed to run counts as wrong, as it does there.

    Raises:
        ConfigError: the benchmark has no releases, so it is not LiveCodeBench.
        DataError: a row lacks something or is there twice, problems have different numbers of samples, or
            none is in the window.
    """
    if benchmark.release is None:
        raise ConfigError(
            f"verdicts of LiveCodeBench's tool are none of {benchmark.name}: give --benchmark "
            "livecodebench:release_v5, with the release that was judged"
        )
    problems, results, counts, places = [], [], dict[int, str](), dict[str, str]()
    for row in read_rows(file):
        problem = _problem(row, benchmark)
        if not benchmark.holds(problem.date):
            continue
        first = places.setdefault(problem.problem, row.place)
        if first != row.place:
            raise DataError(f"{row.place}: question_id {problem.problem} stands in {first} too: remove one")
        graded = row.content["graded_list"]
        counts.setdefault(len(graded), row.place)
        problems.append(problem)
        results += [_result(row, problem, sample) for sample in range(len(graded))]
    if not counts:
        raise DataError(f"{file}: no problem is in the window of {benchmark.name}: choose another window")
    if len(counts) > 1:
        (one, where), (other, there), *_ = counts.items()
        raise DataError(
            f"{file}: problems have different numbers of samples, {one} ({where}) and {other} ({there}): "
            "give each as many"
        )
    (samples,) = counts
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    entry: dict[str, Any] = {
        "samples": samples,
        "num_problems": len(problems),
        "expected_problems": benchmark.expected_problems,
        "release": benchmark.release,
        "data": [],
        "left_out": {},
        "data_hash": content[:16],
        "prompts_hash": hash_json({p.problem: p.prompt_hash for p in problems}),
    }
    description = {
        "settings": {"imported": f"{file.name} (sha256 {content[:16]})"},
        "benchmarks": {benchmark.name: entry},
        "environment": environment(),
    }
    with guard_writes(out):
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise DataError(f"{out} holds something: name an empty folder with --out")
    write(out / PROBLEMS, problems)
    write(out / RESULTS, results)
    EvalFolder.write(out, description)


def _problem(row: Row, benchmark: Benchmark) -> ProblemRow:
    content = row.content
    for column in ("question_id", "contest_date", "difficulty", "graded_list", "code_list"):
        if column not in content:
            raise DataError(f"{row.place}: no {column}: this is no file of LiveCodeBench's verdicts")
    graded, programs = _list(row, "graded_list", bool), _list(row, "code_list", str)
    if len(graded) != len(programs) or not graded:
        raise DataError(
            f"{row.place}: {len(graded)} verdicts (graded_list) of {len(programs)} programs (code_list): "
            "each program needs one, and there must be one at least"
        )
    try:
        datetime.fromisoformat(str(content["contest_date"]))
    except ValueError as error:
        raise DataError(
            f"{row.place}: contest_date {content['contest_date']!r} is no date: write 2025-01-31T00:00:00"
        ) from error
    return ProblemRow(
        benchmark=benchmark.name,
        problem=str(content["question_id"]),
        prompt_hash="",
        source=str(content.get("platform", benchmark.name)),
        difficulty=str(content["difficulty"]),
        date=str(content["contest_date"]),
    )


def _list(row: Row, column: str, kind: type) -> list[Any]:
    found = row.content[column]
    if not isinstance(found, list) or not all(isinstance(each, kind) for each in found):
        needed = "true or false" if kind is bool else "texts"
        raise DataError(f"{row.place}: {column} must be a list of {needed}, one for each sample")
    return found


def _result(row: Row, problem: ProblemRow, sample: int) -> ResultRow:
    is_right = row.content["graded_list"][sample] is True
    return ResultRow(
        benchmark=problem.benchmark,
        problem=problem.problem,
        sample=sample,
        prompt_hash="",
        finish=Finish.STOP,
        num_tokens=0,
        answer=str(row.content["code_list"][sample]),
        outcome=Outcome.RIGHT if is_right else Outcome.WRONG,
        reward=float(is_right),
        reason="right" if is_right else _reason(row.content, sample),
        detail="",
        vote=None,
        generation_s=0.0,
        verify_s=0.0,
    )


def _reason(content: Mapping[str, Any], sample: int) -> str:
    """Why a program failed, where the other tool says so."""
    metadata = content.get("metadata", [])
    if not isinstance(metadata, list) or sample >= len(metadata):
        return "wrong_answer"
    try:
        found = metadata[sample]
        details = json.loads(found) if isinstance(found, str) else found
    except ValueError:  # words of an older version of the tool; the verdict does not depend on them
        details = None
    code = details.get("error_code") if isinstance(details, dict) else None
    return _REASONS.get(code, "wrong_answer") if isinstance(code, int) else "wrong_answer"
