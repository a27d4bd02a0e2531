"""Verifier of programs that runs them in a SandboxFusion service. Tests must be data (stdin, function calls).

The service runs a program on one input and returns its output; the comparison is made here, so the program
cannot forge a verdict. Tests that are code are refused: they would run in the program's own process, where
`os._exit(0)` passes them. The limits are those of the service (wall time), which keeps the first MiB of an
output.
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
"""Longest text of a program in a detail [characters]."""
_CALL = """

def _or1_call(name, arguments):
    solution = globals().get("Solution")
    owner = solution() if isinstance(solution, type) and hasattr(solution, name) else None
    return (getattr(owner, name) if owner is not None else globals()[name])(*arguments)


print("\\n{mark}" + __import__("json").dumps(_or1_call({name!r}, __import__("json").loads({arguments!r}))))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFusionVerifier(ProgramVerifier):
    """Judges as `CodeVerifier`, with programs that run in a service.

    The reasons are the same, except `memory_limit` and `output_limit`: the service reports them as other
    failures. If the service fails twice, or cannot be reached, the verdict is NOT_JUDGED `sandbox_error`.
    """

    url: str
    """Address of the service: `http://127.0.0.1:8080`."""
    answer_limit_s: float = 60.0
    """Longest wait for a reply beyond the time limit of the program [s]."""
    pause_s: float = 1.0
    """Pause before the second try [s]."""

    def limit_s(self, problem: Problem) -> float:
        """Longest that `compute` can take, all second tries included [s]."""
        tests = parse_tests(problem.gold)
        one = tests.time_limit_s * self.time_limit_factor + self.answer_limit_s + self.pause_s
        return 2 * num_tests(tests) * one

    def failures(self, tests: Tests, program: str) -> list[FailedTest]:
        """As in the base class; tests that are code are refused."""
        if not isinstance(tests, StdinTests | FunctionTests):
            raise BadTestsError(f"tests of mode {tests.mode} need or1's own sandbox, not SandboxFusion")
        if isinstance(tests, StdinTests) and tests.checker is not None:
            raise BadTestsError("tests with a checker need or1's own sandbox, not SandboxFusion")
        found = (f for i in range(num_tests(tests)) if (f := self._failure(tests, program, i)))
        return list(found if self.reward == "fraction" else islice(found, 1))

    def _failure(self, tests: StdinTests | FunctionTests, program: str, index: int) -> FailedTest | None:
        mark = f"or1-{secrets.token_hex(16)}:"  # separates the value from other output
        if isinstance(tests, StdinTests):
            source, stdin = whole_program(program), tests.inputs[index]
        else:
            arguments = json.dumps(list(tests.inputs[index]))
            call = _CALL.format(mark=mark, name=tests.fn_name, arguments=arguments)
            source, stdin = whole_program(program + call), ""
        limit_s = tests.time_limit_s * self.time_limit_factor
        reply = self._run(source, stdin, limit_s, tests.memory_limit_bytes)
        failure = _failure_of(index, reply)
        if failure is not None:
            return failure
        output = str(reply["run_result"].get("stdout") or "")
        wrong = (
            difference(output, tests.outputs[index])
            if isinstance(tests, StdinTests)
            else _wrong_value(output.rpartition(mark)[2], tests, index)
        )
        return FailedTest(index, "wrong_answer", wrong) if wrong else None

    def _run(self, source: str, stdin: str, limit_s: float, memory_limit_bytes: int) -> dict[str, Any]:
        """The reply of the service; a failed request is sent once more."""
        content = {"code": source, "language": "python", "stdin": stdin, "run_timeout": limit_s}
        content |= {"memory_limit_MB": memory_limit_bytes >> 20}
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/run_code",
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            return _reply(request, limit_s + self.answer_limit_s)
        except SandboxError:
            time.sleep(self.pause_s)
            return _reply(request, limit_s + self.answer_limit_s)


def _reply(request: urllib.request.Request, timeout_s: float) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            reply = json.loads(response.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise SandboxError(f"SandboxFusion at {request.full_url}: {error}") from error
    has_result = isinstance(reply, dict) and isinstance(reply.get("run_result"), dict)
    if not has_result or reply.get("status") not in ("Success", "Failed"):
        raise SandboxError(
            f"SandboxFusion at {request.full_url} did not run the program: {str(reply)[:_SHOWN]}"
        )
    return dict(reply)


def _failure_of(index: int, reply: dict[str, Any]) -> FailedTest | None:
    result = reply["run_result"]
    if result.get("status") == "TimeLimitExceeded":
        return FailedTest(index, "time_limit", "the service's limit")
    if result.get("status") == "Finished" and result.get("return_code") == 0:
        return None
    words = str(result.get("stderr") or "").strip().splitlines()
    detail = words[-1][:_SHOWN] if words else f"exit status {result.get('return_code')}"
    return FailedTest(index, "runtime_error", detail)


def _wrong_value(text: str, tests: FunctionTests, index: int) -> str | None:
    expected = tests.outputs[index]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "no plain value"
    if same_value(value, expected) or (tests.may_be_wrapped and same_value(value, expected[0])):
        return None
    return f"{text[:_SHOWN]} instead of {json.dumps(expected)[:_SHOWN]}"
