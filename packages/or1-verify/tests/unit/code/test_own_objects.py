"""Objects of classes that the tests define, called by the program; the program has no code of them."""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

import pytest

from builders import reason_for_code
from or1_verify import code
from or1_verify.code.program import as_response

SHAPE = "class Fake:\n    side = 3\n    def __init__(self): self.n = 0\n"
SHAPE += "    def area(self):\n        self.n += 1\n        return self.side * self.n\n"
SHAPE += "    @property\n    def half(self): return self.side / 2\n"
SINK = (
    "class Sink:\n    def __init__(self, got): self.got = got\n    def write(self, x): self.got.append(x)\n"
)
SINK += "    def send(self, x): self.got.append(-x)\n    def read(self): return list(self.got)\n"
OPS = "class V:\n    def __init__(self, x): self.x = x\n    def __lt__(self, o): return self.x < o.x\n"
OPS += "    def __len__(self): return self.x\n    def __getitem__(self, i): return 10 * i\n"
OPS += "    def __add__(self, o): return V(self.x + o.x)\n    def __eq__(self, o):\n"
OPS += "        return self.x == o.x if isinstance(o, V) else NotImplemented\n"
OPS += (
    "    def __hash__(self): return hash(self.x)\n    def __iter__(self):\n        yield from range(self.x)\n"
)
OPS += "    def __call__(self, y): return self.x + y\n    def __enter__(self): return self\n"
OPS += "    def __exit__(self, *a): self.x = -1\n    def __contains__(self, y): return y == self.x\n"
RIGHT_AND_WRONG = {
    "method": (SHAPE + "assert g(Fake()) == 3", "def g(x): return x.area()", "def g(x): return x.n"),
    "in a function": (
        SHAPE + "def test_it():\n    x = Fake()\n    assert g(x) == 9 and x.n == 2",
        "def g(x): return x.area() + x.area()",
        "def g(x): return 3 * x.area()",
    ),
    "a class in a function": (
        "def test_it():\n    class Duck:\n        def quack(self): return 'q'\n    assert g(Duck()) == 'qq'",
        "def g(x): return 2 * x.quack()",
        "def g(x): return x.quack()",
    ),
    "class attribute and property": (
        SHAPE + "assert g(Fake()) == 4.5",
        "def g(x): return x.side + x.half",
        "def g(x): return x.side",
    ),
    "a list of the tests": (
        SINK + "got = []\ns = Sink(got)\ng(s, 4)\nassert got == [4, -4] and s.got is got",
        "def g(s, x):\n    s.write(x)\n    s.send(x)",
        "def g(s, x):\n    s.send(x)\n    s.write(x)",
    ),
    "changed by the program": (
        SINK + "got = []\ns = Sink(got)\ng(s, 4)\nassert got == [4, 5] and s.n == 1",
        "def g(s, x):\n    s.write(x)\n    s.got.append(5)\n    s.n = len(s.read()) - 1",
        "def g(s, x):\n    s.got.append(5)\n    s.write(x)\n    s.n = 1",
    ),
    "the same object": (
        SHAPE + "a, b = Fake(), Fake()\nassert g([a, b, a]) is a",
        "def g(xs): return [x for x in xs if xs[0] is x][1]",
        "def g(xs): return xs[1]",
    ),
    "sorted": (
        OPS + "xs = [V(3), V(1), V(2)]\nassert [v.x for v in g(xs)] == [1, 2, 3]",
        "def g(xs): return sorted(xs)",
        "def g(xs): return list(reversed(xs))",
    ),
    "operators": (
        OPS + "assert g(V(2), V(3)) == [5, 2, 30, True, False, [0, 1, 2], 9, True, 2, True]",
        "def g(a, b): return [(a + b).x, len(a), b[3], a == a, a == 5, list(b), b(6), 3 in b, len({a, b}), a != b]",
        "def g(a, b): return [(a + a).x, len(a), b[3], a == a, a == 5, list(b), b(6), 3 in b, len({a, b}), a != b]",
    ),
    "with": (
        OPS + "v = V(2)\nassert g(v) == 2 and v.x == -1",
        "def g(v):\n    with v as w: return w.x",
        "def g(v):\n    v.x = -1\n    return -1",
    ),
    "hasattr": (SHAPE + "assert g(Fake()) == [True, False]", "def g(x): return [hasattr(x, 'area'), hasattr(x, 'no')]",
                "def g(x): return [hasattr(x, 'no'), hasattr(x, 'no')]"),
    "generators": (
        "class Source:\n    def rows(self):\n        yield 1\n        yield 2\nassert g(Source()) == 3\nassert g2(x for x in [4]) == [4]",
        "def g(s): return sum(s.rows())\ndef g2(xs): return list(xs)",
        "def g(s): return next(s.rows())\ndef g2(xs): return list(xs)",
    ),
    "an exception of a method": (
        "class Down:\n    def get(self): raise KeyError('k')\nassert g(Down()) == 'none'",
        "def g(x):\n    try: return x.get()\n    except KeyError: return 'none'",
        "def g(x):\n    try: return x.get()\n    except ValueError: return 'none'",
    ),
    "inherited": (
        "class A:\n    def one(self): return 1\nclass B(A):\n    def two(self): return 2\nassert g(B()) == 3",
        "def g(x): return x.one() + x.two()",
        "def g(x): return x.one()",
    ),
    "dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    def up(self): return P(self.x + 1)\n"
        "assert g(P(2)) == P(3)",
        "def g(p): return p.up()",
        "def g(p): return p",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_AND_WRONG)
