"""Classes, constants, docstrings and exceptions of a program, as tests ask for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.code.sandboxes import close_all

DOG = "class Dog:\n    def __init__(self, n=1): self.n = n\ndef make(): return Dog()\n"
COUNTER = (
    "LIMIT = 10\ncalls = 0\ndef f(x):\n    'Adds one.'\n    global calls\n    calls += 1\n    return x + 1\n"
)
ERROR = "class Low(ValueError): pass\ndef f(x): return Low('bad', 3)\n"
YES = "class Meta(type):\n    __eq__ = lambda cls, other: True\n    __hash__ = type.__hash__\n"
YES += "class Yes(metaclass=Meta):\n    __eq__ = lambda self, other: True\n    __hash__ = object.__hash__\n"
ASYNC = "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1\n"


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    close_all()


@pytest.mark.parametrize(
    ("test", "program", "reason"),
    [
        ("e = f(1)\nassert isinstance(e, ValueError) and e.args == ('bad', 3)", ERROR, "right"),
        ("e = f(1)\nassert isinstance(e, KeyError)", ERROR, "wrong_answer"),
        ("e = f(1)\nassert type(e) is ValueError", "def f(x): return ValueError(x)", "right"),
        ("assert type(make()) is Dog and Dog().n == 1", DOG, "right"),
        ("assert type(make()) is Dog and Dog().n == 1", DOG + "def make(): return 1\n", "wrong_answer"),
        ("assert type(make()).__name__ == 'Dog'", DOG, "right"),
        ("assert type(make()) == type(make())", DOG, "right"),
        ("assert isinstance(Dog(2), Dog) and Dog(2).n == 2", DOG, "right"),
        ("assert not isinstance(f(1), Dog) and f(1) == 2 and Dog().n == 1", DOG + COUNTER, "right"),
        ("assert type(f(1)) is int and f(1) == 2", COUNTER, "right"),
        ("assert type(f(1)) is int", YES + "def f(x): return Yes()", "wrong_answer"),
        ("assert type(f(1)) == int", YES + "def f(x): return Yes()", "wrong_answer"),
        ("assert LIMIT == 10 and f(1) == 2", COUNTER, "right"),
        ("assert LIMIT == 11 and f(1) == 2", COUNTER, "wrong_answer"),
        ("assert LIMIT == 10", YES + "LIMIT = Yes()", "wrong_answer"),
        ("assert LIMIT == 10", "def LIMIT(): return 10", "wrong_answer"),
        ("f(1)\nf(1)\nassert calls == 2", COUNTER, "right"),
        ("f(1)\nassert calls == 2", COUNTER, "wrong_answer"),
        ("assert f(LIMIT) == LIMIT + 1", COUNTER, "bad_tests"),
        ("assert f.__doc__ == 'Adds one.' and f.__name__ == 'f'", COUNTER, "right"),
        ("assert f.__doc__ == 'Adds two.'", COUNTER, "wrong_answer"),
        ("import inspect\nassert len(inspect.signature(f).parameters) == 1", COUNTER, "bad_tests"),
        ("import copy\nd = Dog(2)\nassert copy.deepcopy(d).n == 2", DOG, "bad_tests"),
        ("import copy\nassert copy.copy(Dog(2)).n == 2", DOG, "bad_tests"),
        ("import asyncio\nassert asyncio.run(f(1)) == 2", ASYNC, "bad_tests"),
        (
            "import asyncio\nasync def go(): return await f(1)\nassert asyncio.run(go()) == 2",
            ASYNC,
            "bad_tests",
        ),
        ("import asyncio\nasync def go(): return f(1)\nassert asyncio.run(go()) == 2", COUNTER, "right"),
    ],
)
def test_each_is_what_python_gives_or_the_tests_are_not_judged(test: str, program: str, reason: str) -> None:
    verdict = code.verify({"mode": "asserts", "tests": [test]}, as_response(program))
    assert verdict.reason == reason, verdict.detail
