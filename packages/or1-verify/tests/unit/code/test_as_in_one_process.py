"""Objects, errors and classes mean the same in two processes as in one: each test is also run by plain Python."""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.code.rpc_facts import Facts

ITEM = "class T:\n    def __init__(self, v): self.v = v\n"
FROZEN = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int\n    y: int\n"
NODE = "class N:\n    def __init__(self, v, k=None):\n        self.v = v\n        self.k = k or []\n"
STORE = (
    "class S:\n    def __init__(self): self.a = []\n    def push(self, x): self.a.append(x)\n"
    "    def pop(self): return self.a.pop()\n    def peek(self): return self.a[-1]\n    def all(self): return self.a\n"
    "    def has(self, x): return x in self.a\n    def sum(self): return sum(x.v for x in self.a)\n"
    "    def add(self, n):\n        for x in self.a: x.v += n\n"
)
COPYING = STORE.replace("append(x)", "append(copy.copy(x))")
COPYING = f"import copy\n{COPYING}"
CLOSURE = "def make():\n    a = []\n    return a.append, a.pop"
CLONE = "def clone(n): return type(n)(n.v, [clone(k) for k in n.k])"
COLOUR = (
    "from enum import Enum\nclass C(Enum):\n    RED = 1\n    BLUE = 2\n    @property\n    def low(self): return self.name.lower()\n"
    "    def other(self): return C.BLUE if self is C.RED else C.RED\n    def __str__(self): return 'c' + self.name\n"
)
LEVEL = "from enum import IntEnum\nclass L(IntEnum):\n    LOW = 1\n    HIGH = 2\n"
SHAPE = (
    "from abc import ABC, abstractmethod\nclass Shape(ABC):\n    @abstractmethod\n    def area(self): ...\n"
)
SQUARE = "class Square(Shape):\n    def __init__(self, a): self.a = a\n    def area(self): return self.a ** 2\ndef make(a): return Square(a)"
ROW = "class R:\n    def __init__(self, t): self.t = t\n    def __getitem__(self, i): return self.t[i]\n"
EXIT = "import sys\ndef main(n): sys.exit(n)"
SENTINEL = "MISSING = object()\nOTHER = object()\ndef get(d, k): return d.get(k, MISSING)"
DOGS = "registry = {}\nclass A: pass\nclass Dog(A):\n    def __init__(self): self.n = 1\nregistry['dog'] = Dog\ndef get(): return Dog"
ARRAY = "import numpy as np\nclass S:\n    def __init__(self, v): self.v = {}\n    def total(self): return float(self.v.sum())\n"
DEEP = "import copy\ndef f(x): return copy.deepcopy(x)"
ONE_PROCESS: list[tuple[str, str, str, bool]] = [
    # objects of the tests: setup, program, test, whether it passes
    ("", STORE, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.pop() is t", True),
    ("", COPYING, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.pop() is t", False),
    ("", COPYING, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.pop() is not t", True),
    ("", STORE, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.pop() is not t", False),
    ("", STORE, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.peek() == t and s.all() == [t]", True),
    ("", COPYING, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.peek() == t", False),
    ("", STORE, ITEM + "t = T(1)\ns = S()\ns.push(t)\nassert s.has(t) and not s.has(T(1))", True),
    ("", STORE, "class T: pass\nt = T()\ns = S()\ns.push(t)\nassert s.pop() is t", True),
    ("", STORE, ITEM + "t = T(1)\ns = S()\ns.push(t)\nt.v = 5\nassert s.peek().v == 5 and s.sum() == 5", True),
    ("", COPYING, ITEM + "t = T(1)\ns = S()\ns.push(t)\nt.v = 5\nassert s.sum() == 5", False),
    ("", STORE, ITEM + "t = T(1)\ns = S()\ns.push(t)\ns.add(3)\nassert t.v == 4\ns.add(-3)\nassert t.v == 1\nt.v = 9\ns.add(1)\nassert t.v == 10", True),
    (ITEM, STORE, "t = T(1)\ns = S()\ns.push(t)\nassert s.peek() is t\nt.v = 7\nassert s.sum() == 7 and s.pop() == t", True),
    (ITEM, STORE, "t = T(1)\ns = S()\ns.push(t)\ns.add(3)\nassert t.v == 4\ns.add(-3)\nassert t.v == 1", True),
    (ITEM, COPYING, "t = T(1)\ns = S()\ns.push(t)\nassert s.peek() is t", False),
    ("", STORE, ITEM + "t = T([])\ns = S()\ns.push(t)\nt.v.append(1)\nassert s.peek().v == [1]\ns.add([2])\nassert t.v == [1, 2]", True),
    ("", CLOSURE, ITEM + "put, get = make()\nt = T(1)\nput(t)\nassert get() is t", True),
    ("", "def swap(d): return {v: k for k, v in d.items()}", ITEM + "t = T(1)\nassert swap({t: 1})[1] is t and swap({1: t}) == {t: 1}", True),
    (FROZEN, "def swap(d): return {v: k for k, v in d.items()}\ndef g(): return {P(3, 4): 1}", "t = P(1, 2)\nassert swap({t: 1})[1] is t and swap({1: t}) == {P(1, 2): 1} == {P(1, 2): 1}\nassert g() == {P(3, 4): 1}", True),
    ("", "def swap(d): return {v: k for k, v in d.items()}", FROZEN + "t = P(1, 2)\nassert swap({t: 1})[1] is t and swap({1: t}) == {P(1, 2): 1}", True),
    ("", CLONE, NODE + "a = N(1, [N(2)])\nb = clone(a)\nassert b is not a and b.v == 1 and b.k[0].v == 2\nassert b.k[0] is not a.k[0] and type(b) is N", True),
    ("", "def clone(n): return n", NODE + "a = N(1, [N(2)])\nb = clone(a)\nassert b is not a", False),
    ("", CLONE, f"def test_it():\n    {NODE}    b = clone(N(1, [N(2)]))\n    assert b.k[0].v == 2\n".replace("\n    def", "\n        def").replace("\n        self", "\n            self") + "test_it()", True),
    ("", DEEP, ITEM + "t = T([1])\nu = f(t)\nassert u is not t and u.v == [1] and u.v is not t.v and type(u) is T", True),
    (ITEM, DEEP, "t = T([1])\nu = f(t)\nassert u is not t and u.v == [1] and u.v is not t.v and type(u) is T", True),
    ("class P:\n    __slots__ = ('x', 'y')\n    def __init__(self, x): self.x = x\n", "def f(p):\n    p.x += 1\n    p.y = 0\n    return p", "p = P(1)\nassert f(p) is p and (p.x, p.y) == (2, 0)", True),
    ("", "def f(h):\n    n = 0\n    while h: n, h, last = n + 1, h.k, h\n    last.k = [n]\n    return last", NODE + "a = b = N(0)\nfor i in range(12000):\n    a = N(i, a)\nc = f(a)\nassert b.k == [12001] and c.v == 0", True),
    # enumerations of the tests
    ("", "def f(c): return c\ndef g(a, b): return a is b and a == b", COLOUR + "assert f(C.RED) is C.RED and f([C.BLUE]) == [C.BLUE]\nassert g(C.RED, C.RED) and not g(C.RED, C.BLUE)", True),
    ("", "def f(c): return c", COLOUR + "assert f(C.RED) is C.BLUE", False),
    ("", "def f(c): return [c.name, c.value, c.low, c.other(), str(c)]", COLOUR + "assert f(C.RED) == ['RED', 1, 'red', C.BLUE, 'cRED']", True),
    ("", "def f(e): return [*e, e(2), e['RED'], e]", COLOUR + "assert f(C) == [C.RED, C.BLUE, C.BLUE, C.RED, C]", True),
    ("", "def f(c): return {v: k for k, v in c.items()}", COLOUR + "assert f({C.RED: 1}) == {1: C.RED} and f({1: C.RED}) == {C.RED: 1}", True),
    ("", "class S:\n    def set(self, x): self.state = x", COLOUR + "s = S()\ns.set(C.BLUE)\nassert s.state is C.BLUE and s.state == C.BLUE", True),
    ("", "def f(a): return sum(a)\ndef g(a): return max(a)", LEVEL + "assert f([L.LOW, L.HIGH]) == 3 and g([L.LOW, L.HIGH]) is L.HIGH", True),
    ("", "def f(a): return int(max(a))", LEVEL + "assert f([L.LOW, L.HIGH]) is L.HIGH", False),
    # errors of subscripts
    ("", ROW, "r = R((1, 2))\nassert r[0] == 1\ntry:\n    r[0] = 5\n    assert False\nexcept TypeError as e: assert 'does not support item assignment' in str(e)", True),
    ("", ROW, "r = R((1, 2))\ntry:\n    del r[0]\n    assert False\nexcept TypeError as e: assert 'item deletion' in str(e)", True),
    ("", "class R:\n    def __init__(self, t): pass", "r = R((1, 2))\ntry:\n    r[0]\n    assert False\nexcept TypeError as e: assert 'not subscriptable' in str(e)", True),
    ("", ROW + "    def __setitem__(self, i, x): pass", "r = R((1, 2))\ntry:\n    r[0] = 5\n    assert False\nexcept TypeError: pass", False),
    # ends of processes
    ("", EXIT, "try:\n    main(2)\n    assert False\nexcept SystemExit as e: assert e.code == 2", True),
    ("", EXIT, "try:\n    main(3)\n    assert False\nexcept SystemExit as e: assert e.code == 2", False),
    ("", "def main(n): return n", "try:\n    main(2)\n    assert False\nexcept SystemExit as e: assert e.code == 2", False),
    ("", EXIT, "ok = False\ntry: main('no')\nexcept BaseException as e: ok = isinstance(e, SystemExit) and e.code == 'no'\nassert ok", True),
    ("", "def run(f):\n    try: f()\n    except KeyboardInterrupt: return 'stopped'", "def stop(): raise KeyboardInterrupt\nassert run(stop) == 'stopped'", True),
    ("", "def run(f):\n    try: f()\n    except Exception as e: return type(e).__name__", "class My(Exception): pass\ndef stop(): raise My('z')\nassert run(stop) == 'My'", True),
    # one object of the program by two ways
    ("", SENTINEL, "assert get({}, 'a') is MISSING and get({'a': 1}, 'a') is not MISSING\nassert get({}, 'a') == MISSING and get({}, 'a') is not OTHER", True),
    ("", SENTINEL, "assert get({}, 'a') is not MISSING", False),
    ("", SENTINEL.replace("k, MISSING", "k, OTHER"), "assert get({}, 'a') is MISSING", False),
    ("", SENTINEL.replace("object()", "type('M', (), {'__eq__': lambda s, o: True})()"), "assert get({}, 'a') is OTHER", False),
    ("", SENTINEL.replace("k, MISSING", "k, object()"), "assert get({}, 'a') == MISSING", False),
    ("", "class Conf: name = 'x'\nconf = Conf()\ndef current(): return conf", "assert conf.name == 'x' and current() is conf", True),
    ("", "class Conf: name = 'x'\nconf = Conf()\ndef current(): return Conf()", "assert conf.name == 'x' and current() is conf", False),
    ("", "class Reg(type):\n    all = {}\n    def __new__(m, *a):\n        c = super().__new__(m, *a)\n        m.all[a[0]] = c\n        return c\nclass A(metaclass=Reg): pass\nclass B(metaclass=Reg): pass", "assert Reg.all == {'A': A, 'B': B} and Reg.all != {'A': B, 'B': A}", True),
    ("", DOGS, "assert registry['dog'] is Dog and registry['dog'] is not A and get() == Dog and get() in [A, Dog]", True),
    ("", DOGS, "assert registry['dog'] is A", False),
    ("", DOGS + "\nkinds, names = {A}, {Dog: 'dog'}", "assert A in kinds and Dog not in kinds and names[Dog] == 'dog' and {get(): 1}[Dog] == 1", True),
    ("", DOGS.replace("return Dog", "return A"), "assert get() == Dog", False),
    ("", "class Yes(type):\n    def __eq__(c, o): return True\n    __hash__ = type.__hash__\nclass Dog(metaclass=Yes): pass\nclass Cat(metaclass=Yes): pass\ndef get(): return Cat", "assert get() is Dog", False),
    ("", "class Low(ValueError): pass\ndef kind(): return Low", "assert kind() is Low and issubclass(Low, ValueError)", True),
    ("", "import unittest\ndef f(x): return x", "class T: pass\nimport unittest\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        t = T()\n        self.assertIs(f(t), t)\n        self.assertIsNot(f(T()), t, 'other')", True),
    ("", SENTINEL, "import unittest\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        self.assertIs(get({}, 1), MISSING)\n        self.assertIsNot(get({}, 1), OTHER)", True),
    # classes
    (SHAPE, SQUARE, "s = make(2)\nassert isinstance(s, Shape) and s.area() == 4 and issubclass(Square, Shape)", True),
    (SHAPE, SQUARE, "s = Square(2)\nassert isinstance(s, Shape) and s.area() == 4 and type(s) is Square", True),
    (SHAPE, SQUARE.replace("(Shape)", ""), "s = make(2)\nassert s.area() == 4 and isinstance(s, Shape)", False),
    (SHAPE, SQUARE.replace("(Shape)", ""), "assert Square(2).area() == 4 and issubclass(Square, Shape)", False),
    ("", "def f(x): return x\ndef g(): yield 1", "import types\nassert isinstance(f, types.FunctionType) and isinstance(g(), types.GeneratorType) and f(1) == 1", True),
    ("", "f = len", "import types\nassert f('a') == 1 and isinstance(f, types.FunctionType)", False),
    ("", "from collections import ChainMap\nfrom types import MappingProxyType\ndef f(*m): return ChainMap(*m)\ndef g(m): return MappingProxyType(m)", "from collections import ChainMap\nfrom types import MappingProxyType\nassert isinstance(f({1: 2}), ChainMap) and isinstance(g({1: 2}), MappingProxyType) and f({1: 2})[1] == 2", True),
    ("", "def f(*m): return dict(*m)", "from collections import ChainMap\nassert f({1: 2})[1] == 2 and isinstance(f({1: 2}), ChainMap)", False),
    ("", "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(x): return f(f(x))\n    return g", "@twice\ndef inc(x): return x + 1\nassert inc(1) == 3 and inc.__wrapped__(1) == 2", True),
    # arrays that both sides hold
    ("", ARRAY.format("np.array(v)"), "s = S([1, 2, 4])\ns.v[0] = 100\nassert s.total() == 106 and s.v.max() == 100", True),
    ("", ARRAY.format("v"), "import numpy as np\nv = np.zeros((2, 2))\ns = S(v)\nv[0, 1] = 3\nassert s.total() == 3 and s.v is v", True),
    ("", ARRAY.format("v.copy()"), "import numpy as np\nv = np.zeros(2)\ns = S(v)\nv[0] = 3\nassert s.total() == 3", False),
    ("", ARRAY.format("v"), "import numpy as np\nv = np.zeros(2)\ns = S(v)\nv[0] = 3\nassert s.total() == 0", False),
    # numbers of numpy are no numbers of Python
    ("", "import numpy as np\ndef f(x): return np.int64(x)", "assert f(3) == 3 and {3: 1}[f(3)] == 1", True),
    ("", "import numpy as np\ndef f(x): return np.int64(x)", "assert isinstance(f(3), int)", False),
    ("", "import numpy as np\ndef f(x): return np.array(x) > 2", "assert f(3) == True and not f(1)", True),
    ("", "import numpy as np\ndef f(x): return np.array(x) > 2", "assert f(3) is True", False),
]  # fmt: skip


@pytest.mark.parametrize(("setup", "program", "test", "passes"), ONE_PROCESS, ids=range(len(ONE_PROCESS)))
def test_two_processes_judge_as_plain_python_does(setup: str, program: str, test: str, passes: bool) -> None:
    verdict = code.verify({"setup": setup, "tests": [test]}, as_response(program))
    assert (verdict.reward == 1.0) is passes, verdict.detail
    assert verdict.outcome.value != "not_judged", verdict.detail
    scope: dict[str, object] = {"__name__": __name__}
    try:
        exec(f"{setup}\n{program}\n{test}", scope)
    except (Exception, SystemExit):
        assert not passes
    else:
        assert passes


@pytest.mark.parametrize(
    "test",
    [
        "from enum import Flag\nclass C(Flag):\n    A = 1\nassert f(C.A) is C.A",
        "from enum import Enum\nclass C(Enum):\n    A = (1, 2)\nassert f(C.A) is C.A",
        "try:\n    f(iter([]))\n    assert False\nexcept StopIteration: pass",
        "import pytest\nwith pytest.raises(StopIteration): f(iter([]))",
        "try:\n    assert f(1) == 2\n    assert f(2) == 2\nexcept SystemExit: pass",
        "import pytest\ndef test_it():\n    with pytest.raises(KeyboardInterrupt):\n        assert f(1) == 2",
        "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        with self.assertRaises(SystemExit):\n            self.assertEqual(f(1), 2)",
    ],
)
def test_what_cannot_be_the_same_is_not_judged(test: str) -> None:
    verdict = code.verify(
        {"tests": [test]}, as_response("def f(x): return next(x) if hasattr(x, '__next__') else x")
    )
    assert verdict.reason == "bad_tests", verdict.detail


def test_facts_that_a_program_forges_say_nothing_about_others() -> None:
    """No number stands for two names, and no class of the tests but one of the setup is a base class."""
    forged = {"objects": {"A": 1, "B": 1, "C": 2}, "kinds": {}, "bases": {"E": "Shape", "F": "Other"}}
    facts = Facts(forged, {"Shape": Facts})
    assert facts.objects == {"C": 2}
    assert facts.bases == {"E": Facts}
    for malformed in ([], {**forged, "bases": {"E": []}}, {**forged, "objects": [1]}):
        with pytest.raises((TypeError, LookupError, AttributeError)):
            Facts(malformed, {})


FORGE = (
    "import gc, json\ndef f(*args):\n"
    "    e = next(o for o in gc.get_objects() if type(o).__name__ == 'RpcEndpoint')\n"
)


@pytest.mark.parametrize(
    ("test", "program"),
    [
        # only an exit of the tests themselves ends them
        ("f(1)\nassert False", "def f(x): raise SystemExit(0)"),
        ("f(1)\nassert False", "def f(x): raise KeyboardInterrupt"),
        ("try:\n    f(1)\nexcept BaseException as e:\n    raise SystemExit(0)\nassert False", "def f(x): raise SystemExit(0)"),
        ("import sys\ntry:\n    y = f(1)\nexcept SystemExit as e:\n    sys.exit(e.code)\nassert y == 2", "def f(x): raise SystemExit(0)"),
        ("for x in map(f, [1]): assert x == 2\nassert f(1) == 2", "def f(x): raise StopIteration"),
        # two names of one object are none: each result would be both
        ("assert f(1) is FIRST and f(2) is SECOND", "FIRST = SECOND = object()\ndef f(x): return FIRST"),
        # classes and objects of the tests that were not handed over stay unknown
        (COLOUR + "class D(Enum):\n    X = 7\nassert f(C.RED) is D.X", FORGE + "    e._entry = lambda v: ['member', 'D', 'X', 0]\n    return object()"),
        (ITEM + "t, u = T(1), T(7)\nassert f(t) is u", FORGE + "    e._entry = lambda v: ['node', 'T', [], [], 1, []]\n    return object()"),
        (ITEM + "t, u = T(1), T(7)\nassert f(t) is u", FORGE + "    e._entry = lambda v: ['node', 'T', [], [], -1, []]\n    return object()"),
        (COLOUR + "secret = 14\nassert f(C) == secret", "def f(c): return c.other.__globals__['secret']"),
        (SHAPE + "class Square(Shape):\n    def area(self): return 4\nassert f(1) == Square()", "class Square:\n    def __eq__(s, o): return True\ndef f(x): return Square()"),
    ],
)  # fmt: skip
def test_no_object_or_exit_is_believed(test: str, program: str) -> None:
    verdict = code.verify({"tests": [test]}, as_response(program))
    assert verdict.outcome.value == "wrong", (verdict.reason, verdict.detail)
