"""Does the code verifier judge real programs as it should? Canonical solutions, graded programs, mutants.

    python -m benchmarks.code_verifier --data FOLDER [--only humaneval mbpp ...] [--first N]

FOLDER holds LeetCodeDataset, MBPP, HumanEval and the LiveCodeBench samples under the names in `SETS`. Prints
each verdict that is not as expected, and as its last line one JSON object of the figures.

Mutants are also run the plain way, program and tests in one process, as their authors' harnesses do: a mutant
whose tests pass there is equivalent as far as its tests can tell, and no verifier can reject it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._mutants import mutants
from or1.tasks.code import CodeTask
from or1.types import Message, Outcome, Problem, Verdict
from or1_verify.code import CodeVerifier, parse_tests
from or1_verify.code.program import as_response
from or1_verify.code.spec import AssertTests, CheckTests
from or1_verify.sandbox import Ending, Limits, Sandbox

SETS = {
    "humaneval": "humaneval/HumanEval.jsonl.gz",
    "mbpp": "mbpp.json",
    "leetcode": "LeetCodeDataset-v0.2.0-train.jsonl.gz",
    "livecodebench": "lcb_v5_atcoder_samples.jsonl",
}
_MUTANT_LIMIT_S = 1.0
"""Processor time of a mutant [s]: right solutions take a fraction of it, and many mutants never end."""
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Case:
    """One program with what is known of it."""

    name: str
    problem: Problem
    program: str


def canonical_cases(path: Path) -> list[Case]:
    """The solution of each problem of a file, against its own tests."""
    found = []
    for number, problem in enumerate(CodeTask(str(path)).problems(), start=1):
        solution = parse_tests(problem.gold).solution
        assert solution, f"{path} row {number} has no solution"
        found.append(Case(f"{path.name} {number}", problem, solution))
    return found


def graded_cases(path: Path) -> list[Case]:
    """Programs that LiveCodeBench graded right, against the samples of their statements."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        problem = Problem.make("code", (Message("user", row["question_id"]),), row["sample_tests"])
        for model, solution in row["solutions"].items():
            if solution["graded"]:
                found.append(Case(f"{row['question_id']} {model}", problem, solution["code"]))
    return found


def judge(cases: list[Case], verifier: CodeVerifier, num_threads: int) -> list[Verdict]:
    """Verdicts in order."""
    with ThreadPoolExecutor(num_threads) as threads:
        return list(threads.map(lambda c: verifier.verify(c.problem, as_response(c.program)), cases))


def report_right(name: str, cases: list[Case], verdicts: list[Verdict]) -> dict[str, Any]:
    """How many were found right; every other one is printed."""
    for case, verdict in zip(cases, verdicts, strict=True):
        if verdict.outcome is not Outcome.RIGHT:
            print(f"{name}: {case.name}: {verdict.reason}: {verdict.detail[:_SHOWN]}")
    right = sum(verdict.outcome is Outcome.RIGHT for verdict in verdicts)
    reasons = dict(Counter(verdict.reason for verdict in verdicts))
    figures = {"right": right, "programs": len(cases), "share": right / len(cases), "reasons": reasons}
    print(f"{name}: {right} of {len(cases)} right ({right / len(cases):.2%}) {reasons}")
    return figures


def mutated(cases: list[Case], seed: int) -> Iterator[tuple[str, Case]]:
    """(kind, mutant) of every case."""
    for number, case in enumerate(cases):
        for mutant in mutants(case.program, seed + number):
            yield mutant.kind, Case(case.name, case.problem, mutant.source)


def passes_plainly(sandbox: Sandbox, case: Case) -> bool:
    """Program and tests in one process: what the tests say when nobody cheats."""
    tests = parse_tests(case.problem.gold)
    assert isinstance(tests, AssertTests | CheckTests)
    call = f"check({tests.entry_point})" if isinstance(tests, CheckTests) else ""
    code = "\n".join(tests.tests) if isinstance(tests, AssertTests) else tests.test
    source = "\n".join(
        [
            "import random, sys",
            "sys.setrecursionlimit(50000)",
            tests.setup,
            case.program,
            "random.seed(0)",
            code,
            call,
        ]
    )
    return sandbox.run(source, limits=Limits(cpu_s=_MUTANT_LIMIT_S)).ending is Ending.EXITED


def report_mutants(name: str, cases: list[Case], num_threads: int) -> dict[str, Any]:
    """How many mutants are rejected, and how often the plain run agrees."""
    kinds, broken = zip(*mutated(cases, seed=1), strict=True)
    verifier = CodeVerifier(time_limit_factor=_MUTANT_LIMIT_S / 6.0)
    verdicts = judge(list(broken), verifier, num_threads)
    with Sandbox() as sandbox:
        plainly = [passes_plainly(sandbox, case) for case in broken]
    rejected = [verdict.outcome is not Outcome.RIGHT for verdict in verdicts]
    for kind, case, verdict, passes in zip(kinds, broken, verdicts, plainly, strict=True):
        if passes != (verdict.outcome is Outcome.RIGHT):
            said = f"{verdict.reason} {verdict.detail[:_SHOWN]}; plainly it {'passes' if passes else 'fails'}"
            print(f"{name} mutants: {case.name} {kind}: {said}")
    detectable = [r for r, passes in zip(rejected, plainly, strict=True) if not passes]
    by_kind = {
        kind: sum(r for k, r in zip(kinds, rejected, strict=True) if k == kind) / kinds.count(kind)
        for kind in sorted(set(kinds))
    }
    figures = {
        "mutants": len(broken),
        "rejected": sum(rejected),
        "rejected_share": sum(rejected) / len(broken),
        "detectable": len(detectable),
        "rejected_of_detectable": sum(detectable) / len(detectable),
        "agree_with_plain_run": sum(r != p for r, p in zip(rejected, plainly, strict=True)) / len(broken),
        "by_kind": by_kind,
    }
    print(f"{name} mutants: {figures}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with the files")
    parser.add_argument("--only", nargs="*", choices=[*SETS, "mutants"], default=[*SETS, "mutants"])
    parser.add_argument("--first", type=int, default=None, help="only so many programs of each set")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    verifier = CodeVerifier()
    figures: dict[str, Any] = {"load_at_start": os.getloadavg()[0], "cores": os.cpu_count()}
    with Sandbox() as sandbox:
        figures["sandbox_level"] = int(sandbox.level)
    for name, file in SETS.items():
        path = options.data / file
        if not path.exists():
            print(f"{name}: {path} is not there: left out")
            continue
        cases = (graded_cases if name == "livecodebench" else canonical_cases)(path)[: options.first]
        if name in options.only:
            started = time.perf_counter()
            figures[name] = report_right(name, cases, judge(cases, verifier, options.threads))
            figures[name]["seconds"] = round(time.perf_counter() - started, 1)
        if "mutants" in options.only and name != "livecodebench":
            figures[f"{name}_mutants"] = report_mutants(name, cases, options.threads)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
