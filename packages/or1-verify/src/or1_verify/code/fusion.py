"""Programs judged by a SandboxFusion service, for those who run one: tests that are data only.

The service runs one program on one input and answers with what it printed; the comparison is made here, so a
program can forge nothing. Tests that are code would have to run in the program's own process there, which an
`os._exit(0)` passes: they are refused. The service's limits hold, wall time among them; it keeps the first
MiB of an output.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from itertools import islice
from typing import Any

from or1_verify.code.compare import difference, same_value
from or1_verify.code.launch import whole_program
from or1_verify.code.outcome import BadTestsError, FailedTest
from or1_verify.code.spec import FunctionTests, StdinTests, Tests, num_tests, parse_tests
from or1_verify.code.verifier import ProgramVerifier
from or1_verify.errors import SandboxError
from or1_verify.types import Problem

_SHOWN = 200
"""Most characters of a program's last words in a detail [characters]."""
_CALL = """

def _or1_call(name, arguments):
    solution = globals().get("Solution")
    owner = solution() if isinstance(solution, type) and hasattr(solution, name) else None
    return (getattr(owner, name) if owner is not None else globals()[name])(*arguments)


print("\\n{mark}" + __import__("json").dumps(_or1_call({name!r}, __import__("json").loads({arguments!r}))))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFusionVerifier(ProgramVerifier):
    """Judges as `CodeVerifier` does, with programs run by a service.

    Reasons are the same, without `memory_limit` and `output_limit`, which the service does not tell apart
    from other failures. A service that cannot be reached, or fails, twice is NOT_JUDGED `sandbox_error`.
    """

    url: str
    """Of the service: `http://127.0.0.1:8080`."""
    answer_limit_s: float = 60.0
    """Longest wait for the service beyond a program's time limit [s]."""
    pause_s: float = 1.0
    """Before the second try [s]."""

    def wall_limit_s(self, problem: Problem) -> float:
        """Longest that `compute` can take, all second tries included [s]."""
        tests = parse_tests(problem.gold)
        one = tests.time_limit_s * self.time_limit_factor + self.answer_limit_s + self.pause_s
        return 2 * num_tests(tests) * one

    def failures(self, tests: Tests, program: str) -> list[FailedTest]:
        """As the base class says; tests that are code are refused."""
        if not isinstance(tests, StdinTests | FunctionTests):
            raise BadTestsError(f"tests of mode {tests.mode} need or1's own sandbox, not SandboxFusion")
        if isinstance(tests, StdinTests) and tests.checker is not None:
            raise BadTestsError("tests with a checker need or1's own sandbox, not SandboxFusion")
        found = (f for i in range(num_tests(tests)) if (f := self._failure(tests, program, i)))
        return list(found if self.reward == "fraction" else islice(found, 1))

    def _failure(self, tests: StdinTests | FunctionTests, program: str, index: int) -> FailedTest | None:
        mark = f"or1-{secrets.token_hex(16)}:"  # tells the answer from what the program prints, no more
        if isinstance(tests, StdinTests):
            source, stdin = whole_program(program), tests.inputs[index]
        else:
            arguments = json.dumps(list(tests.inputs[index]))
            call = _CALL.format(mark=mark, name=tests.fn_name, arguments=arguments)
            source, stdin = whole_program(program + call), ""
        limit_s = tests.time_limit_s * self.time_limit_factor
        answer = self._ask(source, stdin, limit_s, tests.memory_limit_bytes)
        failure = _failure_of(index, answer)
        if failure is not None:
            return failure
        output = str(answer["run_result"].get("stdout") or "")
        wrong = (
            difference(output, tests.outputs[index])
            if isinstance(tests, StdinTests)
            else _wrong_value(output.rpartition(mark)[2], tests, index)
        )
        return FailedTest(index, "wrong_answer", wrong) if wrong else None

    def _ask(self, source: str, stdin: str, limit_s: float, memory_limit_bytes: int) -> dict[str, Any]:
        """The service's answer; asked once more when it fails."""
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/run_code",
            data=json.dumps(
                {
                    "code": source,
                    "language": "python",
                    "stdin": stdin,
                    "run_timeout": limit_s,
                    "memory_limit_MB": memory_limit_bytes >> 20,
                }
            ).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            return _answer(request, limit_s + self.answer_limit_s)
        except SandboxError:
            time.sleep(self.pause_s)
            return _answer(request, limit_s + self.answer_limit_s)


def _answer(request: urllib.request.Request, timeout_s: float) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:
            answer = json.loads(reply.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise SandboxError(f"SandboxFusion at {request.full_url}: {error}") from error
    has_result = isinstance(answer, dict) and isinstance(answer.get("run_result"), dict)
    if not has_result or answer.get("status") not in ("Success", "Failed"):
        told = str(answer)[:_SHOWN]
        raise SandboxError(f"SandboxFusion at {request.full_url} did not run the program: {told}")
    return dict(answer)


def _failure_of(index: int, answer: dict[str, Any]) -> FailedTest | None:
    result = answer["run_result"]
    if result.get("status") == "TimeLimitExceeded":
        return FailedTest(index, "time_limit", "the service's limit")
    if result.get("status") == "Finished" and result.get("return_code") == 0:
        return None
    words = str(result.get("stderr") or "").strip().splitlines()
    told = words[-1][:_SHOWN] if words else f"exit status {result.get('return_code')}"
    return FailedTest(index, "runtime_error", told)


def _wrong_value(text: str, tests: FunctionTests, index: int) -> str | None:
    expected = tests.outputs[index]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "no plain value"
    if same_value(value, expected) or (tests.may_be_wrapped and same_value(value, expected[0])):
        return None
    return f"{text[:_SHOWN]} instead of {json.dumps(expected)[:_SHOWN]}"
