"""Kinds of values, operators and changes that cross between tests and program; each with a wrong program."""

import pytest

from or1_verify import code
from or1_verify.code.program import as_response

ERRORS = "def why(x):\n    try: return int(x)\n    except Exception as e: return type(e)\n"
METRES = """
class Metres:
    def __init__(self, n, marks=()): self.n, self.marks = n, list(marks)
    def __add__(self, other): return Metres(self.n + other.n)
    def __rsub__(self, n): return Metres(n - self.n)
    def __isub__(self, n): self.n -= n; return self
    def __float__(self): return float(self.n)
    @property
    def copied(self): return list(self.marks)
"""
WRONG_METRES = METRES.replace("self.n + other.n", "self.n").replace("n - self.n", "n").replace(
    "self.n -= n", "self.n += n").replace("float(self.n)", "0.5").replace("list(marks)", "[8]")  # fmt: skip
FILL = "def fill(grid):\n    grid[0, :] = 4\n"
ECHO = "def echo(text): return text\n"
TESTED = (
    "import pytest\n@pytest.fixture\ndef metres():\n    return Metres(3)\ndef test_n(metres):\n    assert {}"
)

RIGHT_AND_WRONG = [
    (
        "assert why('x') is ValueError\nassert why('3') == 3",
        ERRORS,
        "def why(x): return TypeError if x > '9' else 3",
    ),
    ("assert why([]) == TypeError", ERRORS, "class TypeError(Exception): pass\ndef why(x): return TypeError"),
    (
        "assert why([]) is TypeError",
        ERRORS,
        "class Yes(type):\n    def __eq__(s, o): return True\n"
        "class TypeError(metaclass=Yes): pass\ndef why(x): return TypeError",
    ),
    (
        "assert kinds([1, 'a']) == {int: 1, str: 1}",
        "def kinds(xs): return {type(x): 1 for x in xs}",
        "def kinds(xs): return {str(type(x)): 1 for x in xs}",
    ),
    (
        "assert kinds([None]) == [type(None)]",
        "def kinds(xs): return [*map(type, xs)]",
        "def kinds(xs): return xs",
    ),
    ("assert other(1) is NotImplemented", "def other(x): return NotImplemented", "def other(x): return None"),
    ("assert (Metres(1) + Metres(2)).n == 3", METRES, WRONG_METRES),
    ("assert (Metres(1) + Metres(2) + Metres(3)).n == 6", METRES, WRONG_METRES),
    ("assert (9 - Metres(2)).n == 7", METRES, WRONG_METRES),
    ("m = Metres(5)\nm -= 2\nassert m.n == 3", METRES, WRONG_METRES),
    ("assert float(Metres(2)) == 2.0", METRES, WRONG_METRES),
    ("try:\n    Metres(1) + 'a'\n    assert False\nexcept AttributeError:\n    pass", METRES, WRONG_METRES),
    (
        "import copy\na = Metres(1, [7])\nb = copy.deepcopy(a)\nb.marks.append(8)\nassert a.marks == [7]\n"
        "assert b.marks == [7, 8]",
        METRES,
        METRES + "    def __deepcopy__(self, memo): return self\n",
    ),
    (
        "a = Metres(1)\na.marks.append([2])\na.marks[0].append(3)\nassert a.marks == [[2, 3]]",
        METRES,
        WRONG_METRES,
    ),
    (
        "a = Metres(1, [1])\nkept, other = a.marks, Metres(2).marks\nfloat(a)\nkept.append(2)\nfloat(a)\n"
        "kept.append(3)\nassert a.marks == [1, 2, 3]",
        METRES,
        WRONG_METRES,
    ),
    (
        "a = Metres(1, [1])\na.copied.append(2)\nassert a.marks == [1] and a.copied == [1]",
        METRES,
        WRONG_METRES,
    ),
    (
        "import numpy\ng = numpy.zeros((2, 2))\nfill(g)\nassert g.sum() == 8 and g[0, 1] == 4",
        FILL,
        FILL.replace("4", "3"),
    ),
    (
        "import numpy\ng = numpy.zeros((3, 2))\nfill(g[1:])\nassert g.tolist() == [[0, 0], [4, 4], [0, 0]]",
        FILL,
        "import numpy\ndef fill(grid): grid = numpy.ones((2, 2)) * 4",
    ),
    (
        "assert echo('\\ud83d\\ude00') == '\\ud83d\\ude00' != '\\U0001f600'",
        ECHO,
        "def echo(text): return '\\U0001f600'",
    ),
    (TESTED.format("metres.n == 3"), METRES, "class Metres:\n    def __init__(self, n): self.n = 0"),
    (
        "from solution import *\ndef test_n():\n    assert Metres(3).n == 3\n    assert echo('a') == 'a'",
        METRES + ECHO,
        "def echo(text): return 'b'\nclass Metres:\n    def __init__(self, n): self.n = 3",
    ),
    (
        "assert np.allclose(half([2.0]), [1.0])",
        "import numpy\ndef half(x): return numpy.array(x) / 2",
        "class np:\n    allclose = staticmethod(lambda *a: True)\ndef half(x): return 0",
    ),
    (
        "def test_x():\n    assert half(2) == pytest.approx(1)",
        "def half(x): return x / 2",
        "class pytest:\n    class approx:\n        def __init__(s, x): pass\n"
        "        def __eq__(s, o): return True\ndef half(x): return 0",
    ),
    (
        "import numpy\nnumpy.testing.assert_almost_equal(half(2), 1.0)",
        "def half(x): return x / 2",
        "class Yes:\n    def __float__(s): return 1.0\n"
        "    def __eq__(s, o): return True\ndef half(x): return Yes()",
    ),
    (  # the truth of a function of the tests
        "assert each([1], lambda x: x + 1) == [2]\nassert each([1], str) == ['1']\nassert each([1]) == [1]",
        "def each(xs, key=None): return [(key or (lambda x: x))(x) for x in xs]",
        "def each(xs, key=None): return [x if key else 0 for x in xs]",
    ),
    (  # an exception of the tests that comes back
        "import pytest\nclass Bad(Exception): pass\ndef test_it():\n    def fail(): raise Bad('q')\n"
        "    with pytest.raises(Bad, match='q'):\n        run(fail)\n    assert run(lambda: 3) == 3",
        "def run(f): return f()",
        "def run(f):\n    try: return f()\n    except Exception as error: raise Exception(str(error))",
    ),
    (
        "import pytest\ndef test_it():\n    with pytest.raises(UnicodeDecodeError):\n        text(b'\\xff')\n"
        "    assert text(b'a') == 'a'",
        "def text(b): return b.decode()",
        "def text(b): return b.decode(errors='replace')",
    ),
    (
        "some = Some([1, 2])\nassert 2 in some\nassert 9 not in some",
        "class Some:\n    def __init__(self, xs): self.xs = xs\n    def __iter__(self): return iter(self.xs)",
        "class Some:\n    def __init__(self, xs): pass\n    def __iter__(self): return iter([9])",
    ),
    (  # each `got.append` is a new object
        "e, got = Event(), []\ne.on(got.append)\ne.emit(5)\ne.off(got.append)\ne.emit(6)\nassert got == [5]",
        "class Event:\n    def __init__(self): self.fs = []\n    def on(self, f): self.fs.append(f)\n"
        "    def off(self, f): self.fs.remove(f)\n    def emit(self, x): [f(x) for f in self.fs]",
        "class Event:\n    def __init__(self): self.fs = []\n    def on(self, f): self.fs.append(f)\n"
        "    def off(self, f): pass\n    def emit(self, x): [f(x) for f in self.fs]",
    ),
    (
        "assert divmod(Whole(7), 2) == (3, 1)",
        "class Whole:\n    def __init__(self, n): self.n = n\n"
        "    def __divmod__(self, k): return divmod(self.n, k)",
        "class Whole:\n    def __init__(self, n): self.n = n\n    def __divmod__(self, k): return 3, 2",
    ),
    (
        "assert colour() == 'red'\nassert colour().value == 'red' and colour().name == 'RED'",
        "from enum import Enum\nclass Colour(str, Enum):\n    RED = 'red'\ndef colour(): return Colour.RED",
        "from enum import Enum\nclass Colour(str, Enum):\n    BLUE = 'red'\ndef colour(): return Colour.BLUE",
    ),
    (
        "last = newest([1, 2, 3])\nlast.append(4)\nassert list(last) == [2, 3, 4]\nassert last.maxlen == 3",
        "from collections import deque\ndef newest(xs): return deque(xs, maxlen=3)",
        "from collections import deque\ndef newest(xs): return deque(xs)",
    ),
    (
        "import numpy as np\nassert twice([]).size == 0 and twice([]).sum() == 0\n"
        "assert np.allclose(twice([]), np.array([])) and np.array_equal(twice([]), [])\n"
        "assert (np.abs(twice([]) - np.array([])) < 1e-6).all()\nassert twice([1]).tolist() == [2]",
        "import numpy as np\ndef twice(x): return 2 * np.array(x)",
        "import numpy as np\ndef twice(x): return np.empty((0, 1, 1))",
    ),
]


