"""The adapter of SandboxFusion, against a small service that answers as it does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.code.program import as_response
from or1_verify.types import Message, Outcome, Problem, Verdict


class Service(BaseHTTPRequestHandler):
    """Runs trusted test programs in a plain process; fails as listed in `failures`."""

    failures: ClassVar[list[Any]] = []
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Service.asked.append({**request, "path": self.path})
        failure = Service.failures.pop(0) if Service.failures else None
        if isinstance(failure, int):
            self.send_error(failure)
            return
        answer = json.dumps(failure if failure is not None else run(request)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def run(request: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-c", request["code"]]
    try:
        done = subprocess.run(
            command, input=request["stdin"], capture_output=True, text=True, timeout=request["run_timeout"]
        )
    except subprocess.TimeoutExpired:
        result = {"status": "TimeLimitExceeded", "return_code": None, "stdout": "", "stderr": ""}
        return {"status": "Failed", "message": "", "run_result": result}
    result = {
        "status": "Finished",
        "execution_time": 0.1,
        "return_code": done.returncode,
        "stdout": done.stdout,
        "stderr": done.stderr,
    }
    return {"status": "Success" if done.returncode == 0 else "Failed", "message": "", "run_result": result}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def judge(url: str, tests: dict[str, Any], program: str, **settings: Any) -> Verdict:
    how = SandboxFusionVerifier(url=url, pause_s=0.0, **settings)
    return how.verify(Problem.make("code", (Message("user", ""),), tests), as_response(program))


# python itself may take seconds to start
SUM = {"inputs": ["1 2", "3 4"], "outputs": ["3", "7"], "time_limit_s": 120.0}
JOIN = {"time_limit_s": 120.0, "fn_name": "join", "inputs": ['["a", "b"]\n"-"'], "outputs": ['"a-b"']}


@pytest.mark.parametrize(
    ("tests", "program", "reason"),
    [
        (SUM, "print(sum(map(int, input().split())))", "right"),
        (SUM, "print(sum(map(int, input().split())))\nsys.exit(2)", "right"),
        (SUM, "print(3)", "wrong_answer"),
        (SUM, "import os\nos._exit(0)", "wrong_answer"),
        (SUM, "1 / 0", "runtime_error"),
        ({**SUM, "time_limit_s": 0.5}, "while True: pass", "time_limit"),
        (JOIN, "def join(xs, sep): return sep.join(xs)", "right"),
        (
            JOIN,
            "class Solution:\n    def join(self, xs, sep): print('noise'); return sep.join(xs)",
            "right",
        ),
        (JOIN, "def join(xs, sep): return xs", "wrong_answer"),
        (JOIN, "import os\nos._exit(0)", "wrong_answer"),
        (JOIN, "def join(xs, sep): return object()", "runtime_error"),
        (JOIN, "print('or1-0:\"a-b\"')\ndef join(xs, sep): return 1", "wrong_answer"),
        ({"tests": ["assert f(1) == 1"]}, "def f(x): return x", "bad_tests"),
        ({**SUM, "checker": "def check(i, o, r): return True"}, "print(1)", "bad_tests"),
    ],
)
def test_verdicts(url: str, tests: dict[str, Any], program: str, reason: str) -> None:
    verdict = judge(url, tests, program)
    assert verdict.reason == reason, verdict.detail
    assert (verdict.outcome is Outcome.NOT_JUDGED) == (reason == "bad_tests")


def test_the_service_sees_no_expected_output(url: str) -> None:
    Service.asked.clear()
    judge(url, {"inputs": ["5"], "outputs": ["secret-7c"]}, "print(input())")
    judge(url, {"fn_name": "f", "inputs": ["5"], "outputs": ['"secret-7c"']}, "def f(x): return x")
    assert [asked["path"] for asked in Service.asked] == ["/run_code", "/run_code"]
    assert "secret-7c" not in json.dumps(Service.asked)


@pytest.mark.parametrize(
    "failure",
    [500, 503, {"status": "SandboxError", "message": "no worker"}, {"status": "Success"}, [], "words"],
    ids=str,
)
def test_a_failing_service_is_asked_once_more_and_then_not_judged(url: str, failure: Any) -> None:
    program = "print(sum(map(int, input().split())))"
    Service.failures[:] = [failure]
    assert judge(url, SUM, program).outcome is Outcome.RIGHT
    Service.failures[:] = [failure, failure]
    verdict = judge(url, SUM, program)
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_JUDGED, "sandbox_error")
    assert Service.failures == []


def test_no_service_is_not_judged() -> None:
    verdict = judge("http://127.0.0.1:9", SUM, "print(3)")
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_JUDGED, "sandbox_error")


def test_all_tests_count_for_a_fraction(url: str) -> None:
    assert judge(url, SUM, "print(7)", reward="fraction").reward == 0.5
    assert judge(url, SUM, "print(7)").reward == 0.0
