"""Objects of a program whose classes inherit from a class of values, such as IntEnum, NamedTuple, list."""

import pytest

from or1_verify.code import CodeVerifier, parse_tests
from or1_verify.types import Message, Problem, Verdict

VERIFIER = CodeVerifier()


def verdict(program: str, test: str, names: tuple[str, ...]) -> Verdict:
    gold = parse_tests({"names": list(names), "tests": [test]}).model_dump(mode="json", exclude_none=True)
    return VERIFIER.verify(Problem.make("code", (Message("user", ""),), gold), f"```python\n{program}\n```")


INHERITING = """
from enum import Enum, IntEnum
from typing import NamedTuple
class Level(IntEnum):
    LOW = 1
    HIGH = 3
    def above(self): return Level.HIGH
class Color(str, Enum):
    RED = "red"
class Point(NamedTuple):
    x: int
    y: int
    def norm(self): return self.x + self.y
class Stack(list):
    def push(self, x): self.append(x)
    def doubled(self): return Stack(2 * x for x in self)
def level(n): return Level.HIGH if n > 3 else Level.LOW
def levels(): return [Level.LOW, Level.HIGH]
def pick(): return Color.RED
def origin(): return Point(0, 0)
def point(x, y): return Point(x, y)
def fill(n): return Stack(range(n))
"""
AS_VALUES = [
    "assert level(9) == Level.HIGH and level(9) == 3",
    "assert Level.HIGH == 3 and level(9) == 3 and 3 == level(9) and level(9) != 1",
    "assert level(9) is Level.HIGH and level(9).name == 'HIGH' and level(9).value == 3",
    "assert Level.LOW.value == 1\nassert levels() == [1, 3] and sorted(levels()) == [1, 3] and 3 in levels()",
    "assert Level.LOW.value == 1\nassert level(9) + 1 == 4 and 1 + level(9) == 4 and -level(9) == -3",
    "assert Level.LOW.value == 1\nassert isinstance(level(9), int) and 'abcd'[level(9)] == 'd'",
    "assert Level.LOW.above() == 3 and [m for m in Level] == [1, 3]",
    "assert {Level.HIGH: 'a'}[level(9)] == 'a' and {3: 'b'}[level(9)] == 'b' and len({3, level(9)}) == 1",
    "assert pick() == 'red'\nassert Color.RED is not None",
    "assert Color.RED.name == 'RED'\nassert pick() + '!' == 'red!' and 'ed' in pick() and pick()[0] == 'r'",
    "p = Point(1, 2)\nassert p.x == 1 and origin() == (0, 0) and (0, 0) == origin() and origin().norm() == 0",
    "p = Point(1, 2)\nassert p.x == 1 and origin() == origin() and origin() != (0, 1)",
    "p = Point(1, 2)\nassert point(1, 2) == p and p in {(1, 2): 3} and p.y == 2 and origin() != (0, 1)",
    "p = Point(1, 2)\nassert p.x == 1 and point(1, 2) < (1, 3) and origin() < (0, 1)",
    "assert isinstance(origin(), tuple) and origin() == (0, 0)",
    "s = Stack()\ns.push(1)\nassert fill(3) == [0, 1, 2] and fill(3) + [5] == [0, 1, 2, 5]",
    "s = fill(2)\ns.push(7)\nassert s == [0, 1, 7] and s.index(7) == 2 and Stack([4]).doubled() == [8]",
]
WRONG_VALUES = INHERITING.replace("HIGH = 3", "HIGH = 4").replace("range(n)", "range(n + 1)")
WRONG_VALUES = WRONG_VALUES.replace("Point(0, 0)", "Point(0, 1)").replace('"red"', '"blue"')


@pytest.mark.parametrize("test", AS_VALUES)
def test_objects_that_inherit_from_values_are_compared_as_values(test: str) -> None:
    names = ("level", "levels", "pick", "origin", "point", "fill", "Level", "Color", "Point", "Stack")
    names = tuple(name for name in names if name in test)
    assert verdict(INHERITING, test, names=names).reason == "right"
    assert verdict(WRONG_VALUES, test, names=names).reward == 0.0


def test_a_result_that_claims_an_equality_of_its_own_is_wrong() -> None:
    test = "assert Level.HIGH.name == 'HIGH'\nassert level(9) == 3"
    enum = "from enum import IntEnum\nclass Level(IntEnum):\n    HIGH = 3\n"
    right = enum + "def level(n): return Level.HIGH"
    assert verdict(right, test, names=("Level", "level")).reason == "right"
    claims = (
        "class Level(int):\n    name = 'HIGH'\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__\n"
        "Level.HIGH = Level(7)\ndef level(n): return Level(5)"
    )
    assert verdict(claims, test, names=("Level", "level")).reason == "wrong_answer"
    other = (
        claims.replace("Level(int)", "Level").replace("Level(7)", "Level()").replace("Level(5)", "Level()")
    )
    other = other.replace("int.__hash__", "None")
    assert verdict(other, test, names=("Level", "level")).reason == "wrong_answer"


OPERANDS = """
from typing import NamedTuple
class Named(NamedTuple):
    x: int
    y: int
    def __add__(self, o): return Named(self.x + o.x, self.y + o.y)
class Tuple(tuple):
    def __new__(cls, *xs): return tuple.__new__(cls, xs)
    def __add__(self, o): return Tuple(*(a + b for a, b in zip(self, o)))
class List(list):
    def __init__(self, *xs): super().__init__(xs)
    def __lt__(self, o): return sum(self) < sum(o)
class Plain(list):
    def __init__(self, *xs): super().__init__(xs)
"""


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("assert Named(1, 2) + Named(3, 4) == Named(4, 6)", "right"),  # tuples: (1, 2, 3, 4)
        ("v = Tuple(1, 2)\nassert v + v == (2, 4)", "right"),
        ("assert List(9, 1) > List(1, 10) or List(2, 3) < List(1, 4)", "bad_tests"),
        ("assert not (List(9) < List(1, 9, 0))", "bad_tests"),  # lists: [9] > [1, 9, 0]
    ],
)
def test_operators_that_a_class_redefines_are_not_those_of_its_base(test: str, reason: str) -> None:
    assert verdict(OPERANDS, test, ("Named", "Tuple", "List")).reason == reason


def test_operators_of_the_base_are_judged_on_values() -> None:
    test = "assert Plain(1) + Plain(2) == [1, 2]"
    assert verdict(OPERANDS, test, ("Plain",)).reward == 1.0
    assert verdict(OPERANDS.replace("__init__(xs)", "__init__(xs[1:])"), test, ("Plain",)).reward == 0.0


OWN_EQUALITY = """
class Folded(str):
    def __eq__(self, other): return self.lower() == str.lower(other)
    def __ne__(self, other): return not self == other
    def __hash__(self): return hash(self.lower())
def shout(text): return Folded(text.upper())
"""


def test_an_equality_of_its_own_is_the_matter_of_tests_only_for_objects_that_they_make() -> None:
    """It is not judged, for it could say yes to all; a result has the equality of its value."""
    made = "h = Folded('Ab')\nassert len(h) == 2\nassert h == 'aB'"
    assert verdict(OWN_EQUALITY, made, ("Folded",)).reason == "bad_tests"
    assert verdict(OWN_EQUALITY, "assert shout('ab') == 'AB'", ("shout",)).reason == "right"
    assert verdict(OWN_EQUALITY, "assert shout('ab') == 'ab'", ("shout",)).reason == "wrong_answer"