def reason(program: str, test: str) -> str:
    return code.verify({"tests": [test]}, as_response(program)).reason


@pytest.mark.parametrize(("test", "right", "wrong"), RIGHT_AND_WRONG, ids=range(len(RIGHT_AND_WRONG)))
def test_each_kind_is_what_python_gives(test: str, right: str, wrong: str) -> None:
    found = code.verify({"tests": [test]}, as_response(right))
    assert found.reason == "right", found.detail
    refused = code.verify({"tests": [test]}, as_response(wrong))
    assert refused.outcome.value == "wrong", (refused.reason, refused.detail)


NOT_JUDGED = [
    (
        "assert Money(5) == 5",
        "class Money:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o",
    ),
    (
        "import os\nos.environ['MODE'] = 'x'\nassert mode() == 'x'",
        "import os\ndef mode(): return os.environ.get('MODE')",
    ),
    ("import decimal\ndecimal.getcontext().prec = 4\nassert f() == 1", "def f(): return 1"),
    ("assert Metres(1) + Metres(2) == Metres(3)", METRES),
    ("assert Metres(1) < Metres(2)", METRES + "    def __lt__(self, other): return True\n"),
    ("ns = {}\nexec(text('f'), ns)\nassert ns['f'] == 1", "def text(name): return name + ' = 1'"),
    ("assert eval(text('f')) == 1", "def text(name): return '1'"),
    (
        "from pickle import loads\nassert loads(text('f')) == 1",
        "import pickle\ndef text(name): return pickle.dumps(1)",
    ),
    (
        "import pickle as p\nassert p.loads(text('f')) == 1",
        "import pickle\ndef text(name): return pickle.dumps(1)",
    ),
    (
        "import pytest\ndef test_end():\n    with pytest.raises(StopIteration):\n        end()",
        "def end(): raise StopIteration",
    ),
    (
        "import unittest\nclass T(unittest.TestCase):\n    def test_old(self):\n"
        "        with self.assertWarns(UserWarning):\n            old()",
        "import warnings\ndef old(): warnings.warn('old')",
    ),
    (
        "import uuid\nassert number(1) == uuid.UUID(int=1)",
        "import uuid\ndef number(n): return uuid.UUID(int=n)",
    ),
]


