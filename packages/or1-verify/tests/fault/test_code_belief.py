"""The tests decide by their own classes, methods and values; an object of the program has no say in that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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
