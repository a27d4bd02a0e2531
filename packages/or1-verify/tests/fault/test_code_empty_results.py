"""A result without elements is equal to nothing that has some, whatever numpy's rules of shapes say."""

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.types import Verdict


def judge(program: str, test: str, *names: str) -> Verdict:
    return code.verify(
        {"tests": ["import numpy as np\n" + test], "names": list(names or ["f"])}, as_response(program)
    )


EMPTY = (
    *(
        "def f(*a): return []",
        "def f(*a): return [[]]",
        "import numpy as np\ndef f(*a): return np.empty((0, 1))",
    ),
    "class C:\n    def __len__(self): return 0\n    def __getitem__(self, i): raise IndexError\n"
    "def f(*a): return C()",
)
RIGHT = "import numpy as np\ndef f(x): return np.asarray(x, dtype=float) ** 2"
CHECKS = (
    *(
        "assert np.allclose(f(2), 4.0)",
        "assert np.isclose(f(2), 4.0).all()",
        "assert np.allclose(a=f([2]), b=[4.0])",
    ),
    *("np.testing.assert_allclose(f(2), 4.0)", "np.testing.assert_almost_equal(f([2]), [4.0])"),
    *("np.testing.assert_array_equal(f([2]), 4)", "np.testing.assert_equal(np.array(f(2)), 4)"),
    *("assert (np.array(f(2)) == np.array([4])).all()", "assert np.linalg.norm(np.array(f(2)) - 4.0) < 1e-6"),
    "out = np.asarray(f([1, 2]))\nassert np.allclose(out, [1.0, 4.0])",
    "from numpy.testing import assert_allclose\n"
    "assert_allclose(np.array(f([1, 2]), dtype=float) - np.array([1, 4]), 0)",
    "import unittest\nclass T(unittest.TestCase):\n"
    "    def test_f(self): self.assertTrue(np.allclose(f(2), 4.0))",
)


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_no_array_of_values(check: str) -> None:
    verdict = judge(RIGHT, check)
    assert verdict.reason == "right", verdict.detail
    for program in EMPTY:
        verdict = judge(program, check)
        assert verdict.outcome.value == "wrong", (program, verdict.reason, verdict.detail)


def test_results_that_are_to_be_empty() -> None:
    program = "import numpy as np\ndef f(x): return np.asarray(x, dtype=float) ** 2\ndef g(x): return list(x)"
    checks = (
        "assert np.allclose(f([]), []) and np.allclose(g([]), np.array([])) and f([]).size == 0",
        "np.testing.assert_allclose(f([]), np.array([]))\nassert (np.array(g([])) == np.array([])).all()",
        "rows = np.array([])\nrows = np.append(rows, f([2, 3]))\nassert rows.tolist() == [4, 9]",
        "assert np.concatenate([np.array([]), f([2])]).tolist() == [4] and not np.array_equal(g([]), [1])",
    )
    for check in checks:
        verdict = judge(program, check, "f", "g")
        assert verdict.reason == "right", (check, verdict.detail)


LIES = """
class R:
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __iter__(self): return iter([])
class Q:
    def get(self, xs): return R(len(xs))
    def itself(self): return self
    def __len__(self): return 3
    def __iter__(self): return iter([])
    def __contains__(self, key):
        self.key = key
        return True
    def startswith(self, *a): return True
    def first(self): return self.key
"""


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        ("r = Q().get([3, 1, 2])\nassert len(r) == 3\nfor x, e in zip(r, [1, 2, 3]): assert x == e", "wrong"),
        ("q = Q()\nr = q.itself()\nassert len(r) == 3\nassert list(r) == [] or r.first() == 7", "wrong"),
        ("q = Q()\nassert 'apple' in q.itself()\nassert q.first() == 'apple'", "wrong"),
        ("assert Q().itself().startswith('<html>')", "not_judged"),
    ],
)
def test_what_a_method_returns_has_the_elements_that_it_counts(check: str, outcome: str) -> None:
    verdict = judge(LIES, check, "Q")
    assert verdict.outcome.value == outcome, verdict.detail


FLUENT = """
class Bag:
    def __init__(self): self.xs = []
    def add(self, x):
        self.xs.append(x)
        return self
    def __iter__(self): return iter(self.xs)
    def __len__(self): return len(self.xs)
    def count(self, x): return self.xs.count(x)
"""


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("", "right"),
        ("    def __contains__(self, x): return x in self.xs", "right"),
        ("    __iter__ = None\n    def __contains__(self, x): return x in self.xs", "bad_tests"),
    ],
)
def test_a_fluent_class_is_judged_or_no_verdict_is_given(more: str, reason: str) -> None:
    check = "b = Bag().add(1).add(2)\nassert len(b) == 2 and b.count(1) == 1 and 2 in b and 3 not in b"
    assert judge(FLUENT + more, check, "Bag").reason == reason


def test_a_module_that_the_tests_lack_is_no_fault_of_the_program() -> None:
    test = (
        "def test_it():\n    assert f(2) == 4\n    import no_such_module\n"
        "    assert no_such_module.x(f(3)) == 9"
    )
    assert judge("def f(x): return x * x", test).reason == "bad_tests"
    assert judge("def f(x): return x", test).reason == "wrong_answer"