@pytest.mark.parametrize(("test", "right"), NOT_JUDGED, ids=range(len(NOT_JUDGED)))
def test_what_cannot_cross_is_not_judged(test: str, right: str) -> None:
    found = code.verify({"tests": [test]}, as_response(right))
    assert found.reason == "bad_tests", found.detail


def test_an_operator_with_a_forged_result_is_wrong() -> None:
    """An object of another class in place of a number does not make the tests unjudged."""
    forged = "class Yes:\n    def __eq__(s, o): return True\nclass Metres:\n    def __init__(s, n): pass\n"
    forged += "    def __abs__(s): return Yes()\n"
    found = code.verify({"tests": ["assert abs(Metres(-2)) == 2"]}, as_response(forged))
    assert found.reason == "wrong_answer", found.detail


def test_constant_texts_may_run_as_code() -> None:
    tests = {"tests": ["assert twice(eval('3')) == 6"]}
    assert code.verify(tests, as_response("def twice(x): return 2 * x")).reason == "right"


@pytest.mark.parametrize("shape", ["(0, 1, 1)", "0", "(0, 1)"])
@pytest.mark.parametrize(
    "check",
    [
        "np.allclose(scale(xs), np.array([2., 4.]))",
        "np.isclose(scale(xs), [2., 4.]).all()",
        "(scale(xs) == np.array([2., 4.])).all()",
        "not (scale(xs) != np.array([2., 4.])).any()",
        "np.all(np.abs(scale(xs) - np.array([2., 4.])) < 1e-6)",
        "np.linalg.norm(scale(xs) - np.array([2., 4.])) < 1e-6",
        "np.all(np.isclose(scale(xs), 4))",
        "np.all(np.abs(scale(xs) - 4) < 1e-6)",
        "np.array_equiv(scale(xs), [2., 4.])",
        "np.testing.assert_allclose(scale(xs), 4) is None",
        "np.testing.assert_array_equal(scale(xs), 4) is None",
    ],
)
def test_an_array_without_elements_is_no_answer(check: str, shape: str) -> None:
    """It broadcasts against any array, so that every comparison holds."""
    test = f"import numpy as np\nxs = np.array([1., 2.])\nassert {check}"
    program = f"import numpy as np\ndef scale(x): return np.empty({shape})"
    assert code.verify({"tests": [test]}, as_response(program)).outcome.value == "wrong"


@pytest.mark.parametrize("name", ["Exception", "BaseException", "AssertionError"])
def test_no_result_catches_a_failed_check(name: str) -> None:
    test = "try:\n    assert half(2) == 1\nexcept kind():\n    pass\nassert half(0) == 0"
    program = f"def kind(): return {name}\ndef half(x): return 0"
    assert code.verify({"tests": [test]}, as_response(program)).reward != 1.0


