"""Programs against their tests, in the sandbox: every mode, every reason, and what each test may rely on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from builders import make_answer
from or1_verify import code
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier, verifier
from or1_verify.code.program import as_response
from or1_verify.errors import SandboxError
from or1_verify.messages import decode, encode
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Message, Outcome, Problem, Verdict


def judge(tests: Any, program: str, how: CodeVerifier | None = None) -> Verdict:
    return code.verify(tests, as_response(program), how)


def asserts(*tests: str, **rest: Any) -> dict[str, Any]:
    return {"mode": "asserts", "tests": list(tests), **rest}


SUM = {
    "inputs": ["1 2\n", "3 4\n"],
    "outputs": ["3\n", "7\n"],
    "time_limit_s": 30.0,
    "memory_limit_bytes": 1 << 28,
}
BRIEF = {**SUM, "time_limit_s": 1.0}
"""For programs that only a limit ends; the others have time on any machine."""
STDIN: list[tuple[str, str, str]] = [
    ("print(sum(map(int, input().split())))", "right", "input()"),
    ("import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))", "right", "sys.stdin.buffer"),
    ("print(sum(map(int, open(0).read().split())))", "right", "open(0)"),
    ("print(sum(map(int, open('/dev/stdin').read().split())))", "right", "/dev/stdin"),
    (
        "with open('/dev/stdout', 'w') as f: f.write(str(sum(map(int, input().split()))))",
        "right",
        "/dev/stdout",
    ),
    (
        """
import os
class Out:
    def __init__(self): self.kept = ""
    def write(self, text): self.kept += text
    def flush(self): os.write(1, self.kept.encode()); self.kept = ""
