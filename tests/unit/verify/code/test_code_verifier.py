"""Programs against their tests, in the sandbox: every mode, every reason, and what each test may rely on."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fault.test_verifier_pool import response as pool_response

from or1.errors import SandboxError
from or1.types import Message, Outcome, Problem, Response, Verdict
from or1.verify import code
from or1.verify.code import CodeVerifier, sandboxes, verifier
from or1.verify.code.outcome import LIVECODEBENCH_CODES
from or1.verify.code.program import as_response
from or1.verify.pool import ProcessVerifierPool


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    sandboxes.close_all()


def judge(tests: Any, program: str, how: CodeVerifier | None = None) -> Verdict:
    return code.verify(tests, as_response(program), how)


def asserts(*tests: str, **rest: Any) -> dict[str, Any]:
    return {"mode": "asserts", "tests": list(tests), **rest}


SUM = {
    "inputs": ["1 2\n", "3 4\n"],
    "outputs": ["3\n", "7\n"],
    "time_limit_s": 1.0,
    "memory_limit_bytes": 1 << 28,
}
STDIN: list[tuple[str, str, str]] = [
    ("print(sum(map(int, input().split())))", "right", "input()"),
    ("import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))", "right", "sys.stdin.buffer"),
    ("print(sum(map(int, open(0).read().split())))", "right", "open(0)"),
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
    verdict = judge(SUM, program)
    assert verdict.reason == reason, verdict.detail
    assert verdict.reward == float(reason == "right")
    assert verdict.outcome is (Outcome.RIGHT if reason == "right" else Outcome.WRONG)
    assert reason == "right" or reason in LIVECODEBENCH_CODES


def test_waiting_is_a_time_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("or1.verify.code.bench._WALL_PER_CPU", -4)  # one second on the wall
    assert judge(SUM, "import time\ntime.sleep(600)").reason == "time_limit"


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


STACK = """
class Stack:
    def __init__(self, *items): self.items = list(items)
    def push(self, x): self.items.append(x); return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __getitem__(self, i): return self.items[i]
    def __contains__(self, x): return x in self.items
    def __eq__(self, other): return True
    def __str__(self): return "stack"
