"""Tests of a problem that prove nothing, and programs that end the tests early: neither counts as correct."""

from __future__ import annotations

from typing import Any

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.types import Verdict

RIGHT = "def double(x): return 2 * x"
WRONG = "def double(x): return 'no'"


def judge(tests: Any, program: str) -> Verdict:
    return code.verify(tests, as_response(program))


RUN: dict[str, str] = {
    "a function": "def test_it():\n    assert double(4) == 8",
    "imported from the solution": "from solution import double as f\ndef test_it():\n    assert f(4) == 8",
    "the module of the solution": "import solution\ndef test_it():\n    assert solution.double(4) == 8",
    "parameters": "import pytest\n"
    "@pytest.mark.parametrize('x, y', [(4, 8), pytest.param(0, 0, id='zero')])\n"
    "def test_it(x, y):\n    assert double(x) == y",
    "two tables of parameters": "import pytest\n@pytest.mark.parametrize('x', [3, 4])\n"
    "@pytest.mark.parametrize(argnames=['k'], argvalues=[[2]])\ndef test_it(k, x):\n"
    "    assert double(x) == k * x",
    "a fixture": "import pytest\n@pytest.fixture\ndef x():\n    yield 4\n"
    "@pytest.fixture(params=[8])\ndef y(request):\n    return request.param\n"
    "def test_it(x, y):\n    assert double(x) == y",
    "a class": "class TestDouble:\n    def setup_method(self):\n        self.x = 4\n"
    "    def test_it(self):\n        assert double(self.x) == 8",
    "a test case": "import unittest\nclass DoubleTest(unittest.TestCase):\n"
    "    def setUp(self):\n        self.x = 4\n"
    "    def test_it(self):\n        self.assertEqual(double(self.x), 8)\n"
    "if __name__ == '__main__':\n    unittest.main()",
    "sub tests": "from unittest import TestCase\nclass DoubleTest(TestCase):\n    def test_it(self):\n"
    "        for x in (0, 4):\n            with self.subTest(x=x):\n"
    "                self.assertAlmostEqual(double(x), 2 * x)",
    "a guard": "if __name__ == '__main__':\n    assert double(4) == 8",
    "a guard that calls": "def test_it():\n    assert double(4) == 8\n"
    "if __name__ == '__main__':\n    test_it()",
    "approximately": "import pytest\ndef test_it():\n"
    "    assert double(0.1) == pytest.approx(0.2000000001)\n"
    "    assert [double(1.0)] == pytest.approx([2])\n    assert double(1) != pytest.approx(2.01)",
    "fail": "import pytest\ndef test_it():\n    if double(4) != 8:\n        pytest.fail('no')",
    "in a lambda": "xs = []\nrun = lambda x: xs.append(double(x))\nrun(4)\nassert xs == [8]",
    "raise": "for x in range(3):\n    if double(x) != 2 * x:\n        raise ValueError(x)",
    "exit": "import sys\nif double(4) != 8:\n    sys.exit(1)\nsys.exit(0)",
    "a helper of the tests": "def same(a, b):\n    assert a == b\nsame(double(4), 8)",
    "arrays": "import numpy as np\nnp.testing.assert_allclose(double(np.ones(2)), [2, 2])",
}


@pytest.mark.parametrize("tests", RUN.values(), ids=RUN)
def test_each_style_of_tests_is_run(tests: str) -> None:
    """A correct program passes, an incorrect one fails: both verdicts need the test to run."""
    verdict = judge({"tests": [tests]}, RIGHT)
    assert verdict.reason == "right", verdict.detail
    verdict = judge({"tests": [tests]}, WRONG)
    assert verdict.reason == "wrong_answer", verdict.detail


VACUOUS: dict[str, str] = {
    "a bare comparison": "double(4) == 8",
    "a call alone": "double(4)",
    "printed": "print(double(4) == 8)",
    "a generator": "results = (double(x) == 2 * x for x in range(5))",
    "a pair": "assert (double(4) == 8, 'must double')",
    "a generator that is true": "assert (double(x) == 2 * x for x in range(5))",
    "a constant": "double(4)\nassert True",
    "constants alone": "import unittest\nclass T(unittest.TestCase):\n"
    "    def test_it(self):\n        double(4)\n        self.assertTrue(True)",
    "the failure is caught": "try:\n    assert double(4) == 8\nexcept AssertionError:\n    print('no')",
    "any exception is caught": "try:\n    double(None)\n    assert False\nexcept:\n    pass",
    "a function that no code calls": "def verify():\n    assert double(4) == 8",
    "a test that only the program could call": "def test_it(f=None):\n    double(4)",
    "the program is not called": "assert len([1, 2]) == 2\nassert double is not None",
    "the name alone": "assert double",
    "a check without a call": "def check(f):\n    assert callable(f)\ncheck(double)",
}


