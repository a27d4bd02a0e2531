"""The tests decide by their own classes, methods and values; an object of the program has no say in that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from attacks.belief import ATTACKS, GROUPS, Group
from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.code.sandboxes import close_all
from or1_verify.types import Verdict


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    close_all()


def judge(tests: Any, program: str) -> Verdict:
    return code.verify(tests, as_response(program))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])
def test_no_attack_counts_as_correct(group: Group) -> None:
    tests = {"tests": [group.test], "names": ["f"], "time_limit_s": 3.0}
    if group.correct:
        verdict = judge(tests, group.correct)
        assert verdict.reason == "right", verdict.detail
    for attack in group.attacks:
        verdict = judge(tests, ATTACKS.get(attack, attack))
        assert verdict.outcome.value == "wrong", (attack, verdict.reason, verdict.detail)


POINT = """
from dataclasses import dataclass, field
@dataclass
class Point:
    x: int = 0
    y: int = 0
    seen: list = field(default_factory=list)
    ORIGIN = (0, 0)
    def same(self, other): return (self.x, self.y) == (other.x, other.y)
    @property
    def norm(self): return abs(self.x) + abs(self.y)
class Node:
    val = 0
    next = None
    def values(self): return [self.val, *(self.next.values() if self.next else [])]
class Slotted:
    __slots__ = ("a",)
    def __init__(self, a): self.a = a
    def is_seven(self): return self.a == 7
"""
CHAIN = "def f(n):\n    m = Node()\n    m.val, m.next = 4, n\n    return m"
SAME = "assert f(Point(1, 2)).same(Point(3, 2))"
EQUAL = "assert f(Point(1, 2)) == Point(3, 2)"
FORGED = "    class Point: pass\n    q = Point()\n    q.x = q.y = 0\n"
OWN: list[tuple[str, str, str]] = [
    (SAME, "def f(p): p.x += 2; return p", "right"),
    (SAME, "def f(p):\n    p.same = lambda other: True\n    return p", "wrong_answer"),
    (SAME, "def f(p):\n    p.same = bool\n    return p", "wrong_answer"),
    ("p = Point(1, 2)\nf(p)\nassert p.same(Point(3, 2))", "def f(p): p.same = len", "wrong_answer"),
    ("p = Point(1, 2)\nf(p)\nassert p == Point(4, 2)", "def f(p): p.x += 3", "right"),
    (
        EQUAL,
        "def f(p):\n    class Point:\n        __eq__ = lambda s, o: True\n    return Point()",
        "wrong_answer",
    ),
    (EQUAL, "def f(p): p.__eq__ = lambda o: True; return p", "runtime_error"),
    (EQUAL, "def f(p): p.__class__ = type('P', (), {}); return p", "runtime_error"),
    ("assert f(Point(1, 2)).norm == 7", f"def f(p):\n{FORGED}    q.norm = 7\n    return q", "wrong_answer"),
    ("assert f(Point(1, 2)).ORIGIN == (1, 2)", "def f(p): p.ORIGIN = (1, 2); return p", "wrong_answer"),
    ("assert f(Point(1, 2)).seen == [1]", "def f(p): return Point(0, 0, [p.x])", "right"),
    ("n = Node()\nn.val = 3\nassert f(n).values() == [4, 3]", CHAIN, "right"),
    ("assert f(Slotted(3)).is_seven()", "def f(s): s.a = 7; return s", "right"),
    ("assert f(Slotted(3)).is_seven()", "def f(s): s.a = 8; return s", "wrong_answer"),
]


@pytest.mark.parametrize(("test", "program", "reason"), OWN, ids=range(len(OWN)))
def test_a_class_of_the_tests_keeps_what_it_defines(test: str, program: str, reason: str) -> None:
    verdict = judge({"setup": POINT, "names": ["f"], "tests": [test]}, program)
    assert verdict.reason == reason, verdict.detail


YES = """
told = []
class Yes:
    def __init__(self, *a): pass
    def __getattr__(self, name):
        if name[:2] == "__": raise AttributeError(name)
        return lambda *a, **k: told.extend(a) or answer
    def __eq__(self, other): return True
    __hash__ = object.__hash__
    __contains__ = __le__ = __ge__ = __eq__
    issubset = issuperset = isdisjoint = startswith = endswith = equals = lambda self, other: True
answer = True
class Own(set):
    issubset = issuperset = isdisjoint = startswith = endswith = equals = lambda self, other: True
class Text(str):
    startswith = endswith = lambda self, *other: True
from types import SimpleNamespace
named = SimpleNamespace(**dict.fromkeys(("issubset", "startswith", "endswith", "equals", "issuperset"), bool))
from unittest.mock import MagicMock
class Solution:
    def f(self, x): return f(x)
"""
RESULTS = ("Yes()", "Own({9, 10})", "Text('x')", "named", "MagicMock()", "told[-1] if told else Yes()")
QUESTIONS: dict[str, str] = {
    "f(7).issubset({7, 14})": "{x}",
    "f(7).issuperset({7, 14})": "{x, 2 * x}",
    "f(7).isdisjoint({8}) and f(7) == {7}": "{x}",
    "f(7).startswith('ab')": "'abc'",
    "f(7).endswith(('bc', 'bd'))": "'abc'",
    "f(7).count(14) == 1": "[14]",
    "f(7).index(14) == 0": "[14]",
    "f(7).find('a') == 1": "'xa'",
    "Solution().f(7).startswith('ab')": "'abc'",
    "set.issubset(f(7), {7, 14})": "{x}",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_result_is_not_asked_about_a_value_of_the_tests(question: str) -> None:
    tests = {"tests": [f"assert {question}"], "names": ["f", "Solution"]}
    correct = f"{YES}\ndef f(x): return {QUESTIONS[question]}"
    assert judge(tests, correct).reason == "right"
    for result in RESULTS:
        for answer in ("True", "1", "0"):
            verdict = judge(tests, f"{YES}\nanswer = {answer}\ndef f(x): return {result}")
            assert verdict.outcome.value == "wrong", (result, answer, verdict.reason, verdict.detail)


@pytest.mark.parametrize("result", ["Yes()", "Own({9, 10})", "named", "MagicMock()"])
def test_equals_of_a_result_is_not_called(result: str) -> None:
    for call in ("f(7)", "Solution().f(7)"):
        tests = {"tests": [f"assert {call}.equals(14)"], "names": ["f", "Solution"]}
        assert judge(tests, f"{YES}\ndef f(x): return {result}").reason == "wrong_answer"


def test_an_instance_of_a_tested_class_answers_questions() -> None:
    program = """
class Bag:
    def __init__(self, *items): self.items, self.rest = items, None
    def issubset(self, other): return all(x in other for x in self.items)
    def index(self, x): return self.items.index(x)
    def more(self, x):
        self.rest = Bag(x)
        return self.rest
"""
    tests = ["b = Bag(1, 2)\nassert b.issubset([1, 2, 3]) and not b.issubset([1]) and b.index(2) == 1"]
    tests += [
        "assert Bag(1).issubset(Bag(1).items)",
        "c = Bag(1)\nassert c.more(5).index(5) == c.rest.index(5) == 0",
    ]
    assert judge({"tests": tests, "names": ["Bag"]}, program).reason == "right"