"""
ASSERTED: list[tuple[str, str, str, str]] = [
    ("xs = [3, 1]\nsort(xs)\nassert xs == [1, 3]", "def sort(x): x.sort()", "right", "work in place is seen"),
    (
        "xs = [3, 1]\nassert sort(xs) is xs",
        "def sort(x): x.sort(); return x",
        "right",
        "the same object comes back",
    ),
    (
        "g = [[1], [2]]\nalias = g[0]\nf(g)\nassert alias == [1, 9] and g[0] is alias and len(g) == 3",
        "def f(g): g[0].append(9); g.append([])",
        "right",
        "objects inside are the same",
    ),
    (
        "s = {1}; d = {}\nf(s, d)\nassert s == {1, 2} and d == {3: 4}",
        "def f(s, d): s.add(2); d[3] = 4",
        "right",
        "sets",
    ),
    ("assert f((1, 2)) == (2, 1)", "def f(t): return t[::-1]", "right", "tuples stay tuples"),
    ("assert f((1, 2)) == [2, 1]", "def f(t): return t[::-1]", "wrong_answer", "and are no lists"),
    ("assert f(1j) == -1 and f(2.5) == 6.25", "def f(x): return x * x", "right", "complex numbers"),
    ("assert f(300) == math.factorial(300)", "import math\nf = math.factorial", "right", "large integers"),
    (
        "assert f(lambda x: x + 1, [1, 2]) == [2, 3]",
        "def f(g, xs): return [g(x) for x in xs]",
        "right",
        "functions",
    ),
    (
        "assert f(len, ['a', 'bb']) == [1, 2]",
        "def f(g, xs): return [g(x) for x in xs]",
        "right",
        "builtin functions",
    ),
    ("assert list(f(3)) == [0, 1, 2]", "def f(n):\n    yield from range(n)", "right", "generators"),
    (
        "s = Stack()\ns.push(1).push(2)\nassert s.pop() == 2 and len(s) == 1",
        STACK,
        "right",
        "objects by handle",
    ),
    ("s = Stack(4, 5)\nassert list(s) == [4, 5] and s[1] == 5 and 4 in s", STACK, "right", "special methods"),
    ("s = Stack(4)\nassert s.items == [4] and str(s) == 'stack'", STACK, "right", "attributes"),
    ("assert Stack(1) == Stack(1)", STACK, "wrong_answer", "objects have no equality of their own"),
    ("assert Stack(1) == 7", STACK, "wrong_answer", "with nothing"),
    ("s = Stack(1)\nassert s == s", STACK, "right", "but are themselves"),
    (
        "try:\n    f(-1)\nexcept ValueError as e:\n    assert 'negative' in str(e)\nelse:\n    assert False",
        "def f(x): raise ValueError('negative')",
        "right",
        "exceptions keep their builtin class",
    ),
    (
        "try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
        "class Mine(ValueError): pass\ndef f(x): raise Mine('x')",
        "right",
        "or that of their base",
    ),
    ("assert f(1) == 1", "def f(x): raise AssertionError", "runtime_error", "an exception is the program's"),
    ("assert f(1) + 1 == 2", "def f(x): return None", "wrong_answer", "what cannot be used is wrong"),
    ("assert f(1) == 2", "g = 1", "runtime_error", "the function is missing"),
    (
        "assert f(1) == 2",
        "def f(x): return x + 1\nn = 1 / 0",
        "runtime_error",
        "the program cannot be loaded",
    ),
    ("assert f(1) == 2", "def f(x):\n    while True: pass", "time_limit", "an endless loop"),
    ("assert f(1) == 2", "def f(x): return [0] * (1 << 40)", "memory_limit", "too much memory"),
    (
        "import numpy as np\nassert np.allclose(f(3), [0, 1, 2])",
        "import numpy\nf = numpy.arange",
        "right",
        "arrays",
    ),
    ("assert f([1, 2, 3, 4]) == 2.5", "import numpy\nf = numpy.mean", "right", "numbers of numpy"),
    ("assert f() < sys.maxsize", "def f(): return 1", "right", "modules that the test forgot to import"),
    (
        "assert count([1, 1], 1) == 2",
        "def count(xs, x): return xs.count(x)",
        "right",
        "a name of the preamble",
    ),
    ("assert count([1, 1], 1) == 2", "x = 1", "runtime_error", "which must still be defined"),
    (
        "assert f(float('nan')) != 1 and f(float('-inf')) < 0",
        "def f(x): return x",
        "right",
        "nan and infinities",
    ),
]


@pytest.mark.parametrize(("test", "program", "reason", "rule"), ASSERTED, ids=[rule for *_, rule in ASSERTED])
def test_asserts(test: str, program: str, reason: str, rule: str) -> None:
    verdict = judge(asserts(test, time_limit_s=1.0), program)
    assert verdict.reason == reason, verdict.detail


REVERSE = "class Solution:\n    def rev(self, head: Optional[ListNode]) -> Optional[ListNode]:\n        "
LEETCODE = {
    "mode": "leetcode",
    "entry_point": "Solution().rev",
    "test": "def check(candidate):\n"
    "    assert is_same_list(candidate(head = list_node([1, 2, 3])), list_node([3, 2, 1]))\n"
    "    assert is_same_list(candidate(head = list_node(range(3000))), list_node(range(2999, -1, -1)))\n"
    "    assert candidate(head = None) is None\n",
}
LOOP = "prev = None\n        while head: head.next, prev, head = prev, head, head.next\n        return prev"
OWN_CLASS = "class ListNode:\n    def __init__(self, val=0, next=None): self.val, self.next = val, next\n"
LYING = "class ListNode(ListNode):\n    __eq__ = lambda s, o: True\n    __bool__ = lambda s: False\n"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (REVERSE + LOOP, "right"),
        (OWN_CLASS + REVERSE + LOOP, "right"),
        (REVERSE + "return head", "wrong_answer"),
        (LYING + REVERSE + "return ListNode(1)", "wrong_answer"),
        (REVERSE + "return [3, 2, 1]", "wrong_answer"),
        (REVERSE + "head.next = head\n        return head", "wrong_answer"),
        ("def rev(head): return head", "runtime_error"),
    ],
)
def test_linked_lists(program: str, reason: str) -> None:
    verdict = judge(LEETCODE, program)
    assert verdict.reason == reason, verdict.detail


def test_trees() -> None:
    tests = {
        "mode": "leetcode",
        "entry_point": "Solution().invert",
        "test": "def check(candidate):\n"
        "    turned = tree_node([1, 3, 2, None, None, 4])\n"
        "    assert is_same_tree(candidate(root = tree_node([1, 2, 3, None, 4])), turned)\n",
    }
    invert = (
        "class Solution:\n    def invert(self, root):\n        if root:\n"
        "            root.left, root.right = self.invert(root.right), self.invert(root.left)\n"
        "        return root"
    )
    assert judge(tests, invert).reason == "right"
    assert judge(tests, invert.replace("root.left, root.right =", "_ =")).reason == "wrong_answer"


HUMANEVAL = {
    "mode": "humaneval",
    "entry_point": "twice",
    "prompt": "def helper(x):\n    return x * 2\n\n\ndef twice(x):\n    '''Twice x.'''\n",
    "test": "def check(candidate):\n    assert candidate(3) == helper(3) and candidate(4) == twice(4)\n",
}


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def twice(x): return helper(x)", "right"),
        (
            "def helper(x): return 0\ndef twice(x): return 0",
            "wrong_answer",
        ),  # the tests have a helper of their own
        ("pass", "runtime_error"),  # the stub of the prompt is not the program's
    ],
)
def test_humaneval(program: str, reason: str) -> None:
    verdict = judge(HUMANEVAL, program)
    assert verdict.reason == reason, verdict.detail


def test_a_failure_names_the_test() -> None:
    verdict = judge(asserts("assert f(1) == 1", "assert f(2) == 3, 'no'"), "def f(x): return x")
    assert verdict.detail == "test 2 of 2: assert f(2) == 3, 'no': AssertionError: no (line 1)"


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
        {**LEETCODE, "test": "def check_it(candidate): pass"},
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
    """Five tests of a quarter of a second, and time for two: the other three count as failed."""
    tests = {"inputs": ["1"] * 5, "outputs": ["1"] * 5, "time_limit_s": 2.0}
    burn = "import time\nwhile time.process_time() < 0.4: pass\nprint(1)"
    slow = CodeVerifier(reward="fraction", total_time_limit_s=0.5)
    verdict = judge(tests, burn, slow)
    assert verdict.reason == "time_limit"
    assert verdict.reward in (1 / 5, 2 / 5)


def test_limits_scale_with_the_machine() -> None:
    burn = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass\nprint(3)"
    tests = {"inputs": [""], "outputs": ["3"], "time_limit_s": 0.3}
    assert judge(tests, burn).reason == "time_limit"
    assert judge(tests, burn, CodeVerifier(time_limit_factor=4.0)).reason == "right"


def problem(tests: Any) -> Problem:
    return Problem.make("code", (Message("user", "?"),), tests)


def test_the_essence_is_the_program() -> None:
    how = CodeVerifier()
    text = "<think>\n```\nprint(1)\n```\n</think>\nHere:\n```python\nprint(3)\n```\nDone."
    assert how.essence(text) == how.essence("```\nprint(3)\n```") == as_response("print(3)")
    for each in (text, "nothing", "<think>", ""):
        essence = how.essence(each)
        assert how.essence(essence) == essence
        assert how.quick(problem(SUM), essence) == how.quick(problem(SUM), each)
    assert how.ideal_response(problem({**SUM, "solution": "print(3)"})) == as_response("print(3)")


def test_a_pool_judges_programs_beside_each_other() -> None:
    """In workers with an address limit far below what sandboxed programs may use."""
    assert pickle.loads(pickle.dumps(CodeVerifier(reward="fraction"))) == CodeVerifier(reward="fraction")
    asked = problem({**SUM, "memory_limit_bytes": 1 << 30, "time_limit_s": 3.0})
    good = "print(sum(map(int, input().split())))"
    programs = [
        good,
        "print(0)",
        "x = bytearray(700 << 20)\n" + good,
        good,
        "while True: pass",
        "import os\nos._exit(3)",
    ]
    wanted = ["right", "wrong_answer", "right", "right", "time_limit", "runtime_error"]

    def responses() -> Iterator[Response]:
        for index, program in enumerate(programs):
            rollout = pool_response("", index=index).rollout
            yield Response(problem=asked, rollout=rollout, text=as_response(program))

    with ProcessVerifierPool(
        {"code": CodeVerifier()}, 2, time_limit_s=0.5, memory_limit_bytes=1 << 29
    ) as pool:
        found = {r.index: r.verdict.reason for r in pool.judge(responses()) if r.verdict}
        assert [found[index] for index in range(len(programs))] == wanted
        assert pool.events["retries"] == 0, "a program's own limits, not the worker's, must end it"
        assert pool.events["cache_hits"] == 1


class Broken:
    """A sandbox that fails as often as it is told."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked = 0

    def __call__(self, *_: object) -> list[Any]:
        self.asked += 1
        if self.asked <= self.failures:
            raise SandboxError("the fork-server is lost")
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