@pytest.mark.parametrize("tests", VACUOUS.values(), ids=VACUOUS)
def test_tests_that_prove_nothing_judge_no_program(tests: str) -> None:
    assert [judge({"tests": [tests]}, each).reason for each in (RIGHT, WRONG)] == ["bad_tests", "bad_tests"]


@pytest.mark.parametrize(
    "check",
    [
        "def check(candidate):\n    pass",
        "def check(candidate):\n    results = (candidate(x) == 2 * x for x in range(5))",
        "def check(candidate):\n    def inner():\n        assert candidate(4) == 8",
        "def check(candidate):\n    candidate(4) == 8",
    ],
)
def test_an_empty_check_judges_no_program(check: str) -> None:
    assert judge({"test": check, "entry_point": "double"}, RIGHT).reason == "bad_tests"


def test_results_that_skip_every_check_are_wrong() -> None:
    tests = {"tests": ["for x in evens(6):\n    assert x % 2 == 0"]}
    assert judge(tests, "def evens(n): return range(0, n, 2)").reason == "right"
    assert judge(tests, "def evens(n): return []").reason == "wrong_answer"


def test_a_comparison_beside_an_assert_is_part_of_the_same_test() -> None:
    tests = {"tests": ["double(4) == 8", "assert double(5) == 10", "double(6) == 12"]}
    verdict = judge(tests, RIGHT)
    assert (verdict.reason, verdict.detail) == ("right", "1 test passed")
    fraction = code.CodeVerifier(reward="fraction")
    assert code.verify(tests, as_response(WRONG), fraction).reward == 0.0


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("def test_it(capsys):\n    assert double(4) == 8", "no fixture 'capsys'"),
        (
            "import pytest\ndef test_it():\n    assert double(4) == 8\n    pytest.warns(UserWarning)",
            "pytest.warns",
        ),
    ],
)
def test_features_of_pytest_that_are_missing_are_named(tests: str, why: str) -> None:
    for program in (RIGHT, RIGHT + "\nprint(1)"):
        verdict = judge({"tests": [tests]}, program)
        assert (verdict.reason, why in verdict.detail) == ("bad_tests", True), verdict.detail


def test_an_expected_exception_must_be_raised() -> None:
    tests = {
        "tests": [
            "import pytest\ndef test_it():\n    with pytest.raises(ValueError, match='neg'):\n        f(-1)"
        ]
    }
    assert judge(tests, "def f(x): raise ValueError('negative')").reason == "right"
    assert judge(tests, "def f(x): raise ValueError('bad')").reason == "wrong_answer"
    assert judge(tests, "def f(x): raise TypeError('negative')").reason == "runtime_error"
    assert judge(tests, "def f(x): return x").reason == "wrong_answer"


ENDED = {
    "zip of map": "for out, want in zip(map(f, [2, 3]), [4, 9]):\n    assert out == want",
    "any": "assert not any(map(f, [2, 4]))",
    "all": "assert all(map(f, [2, 4]))",
    "sum": "assert sum(map(f, [2, 4])) == 0",
    "list": "assert list(map(f, [2, 4])) == []",
    "iter with an end": "assert list(iter(lambda: f(2), 9)) == []",
    "filter": "assert not list(filter(f, [1, 2]))",
    "a comparison": "for got in map(f, [2]):\n    assert got == 4\nassert True or f",
    "a method": "for got in map(lambda x: Solution().f(x), [2]):\n    assert got == 4",
    "an attribute": "for got in map(lambda x: Solution().value, [2]):\n    assert got == 4",
    "a test function": "def test_it():\n    for got in map(f, [2]):\n        assert got == 4",
}
RAISED = ["StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit", "KeyboardInterrupt"]
RAISED += ["type('Own', (StopIteration,), {})", "type('Own', (BaseException,), {})"]


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("tests", ENDED.values(), ids=ENDED)
def test_exceptions_that_end_loops_are_errors(tests: str, raised: str) -> None:
    program = f"""
def f(*args): raise {raised}
class Solution:
    def f(self, x): raise {raised}
    value = property(f)
"""
    verdict = judge({"tests": [tests]}, program)
    assert verdict.reason == "runtime_error", verdict.detail


