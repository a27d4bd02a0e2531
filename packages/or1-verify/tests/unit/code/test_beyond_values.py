"""What the transfer of values carries beyond plain ones, and what ends as `bad_tests` and never as wrong."""

import pytest

from or1_verify.code import CodeVerifier, parse_tests
from or1_verify.types import Message, Problem, Verdict

VERIFIER = CodeVerifier()


def verdict(program: str, *tests: str, setup: str = "", names: tuple[str, ...]) -> Verdict:
    spec = parse_tests({"setup": setup, "names": list(names), "tests": list(tests)})
    gold = spec.model_dump(mode="json", exclude_none=True)
    return VERIFIER.verify(Problem.make("code", (Message("user", ""),), gold), f"```python\n{program}\n```")


UNDERFLOW = "class Underflow(ValueError):\n    pass\n"
RAISES = "try:\n    pop([])\n    assert False\nexcept Underflow as e:\n    assert 'empty' in str(e)"


def test_an_exception_of_the_setup_is_its_own_class_with_its_text() -> None:
    right = "def pop(xs):\n    raise Underflow('empty')"
    assert verdict(right, RAISES, setup=UNDERFLOW, names=("pop",)).reason == "right"
    other = "def pop(xs):\n    raise ValueError('empty')"
    assert verdict(other, RAISES, setup=UNDERFLOW, names=("pop",)).reward == 0.0
    forged = "class Underflow(BaseException): pass\ndef pop(xs):\n    raise Underflow('empty')"
    assert verdict(forged, RAISES, setup=UNDERFLOW, names=("pop",)).reward == 0.0


def test_arguments_of_an_exception() -> None:
    test = "try:\n    find({}, 'b')\n    assert False\nexcept KeyError as e:\n    assert e.args == ('b',)"
    assert verdict("def find(d, k): return d[k]", test, names=("find",)).reason == "right"
    assert verdict("def find(d, k): raise KeyError('c')", test, names=("find",)).reason == "wrong_answer"


SIDES = "import enum\nclass Side(enum.Enum):\n    LEFT = 'l'\n    RIGHT = 'r'\n"


def test_members_of_an_enum_of_the_setup_keep_their_identity() -> None:
    test = "assert other(Side.LEFT) is Side.RIGHT"
    right = "def other(s): return Side.RIGHT if s is Side.LEFT else Side.LEFT"
    assert verdict(right, test, setup=SIDES, names=("other",)).reason == "right"
    assert verdict("def other(s): return s", test, setup=SIDES, names=("other",)).reason == "wrong_answer"


MONEY = """
class Money:
    def __init__(self, n): self.n = n
    def __add__(self, other): return Money(self.n + other.n)
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n
    def __enter__(self): return self
    def __exit__(self, *error): return True
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert Money(3) + Money(4) == Money(7)",
        "assert Money(3) == Money(3)",
        "assert max([Money(1), Money(5)]).n == 5",
        "with Money(3) as m:\n    assert m.n == 4",
        "assert isinstance(Money(3), Money)",
        "assert Money(3).n == 3 and Money(slice(1, 2)).n == 3",
    ],
)
def test_operators_of_objects_that_the_tests_make_are_bad_tests(test: str) -> None:
    """The parent refuses the row: a correct program is not punished and a wrong one is not paid."""
    assert verdict(MONEY, "assert Money(3).n == 3", test, names=("Money",)).reason == "bad_tests"


def test_an_object_in_the_place_of_a_number_stays_wrong() -> None:
    """A program cannot turn its wrong answer into bad tests by returning an object."""
    program = MONEY + "\ndef double(n): return Money(2 * n)"
    for test in ("assert double(4) == 8", "assert double(4) + 0 == 8", "assert double(4) < 9"):
        assert verdict(program, test, names=("double",)).reward == 0.0
    program = "class A:\n    def __getitem__(self, i): return []\ndef first(n): return A()"
    assert verdict(program, "assert first(3)[:2] == [0, 1]", names=("first",)).reward == 0.0


PYTEST = "import pytest\n@pytest.mark.parametrize('n, want', [(2, 4), (3, 6)])\ndef test_double(n, want):\n"
STYLES = {
    "pytest": f"{PYTEST}    assert double(n) == want",
    "class": "class TestDouble:\n    def test_two(self):\n        assert double(2) == 4",
    "unittest": (
        "import unittest\nclass TestDouble(unittest.TestCase):\n    def setUp(self):\n        self.n = 2\n"
        "    def test_two(self):\n        self.assertEqual(double(self.n), 4)"
    ),
    "raises": (
        "import pytest\ndef test_it():\n    with pytest.raises(TypeError):\n        double(None)\n"
        "    assert double(2) == 4"
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_test_functions_and_classes_run(style: str) -> None:
    right, wrong = "def double(n): return n * 2 if n is not None else n + 1", "def double(n): return 5"
    assert verdict(right, STYLES[style], names=("double",)).reason == "right"
    assert verdict(wrong, STYLES[style], names=("double",)).reason == "wrong_answer"
