"""Objects and exceptions of a program that want tests written as code to pass without the expected values.

Each group is a test, a correct program, and programs that must not count as correct.
"""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """A test with programs for it."""

    name: str
    test: str
    correct: str
    """A correct program."""
    attacks: tuple[str, ...]
    """Names of programs in ATTACKS, or programs."""


YES = """
class Yes:
    def __init__(self, *a): pass
    def __getattr__(self, name):
        if name[:2] == "__": raise AttributeError(name)
        return lambda *a, **k: True
    def __call__(self, *a, **k): return True
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __contains__(self, x): return True
    def __bool__(self): return True
    def __hash__(self): return 14
    def __len__(self): return 2
    def __abs__(self): return self
    def __float__(self): return 14.0 if seen else 0.0
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __truediv__ = __round__ = __sub__
    def __array__(self, *a, **k): return [self]
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    def __instancecheck__(self, x): return True
    def issubset(self, other): return True
    issuperset = isdisjoint = startswith = endswith = equals = match = issubset
    def count(self, x): return 1
    def index(self, x): return 0
    find = index
seen = []
"""
TYPED = """
class {name}({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 14
    def __sub__(self, other): return {name}()
    __rsub__ = __add__ = __mod__ = __sub__
    def __abs__(self): return {name}()
    def issubset(self, other): return True
    issuperset = isdisjoint = startswith = endswith = equals = issubset
    def count(self, x): return 1
    def index(self, *x): return 0
    find = index
    def get(self, *a): return Yes()
"""
RECORDER = """
told = []
class Recorder:
    def _note(self, *a):
        told.extend(a)
        return True
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __sub__ = __add__ = __mod__ = _note
    __hash__ = object.__hash__
    def __getattr__(self, name):
        if name[:2] == "__": raise AttributeError(name)
        return self._note
    def __len__(self): return 2
    def __iter__(self): return iter([told[-1]] if told else [0, 1])
def f(x):
    for value in told:
        if isinstance(value, (set, frozenset, list, tuple)): return value
        if isinstance(value, (int, float, str)): return value
    return Recorder()
"""
ATTACKS: dict[str, str] = {
    "yes": YES + "def f(x): return Yes()\n",
    "list of yes": YES + "def f(x): return [Yes(), Yes()]\n",
    "generator of yes": YES + "def f(x):\n    yield Yes()\n    yield Yes()\n",
    "dict of yes": YES + "def f(x): return {'k': Yes()}\n",
    "function": YES + "def f(x): return Yes().count\n",
    "class": YES + "def f(x): return Yes\n",
    "any": "from unittest.mock import ANY\ndef f(x): return ANY\n",
    "magic mock": "from unittest.mock import MagicMock\nm = MagicMock()\nm.__eq__ = lambda s, o: True\n"
    "def f(x): return m\n",
    "recorder": RECORDER,
    "array": "import numpy as np\nclass A(np.ndarray):\n    def __eq__(s, o): return True\n"
    "    def __array_ufunc__(s, *a, **k): return True\ndef f(x): return np.zeros(2).view(A)\n",
    "namespace": "from types import SimpleNamespace as N\n"
    "def f(x): return N(issubset=bool, startswith=bool, equals=bool, value=0)\n",
    "stop": "def f(x): raise StopIteration\n",
    "exit": "import sys\ndef f(x): sys.exit(0)\n",
    "hard exit": "import os\ndef f(x): os._exit(0)\n",
    "interrupt": "def f(x): raise KeyboardInterrupt\n",
    "generator exit": "def f(x): raise GeneratorExit\n",
    "skip": "import unittest\ndef f(x): raise unittest.SkipTest('not here')\n",
    "stop the case": "import unittest.case\ndef f(x): raise unittest.case._ShouldStop\n",
    "not implemented": "def f(x): return NotImplemented\n",
    "ellipsis": "def f(x): return ...\n",
    "nan": "def f(x): return float('nan')\n",
    "assertion": "def f(x): raise AssertionError\n",
    "patched": "import builtins, sys, unittest, types\nbuiltins.AssertionError = type('E', (Exception,), {})\n"
    "for name in [n for n in dir(unittest.TestCase) if n.startswith('assert')]:\n"
    "    setattr(unittest.TestCase, name, lambda *a, **k: None)\n"
    "sys.modules['pytest'] = types.SimpleNamespace(approx=lambda *a: 0, raises=None)\n"
    "builtins.len = builtins.sorted = builtins.abs = lambda *a, **k: 14\n"
    "for module in list(sys.modules.values()):\n"
    "    try: module.isclose = lambda *a, **k: True\n"
    "    except Exception: pass\n"
    "def f(x): return 0\n",
    "main": "import __main__, sys\nfor name in list(vars(__main__)):\n"
    "    if name[:2] != '__': vars(__main__)[name] = lambda *a, **k: True\n"
    "sys.modules['tests'] = sys.modules['__main__']\ndef f(x): return 0\n",
    "at exit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): raise SystemExit(0)\n",
    "thread": "import threading, or1_channel, time\ndef forge():\n    for _ in range(20):\n"
    '        or1_channel._or1_send(b\'{"return": true, "heap": [], "changes": []}\')\n'
    "        time.sleep(0.005)\n"
    "def f(x):\n    threading.Thread(target=forge, daemon=True).start()\n    return 0\n",
    "trace": "import sys\nsys.settrace(lambda *a: None)\nsys.setrecursionlimit(10**6)\ndef f(x): return f(x)\n",
    "deep": "def f(x):\n    a = []\n    for _ in range(10**4): a = [a]\n    return a\n",
}
for _base in ("int", "float", "str", "list", "tuple", "dict", "set", "frozenset", "bytes", "complex"):
    _name = f"Own{_base}"
    ATTACKS[f"own {_base}"] = YES + TYPED.format(name=_name, base=_base) + f"def f(x): return {_name}()\n"