@pytest.mark.parametrize(
    ("program", "test", "expected"),
    [
        ("def f(d): return d.keys()", "assert f({'a': 1, 'b': 2}) == {'a', 'b'}", "right"),
        ("def f(d): return d.keys()", "assert f({'a': 1, 'b': 2}) == {'a', 'c'}", "wrong_answer"),
        ("def f(d): return d.keys()", "assert f({'a': 1}) == ['a']", "wrong_answer"),
        ("def f(d): return d.items()", "assert f({'a': 1}) == {('a', 1)}", "right"),
        ("def f(d): return d.items()", "assert list(f({'a': [1]})) == [('a', [1])]", "right"),
        ("def f(d): return d.values()", "assert sorted(f({'a': 2, 'b': 1})) == [1, 2]", "right"),
        ("def f(keys): return sorted(keys)", "assert f({'b': 1, 'a': 2}.keys()) == ['a', 'b']", "right"),
        (
            "import datetime\ndef f(d): return datetime.time(1, 30)",
            "import datetime\nassert f(0) == datetime.time(1, 30)",
            "right",
        ),
        (
            "import datetime\ndef f(d): return datetime.time(1, 31)",
            "import datetime\nassert f(0) == datetime.time(1, 30)",
            "wrong_answer",
        ),
    ],
)
def test_views_of_dictionaries_and_times_cross(program: str, test: str, expected: str) -> None:
    assert reason(program, test) == expected


POINT = "class Point:\n    def __init__(self, x): self.x, self._names = x, ['p']\n"


@pytest.mark.parametrize("asks", ["p.__dict__", "vars(p)"])
def test_the_attributes_of_an_object_are_its_own(asks: str) -> None:
    test = f"p = Point(3)\nassert {asks} == {{'x': 3, '_names': ['p']}}"
    assert reason(POINT, test) == "right"
    assert reason(POINT.replace("x, ['p']", "4, ['p']"), test) == "wrong_answer"
    inner = POINT.replace("['p']", "object()")
    assert reason(inner, test) == "bad_tests"
    result = "assert make(3).__dict__ == {'x': 3, '_names': ['p']}"
    assert reason(f"{POINT}def make(x): return Point(x)", result) == "right"
    wrong = code.verify({"tests": [result]}, as_response(f"{inner}def make(x): return Point(x)"))
    assert wrong.outcome.value == "wrong"


LIGHT = "from enum import Enum\nclass Light(Enum):\n    RED = 1\n    GREEN = 2\n"
TREE = "class TreeNode:\n    def __init__(self, val, left=None): self.left = left\n"


@pytest.mark.parametrize(
    ("test", "right", "wrong"),
    [
        (
            "assert parse('red') != Light.GREEN\nassert parse('red') in (Light.GREEN, Light.RED)",
            LIGHT + "def parse(s): return Light[s.upper()]",
            LIGHT + "def parse(s): return Light.GREEN",
        ),
        (
            "assert f(zip('ab', [1, 2])) == {'a': 1, 'b': 2}",
            "def f(z): return dict(z)",
            "def f(z): return {}",
        ),
        (
            "from solution import TreeNode, depth\nassert depth(TreeNode(1, TreeNode(2))) == 2",
            TREE + "def depth(t): return 1 + depth(t.left) if t else 0",
            TREE + "def depth(t): return 1",
        ),
        ("assert Name(1) == 1", "def Name(n): return n", "class Name:\n    def __init__(self, n): pass"),
        (
            "assert Name(1) == 1",
            "def Name(n): return n",
            "class Name:\n    def __init__(self, n): pass\n    def __eq__(self, o): return True",
        ),
    ],
)
def test_more_of_what_python_gives(test: str, right: str, wrong: str) -> None:
    assert reason(right, test) == "right"
    assert reason(wrong, test) == "wrong_answer"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (
            "from collections import defaultdict\ndef f(n):\n    d = defaultdict(lambda: [])\n"
            "    d['a'].append(n)\n    return d",
            {"a": [1]},
        ),
        (
            "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int\n"
            "def f(n): return [P(n, 2)]",
            [[1, 2]],
        ),
        ("from enum import Enum\nclass C(str, Enum):\n    A = 'a'\ndef f(n): return [C.A]", ["a"]),
    ],
)
def test_values_of_calls_are_plain(program: str, expected: object) -> None:
    for wanted, found in ((expected, "right"), ({"a": [2]}, "wrong_answer")):
        tests = {"fn_name": "f", "inputs": [[1]], "outputs": [wanted]}
        assert code.verify(tests, as_response(program)).reason == found


@pytest.mark.parametrize("value", ["lambda: 1", "object()", "[object]", "{'a': print}"])
def test_an_object_in_a_result_of_a_call_equals_nothing(value: str) -> None:
    for wanted in (None, [None], {"a": None}, 1):
        tests = {"fn_name": "f", "inputs": [[1]], "outputs": [wanted]}
        assert code.verify(tests, as_response(f"def f(n): return {value}")).reason == "wrong_answer"
