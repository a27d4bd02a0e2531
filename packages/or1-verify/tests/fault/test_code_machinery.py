"""What carries the calls gives no program an answer, a pass or a way out of its verdict."""

from __future__ import annotations

import time
from typing import Any

import pytest

from or1_verify import code
from or1_verify.code.compare import difference
from or1_verify.code.program import as_response

TELL = """
class Yes:
    def __init__(self): self.told = []
    def _keep(self, *args): self.told += args; return self
    difference = symmetric_difference = intersection = _keep
    def replace(self, old, new): return new
    def get(self, key, default): return default
    def setdefault(self, key, default): return default
    def __iter__(self): return iter(())
    def __bool__(self): return False
    def __len__(self): return 0
def f(x): return Yes()
"""
LEFT = """
class Left:
    def __sub__(self, other): return self
    def __pow__(self, other): return 0.0
    def __getattr__(self, name): return lambda *args: 0.0
    def __iter__(self): return iter([])
    def __getitem__(self, key): return 0.0
    days = 0
def f(x): return Left()
"""


@pytest.mark.parametrize(
    ("program", "test"),
    [
        (TELL, "assert not f(3).symmetric_difference({1, 2})"),
        (TELL, "assert not f(3).difference({1, 2})"),
        (TELL, "assert f(3).replace('abc', '') == ''"),
        (TELL, "assert f({'a': 1}).get('a', 7) == 7"),
        (TELL, "assert f({}).setdefault('a', 7) == 7"),
        (LEFT, "import datetime\nassert (f(3) - datetime.date(2020, 1, 1)).days == 0"),
        (LEFT, "assert list(f(3) - {1, 2}) == []"),
        (LEFT, "assert (f(3) - 2.5) ** 2 < 1e-9"),
        (LEFT, "assert (f(3) - 2.5)[0] == 0.0"),
        (LEFT, "assert (f(3) - 2.5).max() < 1e-9"),
    ],
)
def test_no_object_is_told_the_expected_value(program: str, test: str) -> None:
    verdict = code.verify({"tests": [test]}, as_response(program))
    assert verdict.outcome.value == "wrong", (verdict.reason, verdict.detail)


def test_no_object_is_told_the_expected_set_of_unittest() -> None:
    test = (
        "import unittest\nclass Tests(unittest.TestCase):\n"
        "    def test_f(self): self.assertSetEqual(f(3), {1, 2, 3})\n"
    )
    assert code.verify({"test": test}, as_response(TELL)).outcome.value == "wrong"
    assert code.verify({"test": test}, as_response("def f(x): return {1, 2, 3}")).reason == "right"


@pytest.mark.parametrize(
    ("test", "raises", "outcome"),
    [
        ("import pytest\nwith pytest.raises(Exception): f(object())\nassert f(1) == 1", False, "not_judged"),
        (
            "try:\n    f(object())\nexcept Exception:\n    pass\nelse:\n    assert False\nassert f(1) == 1",
            False,
            "not_judged",
        ),
        ("import pytest\nwith pytest.raises(ValueError): f(-1)\nassert f(1) == 1", True, "right"),
        ("import pytest\nwith pytest.raises(ValueError): f(-1)\nassert f(1) == 1", False, "wrong"),
    ],
)
def test_no_error_of_the_transfer_is_the_one_expected(test: str, raises: bool, outcome: str) -> None:
    """The result for -1 of the incorrect program cannot be transferred."""
    error = "raise ValueError" if raises else "return memoryview(b'a')"
    program = f"def f(x):\n    if x == -1: {error}\n    return x"
    assert code.verify({"tests": [test]}, as_response(program)).outcome.value == outcome


@pytest.mark.parametrize("name", ["__aiter__", "__anext__", "a coroutine was expected", "'await' expression"])
@pytest.mark.parametrize("test", ["assert f(3) > 2", "import math\nassert math.isclose(f(3), 2.5)"])
def test_no_name_of_a_class_ends_the_judgement(name: str, test: str) -> None:
    program = f"def f(x): return type({name!r}, (), {{}})()"
    assert code.verify({"tests": [test]}, as_response(program)).outcome.value == "wrong"


def test_a_long_token_costs_linear_time() -> None:
    """Going back in the digits would take more than an hour; processor time, so that load does not count."""
    started = time.process_time()
    for end in ("x", ".x", "e", "e+x", ".5x"):
        assert difference("1" * 200_000 + end, "7") is not None
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize(
    ("program", "test", "expected"),
    [
        ("np.mean(x)", "import numpy as np\nassert f(np.array([1, 2.])).dtype == np.float64", "right"),
        ("np.mean(x)", "import numpy as np\nassert isinstance(f(np.array([1, 2.])), np.floating)", "right"),
        (
            "float(np.mean(x))",
            "import numpy as np\nassert isinstance(f(np.array([1])), np.floating)",
            "wrong",
        ),
        ("np.all(x > 0)", "import numpy as np\nassert f(np.array([1])) is True", "wrong"),
        ("bool(np.all(x > 0))", "import numpy as np\nassert f(np.array([1])) is True", "right"),
        ("np.array(x)", "import numpy as np\nassert (f(['a', 'b']) == np.array(['a', 'b'])).all()", "right"),
        (
            "np.array(x[::-1])",
            "import numpy as np\nassert (f(['a', 'b']) == np.array(['a', 'b'])).all()",
            "wrong",
        ),
        ("np.longdouble(x)", "assert f(1.5) == 1.5", "right"),
        ("np.matrix(x)", "import numpy as np\nassert np.array_equal(f([[1, 2]]), [[1, 2]])", "right"),
    ],
)
def test_values_of_numpy_keep_their_class(program: str, test: str, expected: str) -> None:
    source = f"import numpy as np\ndef f(x): return {program}"
    assert code.verify({"tests": [test]}, as_response(source)).outcome.value == expected