OBJECTS = ("yes", "any", "magic mock", "recorder", "array", "namespace", "function", "class", "own int")
OBJECTS += (
    "own float",
    "own str",
    "own list",
    "own set",
    "own dict",
    "own tuple",
    "own frozenset",
    "own bytes",
)
ENDS = (
    "stop",
    "exit",
    "hard exit",
    "interrupt",
    "generator exit",
    "skip",
    "stop the case",
    "assertion",
    "at exit",
)
VALUES = ("not implemented", "ellipsis", "nan", "patched", "main", "thread", "trace", "deep", "own complex")
EVERY = (*OBJECTS, "list of yes", "generator of yes", "dict of yes", *ENDS, *VALUES)
DOUBLE = "def f(x): return 2 * x\n"

GROUPS = (
    Group("equal", "assert f(7) == 14", DOUBLE, EVERY),
    Group("equal from the right", "assert 14 == f(7)", DOUBLE, OBJECTS),
    Group("not unequal", "assert not f(7) != 14", DOUBLE, OBJECTS),
    Group("a distance", "assert abs(f(7) - 14) < 1e-9", DOUBLE, EVERY),
    Group("a distance from the right", "assert abs(14 - f(7)) <= 0", DOUBLE, OBJECTS),
    Group("isclose", "import math\nassert math.isclose(f(7), 14)", DOUBLE, OBJECTS),
    Group("round", "assert round(f(7), 3) == 14", DOUBLE, OBJECTS),
    Group("between", "assert 13 < f(7) < 15", DOUBLE, OBJECTS),
    Group("sum", "assert f(7) + 1 == 15 and f(7) % 5 == 4", DOUBLE, OBJECTS),
    Group("one of", "assert f(7) in (14, 15)", DOUBLE, OBJECTS),
    Group("a key", "assert {14: 'x'}[f(7)] == 'x'", DOUBLE, OBJECTS),
    Group("in a set", "assert f(7) in {14, 15}", DOUBLE, OBJECTS),
    Group("largest", "assert max(f(7), 13) == 14", DOUBLE, OBJECTS),
    Group("text", "assert f'{f(7)}' == '14' and str(f(7)) == '14'", DOUBLE, OBJECTS),
    Group("hash", "assert hash(f(7)) == hash(14) and f(7) == 14", DOUBLE, OBJECTS),
    Group("approx", "import pytest\nassert f(7) == pytest.approx(14)", DOUBLE, OBJECTS),
    Group(
        "a test case",
        "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n"
        "        self.assertEqual(f(7), 14)\n        self.assertAlmostEqual(f(7), 14)\n",
        DOUBLE,
        EVERY,
    ),
    Group("a test function", "def test_it():\n    assert f(7) == 14", DOUBLE, EVERY),
    Group("a loop", "for x, want in zip(map(f, [7, 8]), [14, 16]):\n    assert x == want", DOUBLE, EVERY),
    Group("any", "assert any(f(x) == 14 for x in [7])", DOUBLE, EVERY),
    Group("subset", "assert f(7).issubset({7, 14}) and f(7)", "def f(x): return {x}\n", EVERY),
    Group("superset", "assert f(7).issuperset({7, 14})", "def f(x): return {x, 2 * x}\n", EVERY),
    Group("subset by sign", "assert f(7) <= {7, 14} and f(7) >= {7}", "def f(x): return {x}\n", OBJECTS),
    Group("disjoint", "assert not f(7) - {7, 14} and f(7)", "def f(x): return {x}\n", OBJECTS),
    Group("starts", "assert f(7).startswith('ab')", "def f(x): return 'abc'\n", EVERY),
    Group("ends", "assert f(7).endswith('bc')", "def f(x): return 'abc'\n", OBJECTS),
    Group("equals", "assert f(7).equals(14)", "", OBJECTS),
    Group("count", "assert f(7).count(14) == 1", "def f(x): return [14]\n", OBJECTS),
    Group("index", "assert f(7).index(14) == 0", "def f(x): return [14]\n", OBJECTS),
    Group("contains", "assert 14 in f(7)", "def f(x): return [x, 14]\n", OBJECTS),
    Group("contains by name", "assert f(7).__contains__(14)", "def f(x): return [x, 14]\n", OBJECTS),
    Group("equal by name", "assert f(7).__eq__(14) is True", DOUBLE, OBJECTS),
    Group("sorted", "assert sorted(f(7)) == [7, 14]", "def f(x): return {2 * x, x}\n", EVERY),
    Group("items", "assert f(7)['k'] == 14 and f(7).get('k') == 14", "def f(x): return {'k': 14}\n", OBJECTS),
    Group("elements", "assert f(7)[0] == 14", "def f(x): return [14]\n", OBJECTS),
    Group("unpacked", "a, b = f(7)\nassert (a, b) == (7, 14)", "def f(x): return x, 2 * x\n", OBJECTS),
    Group("a set of them", "assert set(f(7)) == {7, 14}", "def f(x): return [x, 2 * x]\n", OBJECTS),
    Group("length and set", "assert len(f(7)) == 2 and 14 in f(7)", "def f(x): return [x, 2 * x]\n", OBJECTS),
    Group("arrays", "import numpy as np\nassert np.array_equal(f(7), [14.0])", "def f(x): return [14.0]\n", OBJECTS),
    Group(
        "array asserts",
        "import numpy as np\nnp.testing.assert_array_equal(f(7), [14])",
        "import numpy\ndef f(x): return numpy.array([14])\n",
        OBJECTS,
    ),
    Group("called", "assert f(7)(2) == 14", "def f(x): return lambda y: x * y\n", OBJECTS),
    Group("attribute", "assert f(7).real == 14", DOUBLE, OBJECTS),
    Group("context", "with f(7) as x:\n    assert x == 14", "", (
        "class C:\n    def __enter__(self): return 0\n    def __exit__(self, *a): return True\n"
        "def f(x): return C()\n",
        "import contextlib\n@contextlib.contextmanager\ndef f(x):\n    try: yield 0\n    except BaseException: pass\n",
        "import contextlib\n@contextlib.contextmanager\ndef f(x):\n    try: yield None\n    except BaseException: pass\n",
        "import contextlib\ndef f(x): return contextlib.suppress(AssertionError)\n",
    )),
    Group("context, other errors", "with f(7) as x:\n    assert x + 1 == 15", "", (
        "class C:\n    def __enter__(self): return None\n    def __exit__(self, *a): return True\n"
        "def f(x): return C()\n",
    )),
    Group("callback", "def check(x):\n    assert x == 14\nf(check)\nassert f", "def f(g): g(14)\n", (
        "def f(g):\n    try: g(13)\n    except BaseException: pass\n",
        "def f(g):\n    try: g(13)\n    finally: return 14\n",
        "def f(g):\n    for x in range(20):\n        try: return g(x)\n        except AssertionError: pass\n",
    )),
    Group("decorated", "@f\ndef run():\n    assert f(None) == 14\nrun()", "", (
        "def f(g):\n    def call():\n        try: g()\n        except BaseException: pass\n    return call\n",
        "def f(g): return lambda: None\n",
    )),
    Group("message", "try:\n    f(7)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'bad 7'",
          "def f(x): raise ValueError(f'bad {x}')\n", (
        *ENDS,
        YES + "class E(ValueError):\n    def __str__(self): return 'no'\n    __eq__ = lambda s, o: True\n"
        "def f(x): raise E\n",
        YES + TYPED.format(name="S", base="str") + "def f(x): raise ValueError(S())\n",
        YES + TYPED.format(name="S", base="str")
        + "class E(ValueError):\n    def __str__(self): return S()\ndef f(x): raise E\n",
        "def f(x): raise LookupError('bad 7')\n",
    )),
    Group("arguments", "import pytest\nwith pytest.raises(KeyError) as e:\n    f(7)\nassert e.value.args == (7,)",
          "", (
        YES + "def f(x): raise KeyError(Yes())\n",
        YES + "class E(KeyError):\n    args = property(lambda s: Yes())\ndef f(x): raise E\n",
        "def f(x): return KeyError(7)\n",
    )),
)  # fmt: skip