sys.stdout = Out()
print(sum(map(int, input().split())))
""",
        "right",
        "a stream of the program's own is flushed at its end",
    ),
    ("if __name__ == '__main__':\n    print(sum(map(int, input().split())))", "right", "it is __main__"),
    ("def main():\n    print(sum(map(int, input().split())))\nmain()", "right", "functions see globals"),
    (
        "print(sum(map(int, input().split())))\nsys.exit(1)",
        "right",
        "SystemExit ends the program, output counts",
    ),
    ("print(reduce(operator.add, map(int, input().split())))", "right", "the preamble is there"),
    (
        "from __future__ import annotations\nprint(sum(map(int, input().split())))",
        "right",
        "__future__ works",
    ),
    ("import numpy as np\nprint(np.array(input().split(), int).sum())", "right", "numpy is there"),
    (
        "from sortedcontainers import SortedList\nprint(sum(SortedList(map(int, input().split()))))",
        "right",
        "sortedcontainers too",
    ),
    (
        "from threading import *\ndef f(): print(sum(map(int, input().split())))\nThread(target=f).start()",
        "right",
        "threads are waited for",
    ),
    ("print(sum(map(int, input().split())) + 1)", "wrong_answer", "another value"),
    ("pass", "wrong_answer", "no output"),
    ("print(sum(map(int, input().split())))\n1 / 0", "runtime_error", "an exception after the output"),
    ("print(3\n", "runtime_error", "no Python"),
    ("print('\0')", "runtime_error", "a null byte in the source"),
    ("import ctypes\nctypes.string_at(0)", "runtime_error", "a signal"),
    ("def f(n): return f(n + 1)\nf(0)", "runtime_error", "endless recursion"),
    ("while True: pass", "time_limit", "an endless loop"),
    ("x = [0] * (1 << 28)", "memory_limit", "too much memory"),
    ("while True: print('x' * 100_000)", "output_limit", "endless output"),
]


@pytest.mark.parametrize(("program", "reason", "rule"), STDIN, ids=[rule for *_, rule in STDIN])
def test_stdin(program: str, reason: str, rule: str) -> None:
    verdict = judge(BRIEF if reason == "time_limit" else SUM, program)
    assert verdict.reason == reason, verdict.detail
    assert verdict.reward == float(reason == "right")
    assert verdict.outcome is (Outcome.RIGHT if reason == "right" else Outcome.WRONG)


def test_waiting_is_a_time_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("or1_verify.code.launch._WAITED_PER_CPU", -4)  # one second
    assert judge(BRIEF, "import time\ntime.sleep(600)").reason == "time_limit"


FUNCTION = {"fn_name": "join", "inputs": ['[1, 2]\n"-"', '[3]\n"+"'], "outputs": ['"1-2"', '"3"']}
CALLS: list[tuple[str, str, str]] = [
    ("def join(xs, sep): return sep.join(map(str, xs))", "right", "a function"),
    (
        "class Solution:\n    def join(self, xs: List[int], sep): return sep.join(map(str, xs))",
        "right",
        "a method of Solution, preamble for annotations",
    ),
    (
        "class Solution:\n    n = 0\n    def join(self, xs, sep):\n        Solution.n += 1\n"
        "        return sep.join(map(str, xs)) * Solution.n",
        "right",
        "no state goes from test to test",
    ),
    (
        "def join(xs, sep): return sep.join(map(str, xs))\nif __name__ == '__main__': 1 / 0",
        "right",
        "it is not __main__",
    ),
    (
        "def join(xs, sep):\n    print('noise')\n    return sep.join(map(str, xs))",
        "right",
        "output is ignored",
    ),
    ("def join(xs, sep): return sep.join(map(str, xs)).encode()", "wrong_answer", "bytes are no text"),
    ("def joined(xs, sep): return ''", "runtime_error", "another name"),
    ("def join(xs): return ''", "runtime_error", "other arguments"),
    ("def join(xs, sep): return object()", "wrong_answer", "no plain value"),
    (
        "class Solution:\n    def __init__(self): 1 / 0\n    def join(self, xs, sep): pass",
        "runtime_error",
        "__init__",
    ),
]


@pytest.mark.parametrize(("program", "reason", "rule"), CALLS, ids=[rule for *_, rule in CALLS])
def test_calls(program: str, reason: str, rule: str) -> None:
    verdict = judge(FUNCTION, program)
    assert verdict.reason == reason, verdict.detail


@pytest.mark.parametrize(
    ("raised", "reason", "detail"),
    [
        ("ValueError('no join')", "runtime_error", "ValueError: no join"),
        ("MemoryError('full')", "memory_limit", "MemoryError: full"),
        ("KeyError(3)", "runtime_error", "KeyError: 3"),
    ],
)
def test_an_exception_of_a_call_is_named(raised: str, reason: str, detail: str) -> None:
    verdict = judge(FUNCTION, f"def join(xs, sep): raise {raised}")
    assert (verdict.reason, verdict.detail) == (reason, f"test 1 of 2: {detail}")


@pytest.mark.parametrize(
    ("inputs", "output", "program", "reason"),
    [
        ("[3, 1, 2]", "[1, 2, 3]", "def f(x): x.sort(); return x", "right"),
        ("[3, 1]", "[[1, 3]]", "def f(x): return ((1, 3),)", "right"),
        ("[3, 1]", '{"1": 2}', "def f(x): return {1: 2}", "wrong_answer"),
        ("[1]", "0.3", "def f(x): return 0.1 + 0.2", "wrong_answer"),
        ("[1]", "[1, 2]", "import numpy\ndef f(x): return numpy.arange(2) + numpy.int64(1)", "wrong_answer"),
        ("[1]", "[1, 2]", "import numpy\ndef f(x): return list(numpy.arange(2) + 1)", "right"),
        ("1", "3", "import math\ndef f(x): return math.comb(3, x)", "right"),
        ("1", "3", "y = 1", "runtime_error"),
    ],
)
def test_values_of_calls(inputs: str, output: str, program: str, reason: str) -> None:
    tests = {"fn_name": "f", "inputs": [inputs], "outputs": [output]}
    verdict = judge(tests, program)
    assert verdict.reason == reason, verdict.detail


def test_a_name_of_the_preamble_is_not_the_programs() -> None:
    """`from operator import *` defines `add`: a program that does not must not pass by it."""
    tests = {"fn_name": "add", "inputs": ["1\n2"], "outputs": ["3"]}
    assert judge(tests, "pass").reason == "runtime_error"
    assert judge(tests, "def add(a, b): return a + b").reason == "right"


CHECKED = {
    "inputs": ["10"],
    "outputs": ["3 7"],
    "checker": "def check(input, output, reference):\n    return sum(map(int, output.split())) == int(input)",
}


@pytest.mark.parametrize(
    ("program", "outcome"),
    [("print(4, 6)", Outcome.RIGHT), ("print(4, 7)", Outcome.WRONG), ("print('four', 6)", Outcome.WRONG)],
)
def test_a_checker_accepts_any_right_output(program: str, outcome: Outcome) -> None:
    assert judge(CHECKED, program).outcome is outcome


@pytest.mark.parametrize(
    "tests",
    [
        {**CHECKED, "checker": "def check(i, o, r): raise KeyError"},
        {**CHECKED, "checker": "import a_module_that_is_not_there"},
        {**CHECKED, "checker": "def check(i, o, r):\n    while True: bytearray(1 << 40)"},
        asserts("assert undefined_name(f) == 1", names=["f"]),
        asserts("assert f(1) == 1", setup="import a_module_that_is_not_there"),
        {"test": "def check_it(candidate): pass", "entry_point": "Solution().rev"},
        {"inputs": ["1"], "outputs": []},
    ],
    ids=range(7),
)
def test_tests_that_cannot_work_are_our_failure(tests: Any) -> None:
    verdict = judge(tests, "def f(x): return x\nclass Solution:\n    rev = f\nprint(5)")
    assert (verdict.outcome, verdict.reward, verdict.reason) == (Outcome.NOT_JUDGED, None, "bad_tests")


def test_no_program_is_no_answer() -> None:
    assert code.verify(SUM, "I cannot.").reason == "no_code"
    assert code.verify(SUM, "<think>```python\nprint(3)\n```").reason == "unfinished_thinking"
    assert code.verify(SUM, "").outcome is Outcome.NO_ANSWER


def test_work_ends_at_the_first_failure_unless_all_are_counted() -> None:
    tests = {"inputs": list("12345"), "outputs": list("12945"), "time_limit_s": 1.0}
    assert judge(tests, "print(input())").detail.startswith("test 3 of 5")
    fraction = CodeVerifier(reward="fraction")
    assert judge(tests, "print(input())", fraction).reward == pytest.approx(4 / 5)
    assert (
        judge(tests, "print(input())\nwhile input: pass", CodeVerifier(total_time_limit_s=0.5)).reason
        == "time_limit"
    )
    calls = {"fn_name": "f", "inputs": ["1", "2", "3"], "outputs": ["1", "0", "3"]}
    assert judge(calls, "def f(x): return x", fraction).reward == pytest.approx(2 / 3)
    three = asserts("assert f(1) == 1", "assert f(2) == 0", "assert f(3) == 3")
    assert judge(three, "def f(x): return x", fraction).reward == pytest.approx(2 / 3)
    assert judge(
        three, "import os\ndef f(x): return x if x < 3 else os._exit(0)", fraction
    ).reward == pytest.approx(1 / 3)


def test_tests_after_the_total_limit_are_not_passed() -> None:
    """Five tests of 0.8 s of processor time, and time for one and a half: the others count as failed."""
    tests = {"inputs": ["1"] * 5, "outputs": ["1"] * 5, "time_limit_s": 2.0}
    burn = "import time\nwhile time.process_time() < 0.8: sum(range(20_000))\nprint(1)"
    slow = CodeVerifier(reward="fraction", total_time_limit_s=1.2)
    verdict = judge(tests, burn, slow)
    assert verdict.reason == "time_limit"
    assert verdict.reward in (1 / 5, 2 / 5)


def test_the_time_limit_is_that_of_livecodebench() -> None:
    assert code.parse_tests({"inputs": ["1"], "outputs": ["1"]}).time_limit_s == 6.0


def test_limits_scale_with_the_machine() -> None:
    burn = "import time\nwhile time.process_time() < 0.9: sum(range(20_000))\nprint(3)"
    tests = {"inputs": [""], "outputs": ["3"], "time_limit_s": 0.3}
    assert judge(tests, burn).reason == "time_limit"
    assert judge(tests, burn, CodeVerifier(time_limit_factor=40.0)).reason == "right"


def test_an_answer_after_the_limit_is_late_though_the_program_was_not_killed() -> None:
    """It is killed at 2.5 s of user time."""
    burn = "import time\n    while time.process_time() < 2.25: sum(range(20_000))\n    return 3"
    tests = {"fn_name": "f", "inputs": [[1]], "outputs": [3], "time_limit_s": 2.0}
    assert judge(tests, f"def f(x):\n    {burn}").reason == "time_limit"
    assert judge({**asserts("assert f(1) == 3"), "time_limit_s": 2.0}, f"def f(x):\n    {burn}").reason == (
        "time_limit"
    )


def problem(tests: Any) -> Problem:
    return Problem.make("code", (Message("user", "?"),), tests)


def test_the_answer_is_the_program_alone() -> None:
    verifier = CodeVerifier()
    text = "<think>\n```\nprint(1)\n```\n</think>\nHere:\n```python\nprint(3)\n```\nDone."
    assert verifier.read(text) == "print(3)"
    assert verifier.read(as_response("print(3)")) == "print(3)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("nothing", "no_code"), ("", "no_code"), ("```\n \n```", "no_code"), ("<think>", "unfinished_thinking")],
)
def test_a_text_without_a_program_is_no_answer(text: str, reason: str) -> None:
    expected = Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason=reason)
    assert CodeVerifier().read(text) == expected


def test_the_solution_that_came_with_the_tests_is_the_ideal_answer() -> None:
    assert CodeVerifier().ideal_answer(problem({**SUM, "solution": "print(3)"})) == "print(3)"
    assert CodeVerifier().ideal_answer(problem(SUM)) is None


def test_a_pool_judges_programs_beside_each_other() -> None:
    """In workers with an address limit far below what sandboxed programs may use."""
    assert decode(encode(CodeVerifier(reward="fraction")), (Verifier,)) == CodeVerifier(reward="fraction")
    roomy = problem({**SUM, "memory_limit_bytes": 1 << 30})
    brief = problem({**BRIEF, "memory_limit_bytes": 1 << 30})
    good = "print(sum(map(int, input().split())))"
    asked = [
        (roomy, good),
        (roomy, "print(0)"),
        (roomy, "import mmap\nx = mmap.mmap(-1, 700 << 20)\n" + good),  # takes addresses, fills no memory
        (roomy, good),
        (brief, "while True: pass"),
        (roomy, "import os\nos._exit(3)"),
    ]
    wanted = ["right", "wrong_answer", "right", "right", "time_limit", "runtime_error"]

    answers = [make_answer(each, as_response(text), index) for index, (each, text) in enumerate(asked)]
    with ProcessVerifierPool(
        {"code": CodeVerifier()}, 2, time_limit_s=0.5, memory_limit_bytes=1 << 29
    ) as pool:
        found = {answer.index: verdict.reason for answer, verdict in pool.judge(answers)}
        assert [found[index] for index in range(len(asked))] == wanted
        assert pool.events["retries"] == 0, "a program's own limits, not the worker's, must end it"
        assert pool.events["cache_hits"] == 1


class Broken:
    """A sandbox that fails `failures` times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked = 0

    def __call__(self, *_: object) -> list[Any]:
        self.asked += 1
        if self.asked <= self.failures:
            raise SandboxError("the fork server is lost")
        return []


