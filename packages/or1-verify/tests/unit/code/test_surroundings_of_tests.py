"""What tests take for granted: names of the library, setup functions, scopes of fixtures, threads."""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

import pytest

from builders import reason_for_code
from or1_verify import code
from or1_verify.code.program import as_response

SHARED = "import pytest\n@pytest.fixture(scope='{}')\ndef n():\n    yield [2]\n"
TWO = (
    "def test_a(n):\n    n[0] += 1\n    assert double(n[0]) == 6\ndef test_b(n):\n    assert double(n[0]) == "
)
STYLES = {
    "setup_module": "def setup_module(module):\n    global n\n    n = 2\ndef test_it():\n    assert double(n) == 4",
    "setup_function": "n = []\ndef setup_function():\n    n.append(2)\ndef test_it():\n    assert double(n[0]) == 4",
    "setup_class": "class TestDouble:\n    @classmethod\n    def setup_class(cls):\n        cls.n = 2\n"
    "    def test_two(self):\n        assert double(self.n) == 4",
    "module scope": SHARED.format("module") + TWO + "6",
    "function scope": SHARED.format("function") + TWO + "4",
    "class scope": SHARED.format("class") + "class TestA:\n    def test_a(self, n):\n        n[0] += 1\n"
    "    def test_b(self, n):\n        assert double(n[0]) == 6\n"
    "class TestB:\n    def test_c(self, n):\n        assert double(n[0]) == 4",
    "threads": "import threading\nfound = []\n"
    "threads = [threading.Thread(target=lambda n=n: found.append(double(n))) for n in range(20)]\n"
    "[each.start() for each in threads]\n[each.join() for each in threads]\n"
    "assert sorted(found) == [2 * n for n in range(20)]",
}


@pytest.mark.parametrize("style", STYLES)
def test_tests_find_their_surroundings(style: str) -> None:
    assert reason_for_code(STYLES[style], "def double(n): return n * 2") == "right"
    assert reason_for_code(STYLES[style], "def double(n): return 5") == "wrong_answer"


def test_threads_of_the_program_call_a_function_of_the_tests() -> None:
    program = (
        "from concurrent.futures import ThreadPoolExecutor\ndef apply(f, xs):\n"
        "    with ThreadPoolExecutor(8) as pool: return list(pool.map(f, xs))"
    )
    test = "assert apply(lambda n: n * n, range(50)) == [n * n for n in range(50)]"
    assert reason_for_code(test, program) == "right"


LIBRARY = {
    "Decimal": ("assert f(1) == Decimal('1.5')", "1.5", "lambda *_: 0"),
    "Fraction": ("assert f(1) == Fraction(3, 2)", "1.5", "lambda *_: 0"),
    "approx": ("assert f(1) == approx(1.5)", "1.5", "lambda *_: 0"),
    "Counter": ("assert Counter(f(1)) == Counter('aab')", "'aba'", "lambda *_: 0"),
    "isclose": ("assert isclose(f(1), 1.5)", "1.5", "lambda *_: True"),
    "assert_equal": ("assert_equal(f(1), 1.5)", "1.5", "lambda *_: None"),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_a_program_does_not_replace_what_tests_use_of_the_library_without_an_import(name: str) -> None:
    test, value, own = LIBRARY[name]
    for tests in ({"tests": [test]}, {"entry_point": "f", "test": f"def check(f):\n    {test}"}):
        assert code.verify(tests, as_response(f"def f(n): return {value}")).reason == "right"
        forged = code.verify(tests, as_response(f"{name} = {own}\ndef f(n): return 0"))
        assert forged.outcome.name == "WRONG"


@pytest.mark.parametrize(
    ("setup", "test"),
    [
        (
            "from datetime import *",
            "assert f(datetime(2020, 1, 2)) == datetime(2020, 1, 2)",
        ),  # the class stays
        ("a = np.array([1])", "assert f(a[0]) == np.int64(1)"),
        ("one = Decimal(1)", "assert f(one) == Decimal(1)"),
    ],
)
def test_imports_that_are_left_out_come_before_the_setup(setup: str, test: str) -> None:
    tests = {"setup": setup, "tests": [test], "names": ["f"]}
    assert code.verify(tests, as_response("def f(x): return x")).reason == "right"
    assert code.verify(tests, as_response("def f(x): return 0")).reason == "wrong_answer"