def test_a_program_uses_an_object_of_the_tests(name: str) -> None:
    test, right, wrong = RIGHT_AND_WRONG[name]
    assert reason_for_code(test, right) == "right"
    assert reason_for_code(test, wrong) in ("wrong_answer", "runtime_error")


def test_inside_check() -> None:
    test = "def check(candidate):\n    class Fake:\n        def area(self): return 3\n    assert candidate(Fake()) == 3"
    tests = {"mode": "humaneval", "setup": "", "test": test, "entry_point": "g"}
    assert code.verify(tests, as_response("def g(x): return x.area()")).reason == "right"
    assert code.verify(tests, as_response("def g(x): return 2")).reason == "wrong_answer"


HOSTILE = (
    SHAPE + "secret = 14\nclass Box:\n    def __init__(self): self.kept = 14\n    def peek(self): return 1\n"
)
HOSTILE += "box = Box()\nx = Fake()\nassert g(x) == box.kept\nassert x.area() == 3 * x.n and x.side == 3"


@pytest.mark.parametrize(
    "program",
    [
        "def g(x): return x.area.__globals__['secret']",
        "def g(x): return x.area.__func__.__globals__['secret']",
        "def g(x): return x.__class__.area.__globals__['secret']",
        "def g(x): return x.__init__.__globals__['secret']",
        "def g(x):\n    x.area = lambda: 0\n    x.side = 0\n    return 0",
        "import gc, sys\ndef g(x):\n"
        "    e = next(o for o in gc.get_objects() if type(o).__name__ == 'RpcEndpoint')\n"
        "    for i in range(9):\n"
        "        entry = ['node', 'Box', [], [], i, []]\n"
        "        message = {'call': [[0], [1], 'kept'], 'names': [], 'heap': [['builtin', 'getattr'], entry]}\n"
        "        e._write(message)\n"
        "        reply = e._read()\n"
        "        if reply.get('return') == 14: return 14\n"
        "    return 0",
        "import gc\ndef g(x):\n"
        "    e = next(o for o in gc.get_objects() if type(o).__name__ == 'RpcEndpoint')\n"
        "    return e.call(getattr, (x.area, '__globals__'), {})['secret']",
        "import gc\ndef g(x):\n"
        "    e = next(o for o in gc.get_objects() if type(o).__name__ == 'RpcEndpoint')\n"
        "    return e.call(getattr, (x, '__class__'), {}).area.__globals__['secret']",
    ],
)
def test_nothing_but_the_object_that_was_passed_can_be_reached(program: str) -> None:
    assert reason_for_code(HOSTILE, program) in ("wrong_answer", "runtime_error")
    assert reason_for_code(HOSTILE, "def g(x): return 14") == "right"


@pytest.mark.parametrize(
    "test",
    [
        "class L(list):\n    def first(self): return self[0]\nassert g(L([1])) == 1",
        "class A:\n    async def get(self): return 1\nassert g(A()) == 1",
        "import io\nclass A:\n    def get(self): return io.StringIO('a')\nassert g(A()) == 1",
    ],
)
def test_values_that_cannot_cross_are_bad_tests(test: str) -> None:
    assert reason_for_code(test, "def g(x): return x.get()") == "bad_tests"