@pytest.mark.parametrize(("failures", "outcome"), [(1, Outcome.RIGHT), (2, Outcome.NOT_JUDGED)])
def test_our_own_failure_is_tried_once_more(
    failures: int, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(failures)
    monkeypatch.setattr(verifier, "failures_of_code", broken)
    verdict = judge(asserts("assert f(1) == 1"), "def f(x): return x")
    assert verdict.outcome is outcome
    assert broken.asked == 2
    assert verdict.reason == ("right" if failures == 1 else "sandbox_error")


def test_nothing_is_left_open() -> None:
    """Programs, testers and checkers by the dozen: as many descriptors as before."""
    rounds = [(SUM, "print(3)"), (FUNCTION, "def join(x, s): pass"), (asserts("assert f(1)"), "f = abs")]
    rounds.append((CHECKED, "print(1)"))

    def num_descriptors() -> int:
        for tests, program in rounds:
            judge(tests, program)
        return len(list(Path("/proc/self/fd").iterdir()))

    num_before = num_descriptors()
    assert [num_descriptors() for _ in range(10)] == [num_before] * 10


def test_many_threads_get_their_own_verdicts() -> None:
    def verdict(number: int) -> bool:
        tests = {"inputs": [str(number)], "outputs": [str(number * number)]}
        program = "n = int(input())\nprint(n * n)" if number % 3 else "print(-1)"
        return (judge(tests, program).outcome is Outcome.RIGHT) == bool(number % 3)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(verdict, range(40)))


def test_a_program_that_changes_its_arguments_leaves_the_tests_as_they_are() -> None:
    tests = {"fn_name": "f", "inputs": [[[1, 3], [2]]], "outputs": [[1, 2, 3]]}
    in_place = "def f(a, b):\n    a += b\n    a.sort()\n    return a"
    assert [judge(tests, in_place).reason for _ in range(2)] == ["right", "right"]
    assert judge(tests, "def f(a, b):\n    a.clear()\n    b.clear()").reason == "wrong_answer"
    assert judge(tests, "def f(a, b): return sorted(a + b)").reason == "right"
    assert tests["inputs"] == [[[1, 3], [2]]]
