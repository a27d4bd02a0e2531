"""Verifier of programs: `CodeVerifier` runs a program against the tests of its problem, in the sandbox."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import ClassVar, Literal

from or1_verify.base import Verifier
from or1_verify.code.launch import TimeBudget, limits_of
from or1_verify.code.outcome import BadTestsError, FailedTest
from or1_verify.code.program import Extraction, program_of
from or1_verify.code.run_asserts import failures_of_code
from or1_verify.code.run_io import failures_of_calls, failures_of_stdin
from or1_verify.code.sandboxes import a_sandbox
from or1_verify.code.spec import (
    AssertTests,
    CheckTests,
    FunctionTests,
    StdinTests,
    Tests,
    num_tests,
    parse_tests,
)
from or1_verify.errors import DataError, Or1Error, SandboxError
from or1_verify.sandbox import Level, Sandbox
from or1_verify.types import Problem, Verdict

_MOST_PROGRAM_BYTES = 10_000_000
"""Any program up to this length fits into a message, six characters for each byte [bytes]."""
_SLACK_S = 300.0
"""Time for the last test, for starting sandboxes and for comparing outputs, beside the tests' budget [s]."""


def verdict_of(failures: list[FailedTest], total: int, reward: Literal["all", "fraction"]) -> Verdict:
    """The verdict on a program that failed these tests, of `total`."""
    if not failures:
        detail = f"{total} test{'s' if total > 1 else ''} passed"
        return Verdict.right(detail)
    first = failures[0]
    passed = max(0, total - len(failures)) / total if reward == "fraction" else 0.0
    detail = f"test {first.index + 1} of {total}: {_printable(first.detail)}"
    return Verdict.wrong(first.reason, detail, passed)


def _printable(text: str) -> str:
    """The text with control characters and lone surrogates as escapes: for terminals and files."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def not_judged(error: Or1Error) -> Verdict:
    """The verdict for an error of the tests or of the sandbox."""
    reason = "sandbox_error" if isinstance(error, SandboxError) else "bad_tests"
    return Verdict.not_judged(reason, str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramVerifier(Verifier):
    """Judges the program in a response; a subclass finds the tests that it fails."""

    limits_itself: ClassVar[bool] = True
    reward: Literal["all", "fraction"] = "all"
    """all: 1 when every test is passed, else 0; fraction: passed tests over all tests."""
    time_limit_factor: float = 1.0
    """Multiplies the time limits that come with the tests [dimensionless]: above 1 for slow machines."""
    extraction: Extraction = "markdown"
    """Rule for the program in a response: markdown, the last block of Python; livecodebench, the text between
    the last two lines with three backticks, for comparison with published scores."""

    @abstractmethod
    def failures(self, tests: Tests, program: str) -> list[FailedTest]:
        """The tests that the program fails: all of them for the reward `fraction`, else the first.

        Raises:
            DataError, BadTestsError: the tests themselves fail.
            SandboxError: the sandbox or the service failed twice.
        """

    @abstractmethod
    def limit_s(self, problem: Problem) -> float:
        """Longest that `compute` can take, all second tries included [s]."""

    def read(self, text: str) -> str | Verdict:
        """The program in a response, by the rule `extraction`."""
        program = program_of(text, self.extraction)
        if program is None:
            return Verdict.no_answer("unfinished_thinking")
        return program or Verdict.no_answer("no_code")

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Run the program against its tests; the gold is what `parse_tests` reads."""
        started = time.perf_counter()
        try:
            tests = parse_tests(problem.gold)
            verdict = verdict_of(self.failures(tests, answer), num_tests(tests), self.reward)
        except (DataError, BadTestsError, SandboxError) as error:
            verdict = not_judged(error)
        return replace(verdict, seconds=time.perf_counter() - started)

    def ideal_answer(self, problem: Problem) -> str | None:
        """The solution in the test table, if it has one."""
        return parse_tests(problem.gold).solution or None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeVerifier(ProgramVerifier):
    """Judges the program in a response against the tests in the problem's gold.

    Reasons: NO_ANSWER `no_code`, `unfinished_thinking`; WRONG `wrong_answer`, `time_limit`, `memory_limit`,
    `output_limit`, `runtime_error`; NOT_JUDGED `bad_tests`, `sandbox_error` (after a second try in a new
    sandbox). The first failed test ends the work, unless the reward is a fraction.
    """

    total_time_limit_s: float = 300.0
    """User time of all tests of one program together [s]. Source: Skywork-OR1 @64e96af (its cap)."""
    allow_weak_sandbox: bool = False
    """Run programs in a sandbox of level 1 or 2, which does not confine them."""
    level: Level | None = None
    """Of the sandbox; None = the best that this machine allows."""

    def prepare(self) -> None:
        """Start a sandbox."""
        with a_sandbox(self.allow_weak_sandbox, self.level):
            pass

    def limit_s(self, problem: Problem) -> float:
        """Longest that `compute` can take, a second try included [s]."""
        return 2 * (TimeBudget(self.total_time_limit_s).wait_limit_s + _SLACK_S)

    def failures(self, tests: Tests, program: str) -> list[FailedTest]:
        """As in the base class; after a SandboxError one more try, in a new sandbox."""
        num_bytes = len(program.encode("utf-8", "surrogatepass"))
        if num_bytes > _MOST_PROGRAM_BYTES:
            return [FailedTest(0, "runtime_error", f"a program of {num_bytes} bytes")]
        try:
            return self._failures(tests, program)
        except SandboxError:
            return self._failures(tests, program)
        except MemoryError:
            return [FailedTest(0, "memory_limit", "its output was too large to be compared")]

    def _failures(self, tests: Tests, program: str) -> list[FailedTest]:
        with a_sandbox(self.allow_weak_sandbox, self.level) as sandbox:
            return self._failures_in(sandbox, tests, program)

    def _failures_in(self, sandbox: Sandbox, tests: Tests, program: str) -> list[FailedTest]:
        cpu_s = tests.time_limit_s * self.time_limit_factor
        limits = limits_of(cpu_s, tests.memory_limit_bytes)
        budget = TimeBudget(self.total_time_limit_s)
        count_all = self.reward == "fraction"
        if isinstance(tests, StdinTests | FunctionTests):
            if isinstance(tests, StdinTests):
                found = failures_of_stdin(sandbox, tests, program, limits, budget)
            else:
                found = failures_of_calls(sandbox, tests, program, limits, budget)
            return list(found if count_all else islice(found, 1))

        parts: list[CheckTests | AssertTests] = [tests]
        if count_all and isinstance(tests, AssertTests):
            parts = [tests.model_validate({**tests.model_dump(), "tests": (test,)}) for test in tests.tests]

        def failure_in(part: CheckTests | AssertTests) -> FailedTest | None:
            return next(iter(failures_of_code(sandbox, part, program, limits, budget)), None)

        failures = [budget.measured(0, partial(failure_in, part)) for part in parts]
        return [
            replace(failure, index=failure.index + start)
            for start, failure in enumerate(failures)
            if failure is not None
        ]
