"""The tests decide by their own classes, methods and values; an object of the program has no say in that."""

from __future__ import annotations

from typing import Any

import pytest

from attacks.belief import ATTACKS, GROUPS, Group
from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.types import Verdict


def judge(tests: Any, program: str) -> Verdict:
    return code.verify(tests, as_response(program))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])
def test_no_attack_counts_as_correct(group: Group) -> None:
    tests = {"tests": [group.test], "names": ["f"], "time_limit_s": 3.0}
    if group.correct:
        verdict = judge(tests, group.correct)
        assert verdict.reason == "right", verdict.detail
    expected = "not_judged" if group.name.startswith("context") else "wrong"
    for attack in group.attacks:
        verdict = judge(tests, ATTACKS.get(attack, attack))
        assert verdict.outcome.value == expected, (attack, verdict.reason, verdict.detail)


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
    (EQUAL, "def f(p): p.__class__ = type('P', (), {}); return p", "wrong_answer"),
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


EMPTY = """
class Yes:
    def __len__(self): return 3
    def __iter__(self): return iter(())
def f(x): return Yes()
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert {1, 2, 3}.issuperset(f(7)) and len(f(7)) == 3",
        "r = f(7)\nassert len(r) == 3\nassert set(r) <= {1, 2, 3}",
        "assert all(x < 4 for x in f(7)) and len(f(7)) == 3",
    ],
)
def test_a_result_has_as_many_elements_as_its_length(test: str) -> None:
    tests = {"tests": [test], "names": ["f"]}
    assert judge(tests, EMPTY).reason == "wrong_answer"
    assert judge(tests, EMPTY.replace("iter(())", "iter((1, 2, 3))")).reason == "right"


def test_a_result_without_a_length_and_an_unfinished_iteration_are_allowed() -> None:
    numbers = "import itertools\nclass Numbers:\n    def __iter__(self): return itertools.count()\n"
    tests = {"tests": ["for x in f(3):\n    if x == 5: break\nassert x == 5"], "names": ["f"]}
    assert judge(tests, numbers + "def f(x): return Numbers()").reason == "right"
    few = "class Few:\n    def __iter__(self): return iter([4, 2])\ndef f(x): return Few()"
    assert judge({"tests": ["assert set(f(3)) == {2, 4}"], "names": ["f"]}, few).reason == "right"


@pytest.mark.parametrize(
    "test",
    [
        "import contextlib\nwith contextlib.suppress(AssertionError):\n    assert f(2) == 4",
        "from contextlib import suppress\nwith suppress(ValueError, Exception):\n    assert f(2) == 4",
        "assert f(2) == 4 or True",
        "assert f(2) == 4 or (1, 'message')",
        "r = f(2)\nassert (r or 1) and 'text'",
    ],
)
def test_a_check_that_cannot_fail_is_no_check(test: str) -> None:
    assert judge({"tests": [test], "names": ["f"]}, "def f(x): return 0").reason == "bad_tests"


@pytest.mark.parametrize(
    "test",
    [
        "import contextlib\nwith contextlib.suppress(ValueError):\n    assert f(2) == 4",
        "assert f(2) == 4 or False",
        "assert f(2) == 4 and True",
    ],
)
def test_a_check_that_can_fail_is_one(test: str) -> None:
    tests = {"tests": [test], "names": ["f"]}
    assert judge(tests, "def f(x): return 0").reason == "wrong_answer"
    assert judge(tests, "def f(x): return 4").reason == "right"


ANSWERS = """
class Yes:
    def __getattr__(self, name):
        if name[:2] == "__": raise AttributeError(name)
        return True if name == "ok" else lambda *a: True
    def __call__(self, *a): return True
def f(x): return Yes()
"""
RULE = """
class Rule:
    def __init__(self, x): self.x, self.ok = x, x > 0
    def is_valid(self, y): return y == 2 * self.x
    def twice(self): return 2 * self.x
    def __call__(self, y): return self.is_valid(y)
def f(x): return Rule(x)
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert f(2).is_valid(4)",
        "r = f(2)\nok = r.is_valid(4)\nassert ok is True and r.is_valid(4) == True",
        "assert f(2).ok",
        "assert f(2)(4)",
        "r = f(2)\nprint(r)\nassert bool(r) and str(r) and all(map(r.is_valid, [4, 4]))",
        "import unittest\nclass T(unittest.TestCase):\n"
        "    def test(self): self.assertTrue(f(2).is_valid(4))\n",
        "assert [f(2).is_valid(4), f(3).is_valid(6)] == [True, True]",
    ],
)
def test_tests_that_rest_on_the_yes_of_an_object_are_bad(test: str) -> None:
    """No reply tells a correct object from one that says yes to everything: the row is not judged."""
    tests = {"tests": [test], "names": ["f"]}
    for program in (ANSWERS, RULE):
        assert judge(tests, program).reason == "bad_tests"
    assert judge(tests, "def f(x): return 0").outcome.value == "wrong"


@pytest.mark.parametrize(
    "test",
    [
        "assert f(2).is_valid(4) and not f(2).is_valid(5)",
        "assert f(2).is_valid(4) and f(2).twice() == 4",
        "assert f(2).is_valid(4) and f(3).x == 3",
    ],
)
def test_two_answers_or_a_value_tell_an_object_from_one_that_says_yes(test: str) -> None:
    tests = {"tests": [test], "names": ["f"]}
    assert judge(tests, RULE).reason == "right"
    assert judge(tests, ANSWERS).outcome.value == "wrong"


@pytest.mark.parametrize("test", ["assert f('a').isupper()", "assert f(7).is_integer() is True"])
def test_an_object_in_place_of_a_value_with_the_same_method_is_wrong(test: str) -> None:
    """A correct program returns a value here, so an object must not keep a program from being judged."""
    tests = {"tests": [test], "names": ["f"]}
    assert judge(tests, "def f(x): return 'A' if x == 'a' else float(x)").reason == "right"
    assert judge(tests, ANSWERS).reason == "wrong_answer"


def test_yes_of_a_tested_class_and_of_a_function_are_evidence() -> None:
    program = f"{RULE}\ndef is_even(x): return x % 2 == 0\ndef watch(f):\n    return lambda x: f(x) == 3"
    tests = ["assert Rule(2).is_valid(4)", "assert is_even(2)", "assert watch(lambda x: x + 1)(2)"]
    for test, name in zip(tests, ("Rule", "is_even", "watch"), strict=True):
        assert judge({"tests": [test], "names": [name]}, program).reason == "right"


@pytest.mark.parametrize("test", ["assert all(map(int.__eq__, reversed(f(7)), [3, 2, 1]))"])
def test_a_reversed_result_has_as_many_elements_as_its_length(test: str) -> None:
    tests = {"tests": [f"{test}\nassert len(f(7)) == 3"], "names": ["f"]}
    assert judge(tests, "def f(x): return [1, 2, 3]").reason == "right"
    short = "class Short:\n    def __len__(s): return 3\n    def __getitem__(s, i): raise IndexError\n"
    assert judge(tests, f"{short}def f(x): return Short()").outcome.value == "wrong"
