"""Decorators of a program see the parameters of a function of the tests, and the other way round."""

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response

CURRY = "    def h(*a): return f(*a) if len(a) >= n else lambda *b: h(*a, *b)\n    return h"
BY_CODE = "def curry(f):\n    n = f.__code__.co_argcount\n" + CURRY
BY_SIGNATURE = "import inspect\ndef curry(f):\n    n = len(inspect.signature(f).parameters)\n" + CURRY
FIXED = "def curry(f):\n    n = 2\n" + CURRY
SHOW = "import inspect\ndef show(f): return str(inspect.signature(f))"
TYPED = """
import functools
def typed(f):
    @functools.wraps(f)
    def h(*a):
        for x, (name, t) in zip(a, f.__annotations__.items()):
            if not isinstance(x, t): raise TypeError(name)
        return f(*a)
    return h
"""
PARTS = "def parts(f): return f.__defaults__, f.__kwdefaults__, f.__code__.co_varnames"
KINDS = "import inspect\ndef kind(f): return inspect.isgeneratorfunction(f), inspect.iscoroutinefunction(f)"
ADDS = "def g(a, b, c): return a + b + c\nassert curry(g)(1)(2)(3) == 6 and curry(g)(1, 2)(3) == 6"
CASES = [
    (ADDS, "curry", BY_CODE, FIXED),
    (ADDS, "curry", BY_SIGNATURE, FIXED),
    (
        "def g(a: int, b: str = 'x', *c, d=3, **e) -> int: return a\n"
        "assert show(g) == \"(a: int, b: str = 'x', *c, d=3, **e) -> int\"",
        "show", SHOW, SHOW.replace("str(", "repr("),
    ),
    (
        "def g(a: int, b: str): return a\nassert typed(g)(1, 'a') == 1\ntry:\n    typed(g)('x', 'a')\n"
        "    assert False\nexcept TypeError: pass",
        "typed", TYPED, "def typed(f): return f",
    ),
    (
        "def g(a, b=2, *c, d=4):\n    inner = a\n    return inner\n"
        "assert parts(g) == ((2,), {'d': 4}, ('a', 'b', 'd', 'c'))",
        "parts", PARTS, PARTS.replace("f.__kwdefaults__", "{}"),
    ),
    (
        "async def g(a): return a\ndef h(a): yield a\n"
        "assert kind(g) == (False, True) and kind(h) == (True, False)",
        "kind", KINDS, KINDS.replace("isgenerator", "iscoroutine"),
    ),
    ("assert two.__code__.co_argcount == 2", "two", "def two(a, b): pass", "def two(a): pass"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "name", "right", "wrong"), CASES, ids=range(len(CASES)))
def test_parameters_cross(test: str, name: str, right: str, wrong: str) -> None:
    tests = {"tests": [test], "names": [name]}
    verdict = code.verify(tests, as_response(right))
    assert verdict.reason == "right", verdict.detail
    assert code.verify(tests, as_response(wrong)).outcome.value == "wrong"


@pytest.mark.parametrize("asked", ["__globals__", "__closure__", "secret", "__code__.co_consts"])
def test_nothing_else_of_a_function_of_the_tests_crosses(asked: str) -> None:
    """Its constants, globals and attributes may hold expected values."""
    test = "def g(a): return a == 7\ng.secret = 7\nassert f(g) == 7"
    program = f"def f(g):\n    found = g.{asked}\n    return 7"
    verdict = code.verify({"tests": [test], "names": ["f"]}, as_response(program))
    assert verdict.reason == "runtime_error", verdict.detail


CLASSES = "class Animal: pass\nclass Dog(Animal): pass\n"


@pytest.mark.parametrize(
    ("test", "right", "wrong"),
    [
        (
            "assert f(Dog(), Animal) and f(Dog(), Dog) and not f(Animal(), Dog) and not f(3, Dog)",
            "def f(x, cls): return isinstance(x, cls)",
            "def f(x, cls): return not isinstance(x, int)",
        ),
        (
            "assert f(Dog, Animal) and not f(Animal, Dog) and not f(int, Dog)",
            "def f(a, b): return issubclass(a, b)",
            "def f(a, b): return True",
        ),
        (
            "assert f(Dog) == 'class' and f(Dog()) == 'object'",
            "def f(x): return 'class' if isinstance(x, type) else 'object'",
            "def f(x): return 'class'",
        ),
    ],
)
def test_a_program_asks_for_classes_of_the_tests(test: str, right: str, wrong: str) -> None:
    tests = {"tests": [CLASSES + test], "names": ["f"]}
    verdict = code.verify(tests, as_response(right))
    assert verdict.reason == "right", verdict.detail
    assert code.verify(tests, as_response(wrong)).outcome.value == "wrong"


def test_the_cause_of_an_error_whose_class_takes_other_arguments() -> None:
    test = (
        "try:\n    load('{')\n    assert False\nexcept RuntimeError as e:\n"
        "    assert isinstance(e.__cause__, ValueError)"
    )
    program = (
        "import json\ndef load(s):\n    try: return json.loads(s)\n"
        "    except ValueError as e: raise RuntimeError('bad') from e"
    )
    tests = {"tests": [test], "names": ["load"]}
    verdict = code.verify(tests, as_response(program))
    assert verdict.reason == "right", verdict.detail
    assert code.verify(tests, as_response(program.replace("from e", "from None"))).reason == "wrong_answer"


def test_an_exception_for_a_generator_is_not_judged() -> None:
    program = "def g():\n    try: yield 1\n    except ValueError: yield 2"
    tests = {"tests": ["a = g()\nnext(a)\nassert a.throw(ValueError('x')) == 2"], "names": ["g"]}
    assert code.verify(tests, as_response(program)).reason == "bad_tests"
