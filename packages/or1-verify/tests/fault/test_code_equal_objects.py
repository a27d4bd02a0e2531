"""`==` of the program's objects: a right class is paid, and one that says yes to everything is not.

Each attack below passes its tests in plain Python with a sum that is wrong.
"""

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response

VECTOR = """
class V:
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, o): return V(self.x + o.x, self.y + o.y)
    def __eq__(self, o): return isinstance(o, V) and (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
    @classmethod
    def zero(cls): return cls(0, 0)
    def steps(self): return [V(self.x, 0), V(0, self.y)]
"""
SHAPED = """
class M:
    def __init__(self, rows):
        self.rows = [list(row) for row in rows]
        self.shape = (len(rows), len(rows[0]))
    def __add__(self, o): return M([[a + b for a, b in zip(r, s)] for r, s in zip(self.rows, o.rows)])
    def __eq__(self, o): return self.rows == o.rows
"""
SUM = "assert V(1, 2) + V(3, 4) == V(4, 6)"
CASE = "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n"
CASE += "        self.assertEqual(V(1, 2) + V(3, 4), V(4, 6))\n        self.assertNotEqual(V(1, 2), V(2, 2))"
JUDGED = (
    SUM,
    CASE,
    "a, b = V(1, 2), V(3, 4)\nc = a + b\nassert c == V(4, 6) and c != V(6, 4)",
    "assert V(1, 2) + V(3, 4) == V(3, 4) + V(1, 2)\n" + SUM,
    "assert V(1, 2).steps() == [V(1, 0), V(0, 2)]\n" + SUM,
    "assert V.zero() == V(0, 0)\n" + SUM,
    "assert len({V(1, 2) + V(3, 4), V(4, 6), V(2, 2)}) == 2\n" + SUM,
)


@pytest.mark.parametrize("test", JUDGED)
def test_a_right_class_is_paid_and_a_wrong_one_is_wrong(test: str) -> None:
    verdict = code.verify({"tests": [test]}, as_response(VECTOR))
    assert verdict.reason == "right", verdict.detail
    wrong = VECTOR.replace("self.y + o.y", "self.y - o.y")
    assert code.verify({"tests": [test]}, as_response(wrong)).reason in ("wrong_answer", "bad_tests")


def test_a_length_or_a_shape_may_stand_beside_the_values() -> None:
    test = "assert M([[1, 2]]) + M([[3, 5]]) == M([[4, 7]])"
    assert code.verify({"tests": [test]}, as_response(SHAPED)).reason == "right"
    wrong = SHAPED.replace("a + b", "a - b")
    assert code.verify({"tests": [test]}, as_response(wrong)).reason == "wrong_answer"


def attack(state: str, total: str, more: str = "") -> str:
    return (
        f"made, last = [], [0, 0]\nclass V:\n    def __init__(self, x, y):\n        {state}\n"
        f"    def __add__(self, o): return {total}\n    def __eq__(self, o): return True\n"
        f"    def __hash__(self): return 0\n{more}"
    )


KEPT = "self.x, self.y = x, y"
WAIT = "    def wait(self):\n        made.append(self)\n        return self\n"
ATTACKS = {
    "yes": attack(KEPT, "V(0, 0)"),
    "no attributes": attack("pass", "V(0, 0)"),
    "constant attributes": attack("self.x, self.y = 0, 0", "V(0, 0)"),
    "attributes with all answers": attack("self.all = list(range(100))", "V(0, 0)"),
    "each answer an attribute": attack("vars(self).update({f'a{i}': i for i in range(8)})", "V(0, 0)"),
    "changed by the next one": attack(
        f"{KEPT}\n        for each in made: each.x, each.y = x, y", "V(0, 0).wait()", WAIT
    ),
    "the last one made": attack(f"{KEPT}\n        last[:] = x, y", "V(*last)"),
    "an own __dict__": attack(
        "last[:] = x, y", "self", "    __dict__ = property(lambda self: {'x': last[0], 'y': last[1]})\n"
    ),
    "the operand itself": attack(
        f"{KEPT}\n        for each in made: each.x, each.y = x, y", "self.wait()", WAIT
    ),
    "reads that fail": attack(f"{KEPT}", "V(0, 0)", "    __dict__ = property(lambda self: 1 / 0)\n"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("test", [SUM, CASE, "e = V(4, 6)\nassert e == V(1, 2) + V(3, 4)"])
def test_an_object_that_says_yes_is_not_paid(name: str, test: str) -> None:
    scope: dict[str, object] = {}
    exec(ATTACKS[name] + "\n" + SUM, scope)  # it passes beside its tests
    assert code.verify({"tests": [test]}, as_response(ATTACKS[name])).reason != "right"