ITERATORS = {
    "the end of a generator": "it = f()\nassert next(it) == 1\ntry:\n    next(it)\n    assert False\n"
    "except StopIteration:\n    pass",
    "with a default": "it = f()\nassert [next(it, 0), next(it, 0)] == [1, 0]",
    "its method": "it = f()\nassert it.__next__() == 1\nassert list(it) == []",
    "a loop": "assert [x for x in f()] == [1]",
    "zip": "assert list(zip(f(), [5, 6])) == [(1, 5)]",
}


@pytest.mark.parametrize("tests", ITERATORS.values(), ids=ITERATORS)
@pytest.mark.parametrize(
    "program",
    [
        "def f(): yield 1",
        "class It:\n    n = 0\n    def __iter__(self): return self\n    def __next__(self):\n"
        "        self.n += 1\n        if self.n > 1: raise StopIteration\n        return 1\n"
        "def f(): return It()",
    ],
)
def test_iterators_of_the_program_end(tests: str, program: str) -> None:
    verdict = judge({"tests": [tests]}, program)
    assert verdict.reason == "right", verdict.detail


CALLBACK = "def check(x):\n    assert x == 14\nf(check)"
CALLBACKS: list[tuple[str, str]] = [
    ("def f(g): return g(14)", "right"),
    ("def f(g): return g(13)", "runtime_error"),
    ("def f(g):\n    try: g(13)\n    except BaseException: pass", "wrong_answer"),
    ("def f(g):\n    try: g(13)\n    finally: return 14", "wrong_answer"),
    (
        "def f(g):\n    for x in range(20):\n        try: return g(x)\n        except AssertionError: pass",
        "wrong_answer",
    ),
    ("def f(g): pass", "wrong_answer"),
]


@pytest.mark.parametrize(("program", "reason"), CALLBACKS)
def test_a_failed_check_stays_failed_if_the_program_catches_it(program: str, reason: str) -> None:
    verdict = judge({"tests": [CALLBACK]}, program)
    assert verdict.reason == reason, verdict.detail


def test_a_check_that_the_program_may_call_is_not_sure_to_run() -> None:
    tests = {"tests": ["def check(x):\n    assert x == 14\nf(lambda x: check(x))"]}
    assert judge(tests, "def f(g): return g(14)").reason == "right"
    assert judge(tests, "def f(g): pass").reason == "wrong_answer"


def test_a_decorator_of_the_program_must_call_the_test() -> None:
    tests = {"tests": ["@f\ndef run():\n    assert f(len) is not None\nrun()"]}
    assert judge(tests, "def f(g): return g").reason == "right"
    assert judge(tests, "def f(g): return lambda: None").reason == "wrong_answer"


ROWS = """
class Rows:
    def __getitem__(self, i):
        if i == 3: raise IndexError('no row')
        return self.row(i)
    def row(self, i): return double(i)
"""
LOOPS = (
    "assert all(v == 2 * i for i, v in enumerate(Rows()))",
    "got = list(Rows())\nassert got == [0, 2, 4][: len(got)]",
    "def check():\n    for v, want in zip(Rows(), [0, 2, 4]):\n        assert v == want\ncheck()",
    "for v in Rows():\n    assert v in (0, 2, 4)\nassert double(1) is not None or True is True",
    "class More(Rows):\n    def __getitem__(self, i): return super().__getitem__(i)\n"
    "assert sum(More()) in (0, 6)",
    "class Once:\n    def __getitem__(self, i):\n        if i: raise IndexError\n"
    "        return double(2)\n"
    "assert set(Once()) <= {4}",
)


@pytest.mark.parametrize("test", LOOPS)
@pytest.mark.parametrize("error", ["IndexError", "StopIteration", "type('E', (IndexError,), {})"])
def test_an_error_of_the_program_does_not_end_a_loop_over_an_object_of_the_tests(
    test: str, error: str
) -> None:
    tests = {"setup": ROWS, "names": ["double"], "tests": [test]}
    assert judge(tests, RIGHT).reason == "right"
    assert judge(tests, f"def double(x): raise {error}('end')").reason == "runtime_error"


@pytest.mark.parametrize("key", ["Rows()[2]", "Rows().__getitem__(2)"])
def test_an_index_error_of_the_program_reaches_the_subscript_that_expects_it(key: str) -> None:
    test = f"try:\n    {key}\n    assert False\nexcept IndexError as e:\n    assert 'end' in str(e)"
    tests = {"setup": ROWS, "names": ["double"], "tests": [test]}
    assert judge(tests, "def double(x): raise IndexError('end')").reason == "right"
    assert judge(tests, RIGHT).reason == "wrong_answer"
