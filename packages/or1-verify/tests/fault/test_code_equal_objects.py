"""`==` of the program's objects: a right class is paid, and one that says yes to everything is not.

Each attack below passes its tests in plain Python with a sum that is wrong.
"""

# ruff: noqa: E501 - programs in one line

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
    "assert V(1, 2).steps() == [V(1, 0), V(0, 2)]\n" + SUM,
    "assert V.zero() == V(0, 0)\n" + SUM,
    "assert len({V(1, 2) + V(3, 4), V(4, 6), V(2, 2)}) == 2\n" + SUM,
)


@pytest.mark.parametrize("test", JUDGED)
def test_a_right_class_is_paid_and_a_wrong_one_is_wrong(test: str) -> None:
    verdict = code.verify({"tests": [test]}, as_response(VECTOR))
    assert verdict.reason == "right", verdict.detail
    wrong = VECTOR.replace("self.y + o.y", "self.y - o.y")
    assert code.verify({"tests": [test]}, as_response(wrong)).reason == "wrong_answer"


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


REUSED = """
class V:
    last = None
    def __new__(cls, x, y):
        r, V.last = V.last, None
        return r or object.__new__(cls)
    def __init__(self, x, y):
        if not vars(self): self.x, self.y = x, y
    def __add__(self, o):
        r = V.last = object.__new__(V)
        r.x, r.y = self.x, o.y
        return r
    def __eq__(self, o): return (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
"""
FED = """
class M:
    last = None
    def __init__(self, rows):
        if M.last: rows[:] = M.last
        self.rows = [list(r) for r in rows]
    def __matmul__(self, o):
        m = M(self.rows)
        M.last = m.rows
        return m
    def __eq__(self, o): return self.rows == o.rows
"""
MERGED = """
class F:
    made = []
    def __init__(self, *a): self.made.append(a)
    __dict__ = property(lambda s: {f'k{i}': v for i, v in enumerate((*s.made[-2:][0], *s.made[-1]))})
    def __eq__(self, o): return True
    def __hash__(self): return 0
"""
SPREAD = """
class D:
    def __init__(self, cards):
        for c in cards: setattr(self, f'c{c}', c)
    def sort(self): return D(list(vars(self).values()))
    def __eq__(self, o): return vars(self) == vars(o)
"""
FLAT = """
class M:
    def __init__(self, rows): self.flat = [v for r in rows for v in r]
    def reshape(self, n, m): return self
    def __eq__(self, o): return self.flat == o.flat
"""
VALUE = """
class V(tuple):
    last = None
    def __new__(cls, *a):
        v, V.last = V.last, None
        return tuple.__new__(cls, v or a)
    x = property(lambda s: s[0])
    def __add__(self, o):
        r = V(self[0], o[1])
        V.last = tuple(r)
        return r
"""
CHANGED_SET = """
class S(set):
    last = None
    def __init__(self, xs):
        super().__init__(xs)
        if S.last is not None:
            S.last.clear()
            S.last.update(self)
    def without(self, x):
        S.last = r = S.__new__(S)
        return r
"""
STACK = "class S:\n    one = None\n    def __new__(cls):\n        S.one = S.one or object.__new__(cls)\n        return S.one\n"
STACK += "    def push(self, x): pass\n    def pop(self): pass\n"
DECK = "class C:\n    def __init__(self, r): self.r = r\n    def __eq__(self, o): return self.r == o.r\n    def __hash__(self): return hash(self.r)\n"
DECK += "class Deck:\n    def __init__(self, seed=0): self.cards = [C(1) for _ in range(3)]\n    def remove(self, c): pass\n"


@pytest.mark.parametrize(
    ("program", "test"),
    [
        (REUSED, SUM),
        (REUSED, CASE),
        (REUSED, "assert [V(1, 2) + V(3, 4)] == [V(4, 6)]"),
        (REUSED, "def check(candidate):\n    assert candidate(1, 2) + candidate(3, 4) == candidate(4, 6)\ncheck(V)"),
        (FED, "m = M([[1, 2], [3, 4]])\nassert m @ m == M([[7, 10], [15, 22]])"),
        (MERGED, "assert F(1, 2) == F(2, 4)"),
        (SPREAD, "assert D([3, 1, 2]).sort() == D([1, 2, 3])"),
        (FLAT, "assert M([[1, 2, 3, 4]]).reshape(2, 2) == M([[1, 2], [3, 4]])"),
        (VALUE, SUM + "\nassert V(1, 2).x == 1"),
        (CHANGED_SET, "assert S([1, 2, 3]).without(3) == S([1, 2])"),
        ("def V(*a): return 0", SUM),
        (STACK, "a, b = S(), S()\nfor i in (1, 2):\n    a.push(i)\nb.push(1)\nassert a == b"),
        (DECK, "d = Deck()\nassert len(set(d.cards)) == 3"),
        (DECK, "d = Deck()\nd.remove(C(1))\nassert C(1) not in d.cards"),
        (DECK, "assert Deck(1).cards != Deck(2).cards"),
    ],
)  # fmt: skip
def test_a_class_that_adapts_to_what_is_expected_is_not_paid(program: str, test: str) -> None:
    assert code.verify({"tests": [test]}, as_response(program)).reason != "right"


HONEST = "class C:\n    def __init__(self, r): self.r = r\n    def __eq__(self, o): return self.r == o.r\n    def __hash__(self): return hash(self.r)\n"
HONEST += "    def plus(self, o): return C(self.r + o.r)\ndef run(n): return [C(i % 2) for i in range(n)]\n"
PILE = "class Pile(list):\n    def push(self, x): self.append(x)\n    @property\n    def top(self): return self[-1]\n"


@pytest.mark.parametrize(
    ("program", "test"),
    [
        (HONEST, "assert C(1).plus(C(2)) == C(2).plus(C(1))"),
        (HONEST, "assert len(set(run(4))) == 2"),
        (HONEST, "assert {C(1): 'x'}[run(2)[1]] == 'x'"),
        (PILE, "import unittest\nclass T(unittest.TestCase):\n    def setUp(self): self.s = Pile()\n    def test(self):\n        self.s.push(1)\n        self.assertEqual(self.s.top, 1)"),
        (PILE, "a, b = Pile(), Pile()\na.push(1)\nassert a.top == 1 and len(b) == 0"),
        (PILE, "s: Pile = Pile()\ns.push(2)\nassert s.top == 2"),
    ],
)  # fmt: skip
def test_a_right_class_is_never_wrong(program: str, test: str) -> None:
    verdict = code.verify({"tests": [test]}, as_response(program))
    assert verdict.reason in ("right", "bad_tests"), verdict.detail
    assert verdict.reason == "right" or "compared" in verdict.detail