CLASSES = """
import enum
from collections import defaultdict
from typing import NamedTuple
class Pair(NamedTuple):
    x: int
    y: int
    def total(self): return self.x + self.y
class Attributes(dict):
    __getattr__ = dict.__getitem__
class Stack(list):
    def last(self): return self[-1]
class Level(enum.IntEnum):
    LOW, HIGH = 1, 2
def pair(): return Pair(1, 2)
def attributes(): return Attributes(a=1)
def stack(): return Stack([1, 2])
def level(): return Level.HIGH
def counts(): return defaultdict(lambda: 5, a=1)
def nested():
    found = defaultdict(lambda: defaultdict(int))
    found["a"]["b"] = 1
    return found
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("pair().total() == 3 and pair() == (1, 2)", "pair().total() == 2"),
        ("attributes().a == 1 and attributes() == {'a': 1}", "attributes().a == 2"),
        ("stack().last() == 2 and stack() == [1, 2]", "stack().last() == 1"),
        ("level().name == 'HIGH' and level() == 2", "level().name == 'LOW'"),
        ("counts()['b'] == 5 and counts()['a'] == 1", "counts()['b'] == 0"),
        ("nested()['a']['b'] == 1 and nested()['x']['y'] == 0", "nested()['x']['y'] == 1"),
    ],
)
def test_classes_of_values_keep_their_methods(right: str, wrong: str) -> None:
    for test, expected in ((right, "right"), (wrong, "wrong")):
        verdict = code.verify({"tests": [f"assert {test}"]}, as_response(CLASSES))
        assert verdict.outcome.value == expected, verdict.detail


ROWS = "@pytest.mark.parametrize('x', [1, pytest.param(2, marks=pytest.mark.{mark})])\n"


@pytest.mark.parametrize(
    ("head", "outcome"),
    [
        (ROWS.format(mark="xfail"), "right"),
        (ROWS.format(mark="skip(reason='x')"), "right"),
        (ROWS.format(mark="slow"), "wrong"),
        ("@pytest.mark.parametrize('x', [1], indirect=True)\n", "not_judged"),
        ("@pytest.mark.usefixtures('unknown')\n@pytest.mark.parametrize('x', [1])\n", "not_judged"),
    ],
)
def test_marks_of_pytest_are_obeyed(head: str, outcome: str) -> None:
    tests: dict[str, Any] = {"test": f"import pytest\n{head}def test_f(x):\n    assert f(x) == 1\n"}
    assert code.verify(tests, as_response("def f(x): return x")).outcome.value == outcome


FORGE = """
import sys
endpoint = sys.modules["or1_verify.code.rpc"].RpcEndpoint
true_reply = endpoint._reply
def _reply(self, message):
    reply = true_reply(self, message)
    return {forged}
endpoint._reply = _reply
class Yes:
    def is_valid(self, x): return True
def f(x): return {result}
"""


@pytest.mark.parametrize(
    ("forged", "result", "test"),
    [
        (
            'reply | {"heap": [["list", []], ["scalar", [len(message["heap"])], "<f8"]],'
            ' "return": [len(message["heap"]) + 1]}',
            "1.0",
            "import numpy as np\nassert np.all(f(3) == 5)",
        ),
        ('reply | {"shared": 1, "back": [[1, [], []]]}', "Yes()", "assert f(2).is_valid(4)"),
        ('reply | {"ended": [], "shared": "a"}', "2", "assert f(2) == 3"),
        ('reply | {"same": [1, 0]}', "2", "assert f([3]) == 3"),
        ('reply | {"back": [[1, [], [[0, ["dict", [], []]]]]]}', "2", "xs = [3]\nassert f(xs) == 3"),
        ('reply | {"back": 7}', "3", "assert f(3) == 4"),
    ],
)
def test_no_forged_reply_is_paid(forged: str, result: str, test: str) -> None:
    program = FORGE.format(forged=forged, result=result)
    assert code.verify({"tests": [test]}, as_response(program)).reward != 1.0


def test_a_kept_value_that_cannot_cross_is_no_way_out_of_a_verdict() -> None:
    """The tests put a stream into a dictionary that the program has kept."""
    test = "import io\nd = {}\nf(d)\nd['out'] = io.StringIO()\nassert f({}) == 1"
    program = "KEPT = []\ndef f(d):\n    KEPT.append(d)\n    return 2"
    assert code.verify({"tests": [test]}, as_response(program)).outcome.value == "wrong"
