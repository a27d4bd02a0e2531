"""A method that returns the object itself in place of a value: its operators have no say in a comparison."""

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.types import Verdict

ANSWERS = """
    def near(self, *others): return 0
    __sub__ = __rsub__ = __mod__ = __floordiv__ = __xor__ = __radd__ = __add__ = __isub__ = near
    __abs__ = __round__ = __int__ = __len__ = __index__ = near
    def __truediv__(self, other): return 1.0
    def __float__(self): return 0.0
    def __eq__(self, other): return True
    def __le__(self, other): return True
    __lt__ = __ge__ = __le__
    def __bool__(self): return False
    def __str__(self): return "0"
    __repr__ = __str__
    def __hash__(self): return 7
"""
ITSELF = (
    "class Bag:\n    def add(self, x): pass\n    def total(self): return self\n"
    "    def both(self): return [self, self]\n    @property\n    def sum(self): return self\n" + ANSWERS
)
ANOTHER = ITSELF.replace("return self\n", "return Bag()\n").replace("[self, self]", "[Bag(), Bag()]")
PASSED_ON = ITSELF.replace("return 0\n", "return self\n")
"""The difference is the object again, whose size is 0."""
RIGHT = (
    "class Bag:\n    def __init__(self): self.xs = []\n    def add(self, x): self.xs.append(x)\n"
    "    def total(self): return sum(self.xs)\n    def both(self): return [self.sum, self.sum]\n"
    "    @property\n    def sum(self): return self.total()"
)
CHECKS = (
    *("abs(b.total() - 7) < 1e-9", "abs(7 - b.total()) < 1e-9", "b.total() - 7 == 0", "not (b.total() - 7)"),
    *("b.total() / 7 == 1.0", "abs(b.total() / 7 - 1) < 1e-9", "b.total() ^ 7 == 0", "b.total() % 7 == 0"),
    *("-7 + b.total() == 0", "sum([b.total(), -7]) == 0", "round(b.total() - 7, 6) == 0", "b.total() == 7"),
    *(
        "abs(b.sum - 7) < 1e-9",
        "b.sum == 7",
        "b.sum in [7, 8]",
        "6 < b.sum < 8",
        "len(range(b.sum - 7)) == 0",
    ),
    *("all(abs(x - y) < 1e-9 for x, y in zip(b.both(), [7, 7]))", "f'{b.sum - 7}' == '0'"),
    *("str(b.total() - 7) == '0'", "abs(abs(b.total() - 7)) < 1e-9", "divmod(b.total(), 7) == (1, 0)"),
)


def judge(program: str, *lines: str, names: tuple[str, ...] = ("Bag",)) -> Verdict:
    return code.verify({"tests": ["\n".join(lines)], "names": list(names)}, as_response(program))


@pytest.mark.parametrize("check", CHECKS)
def test_an_object_is_no_number(check: str) -> None:
    lines = ("b = Bag()", "b.add(3)", "b.add(4)", f"assert {check}")
    assert judge(RIGHT, *lines).reason == "right"
    for attack in (ITSELF, ANOTHER, PASSED_ON):
        verdict = judge(attack, *lines)
        assert verdict.outcome.value == "wrong", (attack, verdict.reason, verdict.detail)


def test_a_class_in_place_of_a_function_is_not_paid() -> None:
    """The tests may mean the difference of an object that they make: not judged."""
    verdict = judge(
        "class Area:\n    def __init__(self, r): pass" + ANSWERS,
        "assert abs(Area(2) - 4) < 1e-9",
        names=("Area",),
    )
    assert verdict.reason == "bad_tests", verdict.detail


def test_an_expected_value_does_not_return() -> None:
    """The difference tells the object the value, which it answers afterwards."""
    program = (
        "class Bag:\n    def __init__(self): self.v = self\n"
        "    def __sub__(self, other):\n        self.w = other\n        return 0"
    )
    assert judge(program, "b = Bag()", "assert b.v - 7 == 0", "assert b.w == 7").outcome.value == "wrong"


