"""Programs against tests that are code: what crosses between the two, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from or1_verify import code
from or1_verify.code import run_asserts
from or1_verify.code.program import as_response
from or1_verify.sandbox import Session
from or1_verify.types import Verdict


def judge(tests: Any, program: str) -> Verdict:
    return code.verify(tests, as_response(program))


def asserts(*tests: str, **rest: Any) -> dict[str, Any]:
    return {"mode": "asserts", "tests": list(tests), **rest}


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
    def __repr__(self): return "a stack"
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
    (
        "assert 2 in f(3) and 3 not in f(3)",
        "def f(n):\n    yield from range(n)",
        "right",
        "what is in a generator",
    ),
    (
        "assert 2 in f(3) and 3 not in f(3)",
        "def f(n): return dict.fromkeys(range(n)).keys()",
        "right",
        "and a view",
    ),
    (
        "s = f(3)\nassert 2 in s\ns.add(7)\nassert 7 in s and len(s) == 4",
        """
class S:
    def __init__(self, n): self.a = list(range(n))
    def add(self, x): self.a.append(x)
    def __iter__(self): return iter(self.a)
    def __len__(self): return len(self.a)
def f(n): return S(n)
""",
        "right",
        "and what is in it later",
    ),
    (
        "assert 14 in f(7)",
        "class S:\n    def __contains__(self, x): return True\ndef f(n): return S()",
        "runtime_error",
        "a result is not asked whether it holds what is expected",
    ),
    (
        "assert 3 in Span(1, 5) and 7 not in Span(1, 5)",
        """
class Span:
    def __init__(self, a, b): self.a, self.b = a, b
    def __contains__(self, x): return self.a <= x <= self.b
""",
        "right",
        "an instance of a class under test is",
    ),
    (
        "s = f(7)\nassert len(s) == 1 and 14 in s",
        """
class S:
    def __len__(self): return 1
    def __iter__(self): return iter(range(100))
def f(n): return S()
""",
        "wrong_answer",
        "and its length is that of its elements",
    ),
    (
        "s = f(7)\nassert 14 in s and len(s) == 1",
        """
class S:
    def __len__(self): return 1 + (len(asked) == 2)
    def __iter__(self): return iter(range(100))
asked = []
def f(n): return S()
""",
        "wrong_answer",
        "at every request",
    ),
    ("assert repr(Stack(1)) == 'a stack'", STACK, "right", "as a class writes itself"),
    ("assert Stack(1) == Stack(1)", STACK, "right", "equality of objects is judged by their attributes"),
    (
        "s = Stack(2)\ns.push(1)\nassert s == Stack(2, 1)",
        STACK,
        "bad_tests",
        "not of changed ones",
    ),
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
        "class Own(ValueError): pass\ndef f(x): raise Own('x')",
        "right",
        "or that of their base",
    ),
    ("assert f(1) == 1", "def f(x): raise AssertionError", "runtime_error", "an exception is the program's"),
    (
        "assert f([1]) == 1",
        "def f(x: List[int]): return x[0]",
        "runtime_error",
        "a name that was not imported",
    ),
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
    verdict = judge(asserts(test, time_limit_s=1.0 if reason == "time_limit" else 30.0), program)
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


MANY_CALLS = {
    "calls": ("for i in range({n}):\n    assert f(i) == i * i", "def f(i): return i * i"),
    "elements of a generator": (
        "for i, x in zip(range({n}), f()):\n    assert x == i * i",
        "import itertools\ndef f(): return (i * i for i in itertools.count())",
    ),
    "methods": (
        "s = Stack()\nfor i in range({n} // 3):\n    s.push(i)\n    assert len(s) == i + 1",
        STACK,
    ),
}


@pytest.mark.parametrize("kind", MANY_CALLS)
def test_calls_do_not_pass_through_the_parent_and_their_coding_is_not_charged(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 calls: eight reports of 256 frames reach the parent, and each allows both sides their time."""
    received, allowed_s = [], []
    receive, allow = Session.receive, Session.allow
    monkeypatch.setattr(Session, "receive", lambda self: received.append(receive(self)) or received[-1])
    monkeypatch.setattr(Session, "allow", lambda self, s: allowed_s.append(s) or allow(self, s))
    tests, program = MANY_CALLS[kind]
    assert judge(asserts(tests.format(n=2000)), program).reason == "right"
    loaded, rest = received[:2], received[2:]
    assert [list(json.loads(frame)) for frame in loaded] == [["setup"], ["ready", "errors", "facts"]]
    assert len(rest) == 1 + len(allowed_s) // 2
    assert len(allowed_s) == 2 * 8
    assert sum(allowed_s) >= 2 * 2000 * run_asserts._CODING_S


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "num"), [("calls", 100_000), ("elements of a generator", 50_000)])
def test_a_hundred_thousand_calls_are_within_the_default_limits(kind: str, num: int) -> None:
    tests, program = MANY_CALLS[kind]
    verdict = judge(asserts(tests.format(n=num)), program)
    assert verdict.reason == "right", verdict.detail


def test_tests_read_no_frames_as_input() -> None:
    tests = asserts("import sys\nassert sys.stdin.read() == ''\nassert f(1) == 2")
    assert judge(tests, "def f(x): return x + 1").reason == "right"


def test_a_failure_names_the_test() -> None:
    verdict = judge(asserts("assert f(1) == 1", "assert f(2) == 3, 'no'"), "def f(x): return x")
    assert verdict.detail == "test 2 of 2: assert f(2) == 3, 'no': AssertionError: no (line 1)"


def test_dataclasses_of_the_tests_find_their_module() -> None:
    setup = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Point:\n    x: int\n    y: int = 2\n"
    )
    tests = asserts("assert f(Point(1)) == 3", setup=setup, names=["f"])
    assert judge(tests, "def f(p): return p.x + p.y").reason == "right"


def test_named_tuples_of_the_tests_cross_as_tuples() -> None:
    setup = "from typing import NamedTuple\nclass Point(NamedTuple):\n    x: int\n    y: int\n"
    tests = asserts("assert f(Point(1, 2)) == 3", setup=setup, names=["f"])
    assert judge(tests, "def f(p): return p[0] + p[1]").reason == "right"
