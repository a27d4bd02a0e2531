"""Classes, constants, docstrings and exceptions of a program, as tests ask for them."""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response

DOG = "class Dog:\n    def __init__(self, n=1): self.n = n\ndef make(): return Dog()\n"
COUNTER = (
    "LIMIT = 10\ncalls = 0\ndef f(x):\n    'Adds one.'\n    global calls\n    calls += 1\n    return x + 1\n"
)
ERROR = "class Low(ValueError): pass\ndef f(x): return Low('bad', 3)\n"
YES = "class Meta(type):\n    __eq__ = lambda cls, other: True\n    __hash__ = type.__hash__\n"
YES += "class Yes(metaclass=Meta):\n    __eq__ = lambda self, other: True\n    __hash__ = object.__hash__\n"
ASYNC = "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1\n"
STACK = "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Stack(Generic[T]):\n"
STACK += "    __slots__ = ('xs',)\n    def __init__(self): self.xs = []\n    def push(self, x): self.xs.append(x)\n"
STACK += "    def pop(self): return self.xs.pop()\n    def __len__(self): return len(self.xs)\n"
TICKS = "import asyncio\nasync def ticks(n):\n    for i in range(n):\n        yield i * i\n"
VALUES = "from array import array\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
VALUES += (
    "def mk(x): return P(x)\ndef ar(xs): return array('i', xs)\ndef sort(a): a[:] = array('i', sorted(a))\n"
)
VALUES += "def rd(): return int(input())\ndef wc(name): return len(open(name).read().split())\n"
VALUES += "def mean(xs): return sum(xs) / len(xs)\ndef sq(x): return x * x\n"
BEASTS = "class Animal: pass\nclass Dog(Animal):\n    def __init__(self): self.x = 1\n"
LOAD = "def load(x): raise KeyError(x)\n"
DISK = "class Disk:\n    def __init__(self): self.d = []\n    def mkdir(self, p): self.d.append(p)\n"
DISK += "    def ls(self): return self.d\n"
FORGED_ROOT = "def area(x): return 0\ndef sqrt(x): return 0\ndef isclose(*a): return True\n"


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
        ("import copy\nd = Dog(2)\nassert copy.deepcopy(d).n == 2", DOG, "right"),
        ("import copy\nassert copy.copy(Dog(2)).n == 2", DOG, "right"),
        ("import asyncio\nassert asyncio.run(f(1)) == 2", ASYNC, "bad_tests"),
        (
            "import asyncio\nasync def go(): return await f(1)\nassert asyncio.run(go()) == 2",
            ASYNC,
            "bad_tests",
        ),
        ("s = Stack[int]()\ns.push(4)\nassert s.pop() == 4 and len(s) == 0", STACK, "right"),
        ("s = Stack[int]()\ns.push(4)\nassert s.pop() == 5", STACK, "wrong_answer"),
        ("s = Stack[int]()\nassert len(s) == 0", STACK.replace("(Generic[T])", ""), "runtime_error"),
        ("assert len(Stack()) == 0 and Stack.__slots__ == ('xs',)", STACK, "right"),
        ("assert len(Stack()) == 0 and Stack.__slots__ == ('ys',)", STACK, "wrong_answer"),
        ("assert len(Stack()) == 0 and Stack.__bases__ == (object,)", STACK, "bad_tests"),
        (
            "import asyncio\nasync def go(): return [x async for x in ticks(3)]\nassert asyncio.run(go()) == [0, 1, 4]",
            TICKS,
            "bad_tests",
        ),
        (
            "import asyncio\nasync def go():\n    it = ticks(3)\n    return [x async for x in it]\n"
            "assert asyncio.run(go()) == [0, 1, 4]",
            TICKS,
            "bad_tests",
        ),
        ("from dataclasses import asdict\nassert asdict(mk(1)) == {'x': 1}", VALUES, "bad_tests"),
        ("from array import array\nassert ar([1, 2]) == array('i', [1, 2])", VALUES, "right"),
        ("from array import array\nassert ar([1, 2]) == array('i', [2, 1])", VALUES, "wrong_answer"),
        (
            "from array import array\na = array('i', [2, -1])\nsort(a)\nassert a == array('i', [-1, 2])",
            VALUES,
            "right",
        ),
        ("import builtins\nbuiltins.input = lambda *a: '4'\nassert rd() == 4", VALUES, "bad_tests"),
        (
            "import builtins\nsetattr(builtins, 'input', lambda *a: '4')\nassert rd() == 4",
            VALUES,
            "bad_tests",
        ),
        (
            "import tempfile\nwith tempfile.NamedTemporaryFile('w') as t:\n    t.write('a b')\n    t.flush()\n"
            "    assert wc(t.name) == 2",
            VALUES,
            "bad_tests",
        ),
        (
            "from pathlib import Path\np = Path('a')\np.write_text('a b')\nassert wc('a') == 2",
            VALUES,
            "bad_tests",
        ),
        ("d = Dog()\ndel d.x\nassert not hasattr(d, 'x') and Dog().x == 1", BEASTS, "right"),
        ("d = Dog()\nassert not hasattr(d, 'x') and Dog().x == 1", BEASTS, "wrong_answer"),
        ("assert issubclass(Dog, Animal) and not issubclass(Animal, Dog) and Dog().x == 1", BEASTS, "right"),
        ("assert issubclass(Animal, Dog) and Dog().x == 1", BEASTS, "wrong_answer"),
        ("assert issubclass(Dog, ValueError) or Dog().x == 1", BEASTS, "bad_tests"),
        ("class Cat(Animal): pass\nassert Cat() and Dog().x == 1", BEASTS, "bad_tests"),
        ("assert mean([1, 3]) == 2\nassert sq(2) == 4", VALUES, "right"),
        ("assert mean([1, 3]) == 3\nassert sq(2) == 4", VALUES, "wrong_answer"),
        (
            "try:\n    load('x')\n    assert False\nexcept KeyError:\n    pass\nassert sq(2) == 4",
            VALUES + LOAD,
            "right",
        ),
        (
            "try:\n    load('x')\n    assert False\nexcept ValueError:\n    pass\nassert sq(2) == 4",
            VALUES + LOAD,
            "runtime_error",
        ),
        (
            "xs = [2, 1]\nheapify(xs)\nassert area(xs) == xs[0]",
            FORGED_ROOT + "def heapify(xs): xs[:] = [0]\n",
            "bad_tests",
        ),
        (
            "assert isclose(Area(2).x, 4)",
            FORGED_ROOT + "class Area:\n    def __init__(self, x): self.x = 0\n",
            "wrong_answer",
        ),
        (
            "from pytest import raises, approx\nwith raises(KeyError): load('x')\nassert sq(2) == approx(4)",
            VALUES + LOAD,
            "right",
        ),
        ("import math\nassert area(2) == sqrt(4)", FORGED_ROOT, "wrong_answer"),
        ("want = sqrt(4)\nassert area(2) == want", FORGED_ROOT, "wrong_answer"),
        ("assert isclose(area(2), 4)", FORGED_ROOT, "wrong_answer"),
        ("fs = Disk()\nfs.mkdir('/a')\nassert fs.ls() == ['/a']", DISK, "right"),
        ("import asyncio\nasync def go(): return f(1)\nassert asyncio.run(go()) == 2", COUNTER, "right"),
    ],
)
def test_each_is_what_python_gives_or_the_tests_are_not_judged(test: str, program: str, reason: str) -> None:
    verdict = code.verify({"mode": "asserts", "tests": [test]}, as_response(program))
    assert verdict.reason == reason, verdict.detail