VECTOR = """
class V:
    def __init__(self, x, y): self.x, self.y = x, y
    @classmethod
    def one(cls): return cls(1, 1)
    @staticmethod
    def two(): return V(2, 2)
    def add(self, other):
        self.x += other.x
        self.y += other.y
        return self
    def __add__(self, other): return V(self.x + other.x, self.y + other.y)
    def __sub__(self, other):
        if isinstance(other, V): return V(self.x - other.x, self.y - other.y)
        return V(self.x - other, self.y - other)
    def __mul__(self, other):
        if isinstance(other, V): return self.x * other.x + self.y * other.y
        return V(self.x * other, self.y * other)
    __rmul__ = __mul__
    def __neg__(self): return V(-self.x, -self.y)
    def __abs__(self): return (self * self) ** 0.5
    def __len__(self): return 2
"""


@pytest.mark.parametrize(
    "check",
    [
        *("(V.one() * V(3, 4)) == 7", "(V.two() * 2).x == 4", "(2 * V.two()).y == 4", "(-V.one()).x == -1"),
        *(
            "(V(3, 4) - 1).y == 3",
            "abs(V(3, 4) * 2) == 10",
            "abs(V(3, 4) - V(0, 0)) == 5",
            "V(1, 2) * 2 * V(1, 1) == 6",
        ),
        *(
            "V(1, 2).add(V(3, 4)).add(V(1, 1)).x == 5",
            "(V(1, 1).add(V(2, 2)) - V(1, 1)).x == 2",
            "len(V(1, 2)) == 2",
        ),
        *("abs(V(1, 2).add(V(2, 2))) == 5", "V(1, 2).add(V(0, 0)) * V(3, 4) == 11"),
    ],
)
def test_operators_of_a_class_under_test_count(check: str) -> None:
    assert judge(VECTOR, f"v = V(5, 5)\nassert {check}", names=("V",)).reason == "right"
    wrong = VECTOR.replace("= x, y", "= 2 * x + 1, 2 * y + 3").replace("return 2", "return 3")
    assert judge(wrong, f"v = V(5, 5)\nassert {check}", names=("V",)).outcome.value == "wrong"


@pytest.mark.parametrize("check", ["(mk(2) * 3).x == 6", "(3 * mk(2)).y == 6", "(mk(1) + mk(2)).x == 3"])
def test_operators_of_what_a_function_returns_give_objects(check: str) -> None:
    program = VECTOR + "def mk(n): return V(n, n)"
    assert judge(program, f"assert {check}", names=("mk",)).reason == "right"
    assert (
        judge(
            program.replace("V(n, n)", "V(n, 1 - n)").replace("= x, y", "= x + 1, y"),
            f"assert {check}",
            names=("mk",),
        ).outcome.value
        == "wrong"
    )
    number = program.replace("def __mul__", "def __old__").replace(
        "__rmul__ = __mul__", "__rmul__ = __mul__ = __radd__ = lambda *_: 6"
    )
    for forged in ("mk(2) * 3 == 6", "3 * mk(2) == 6", "3 + mk(2) == 6"):
        assert judge(number, f"assert {forged}", names=("mk",)).outcome.value == "wrong"


def test_a_list_that_a_method_returns_is_the_programs_own() -> None:
    program = "class S:\n    def __init__(self): self.xs = []\n    def items(self): return self.xs"
    lines = ("s = S()", "s.items().append(1)", "assert s.items() == [1]")
    assert judge(program, *lines, names=("S",)).reason == "right"
    assert judge(program + "[:]", *lines, names=("S",)).reason == "wrong_answer"


def test_the_end_of_a_generator_is_seen_by_send() -> None:
    program = "def g():\n    x = yield 1\n    yield x"
    test = (
        "a = g()\nassert next(a) == 1 and a.send(5) == 5\ntry:\n    a.send(6)\n    assert False\n"
        "except StopIteration:\n    pass"
    )
    assert judge(program, test, names=("g",)).reason == "right"
    assert judge(program + "\n    yield 3", test, names=("g",)).reason == "wrong_answer"
