"""What the transfer of values carries beyond plain ones, and what ends as `bad_tests` and never as wrong."""

import json

import pytest

from or1_verify.code import CodeVerifier, parse_tests, rpc
from or1_verify.code.rpc import RpcEndpoint
from or1_verify.code.rpc_loops import consume
from or1_verify.types import Message, Problem, Verdict

VERIFIER = CodeVerifier()


def verdict(program: str, *tests: str, setup: str = "", names: tuple[str, ...]) -> Verdict:
    spec = parse_tests({"setup": setup, "names": list(names), "tests": list(tests)})
    gold = spec.model_dump(mode="json", exclude_none=True)
    return VERIFIER.verify(Problem.make("code", (Message("user", ""),), gold), f"```python\n{program}\n```")


UNDERFLOW = "class Underflow(ValueError):\n    pass\n"
RAISES = "try:\n    pop([])\n    assert False\nexcept Underflow as e:\n    assert 'empty' in str(e)"


def test_an_exception_of_the_setup_is_its_own_class_with_its_text() -> None:
    right = "def pop(xs):\n    raise Underflow('empty')"
    assert verdict(right, RAISES, setup=UNDERFLOW, names=("pop",)).reason == "right"
    other = "def pop(xs):\n    raise ValueError('empty')"
    assert verdict(other, RAISES, setup=UNDERFLOW, names=("pop",)).reward == 0.0
    forged = "class Underflow(BaseException): pass\ndef pop(xs):\n    raise Underflow('empty')"
    assert verdict(forged, RAISES, setup=UNDERFLOW, names=("pop",)).reward == 0.0


def test_arguments_of_an_exception() -> None:
    test = "try:\n    find({}, 'b')\n    assert False\nexcept KeyError as e:\n    assert e.args == ('b',)"
    assert verdict("def find(d, k): return d[k]", test, names=("find",)).reason == "right"
    assert verdict("def find(d, k): raise KeyError('c')", test, names=("find",)).reason == "wrong_answer"


SIDES = "import enum\nclass Side(enum.Enum):\n    LEFT = 'l'\n    RIGHT = 'r'\n"


def test_members_of_an_enum_of_the_setup_keep_their_identity() -> None:
    test = "assert other(Side.LEFT) is Side.RIGHT"
    right = "def other(s): return Side.RIGHT if s is Side.LEFT else Side.LEFT"
    assert verdict(right, test, setup=SIDES, names=("other",)).reason == "right"
    assert verdict("def other(s): return s", test, setup=SIDES, names=("other",)).reason == "wrong_answer"


MONEY = """
class Money:
    def __init__(self, n): self.n = n
    def __add__(self, other): return Money(self.n + other.n)
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n
    def __enter__(self): return self
    def __exit__(self, *error): return True
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert Money(3) + Money(4) == Money(4) + Money(3)",
        "total = Money(7)\nassert total == Money(3) + Money(4)",
        "assert max([Money(1), Money(5)]).n == 5",
        "with Money(3) as m:\n    assert m.n == 4",
        "assert Money(3).n == 3 and Money(object()).n == 3",
    ],
)
def test_operators_of_objects_that_the_tests_make_are_bad_tests(test: str) -> None:
    """The parent refuses the row: a correct program is not punished and a wrong one is not paid."""
    assert verdict(MONEY, "assert Money(3).n == 3", test, names=("Money",)).reason == "bad_tests"


def test_isinstance_of_a_class_that_the_tests_name() -> None:
    made = MONEY + "\nclass Cat: pass\ndef make(): return "
    for result, reason in (("Money(1)", "right"), ("Cat()", "wrong_answer"), ("3", "wrong_answer")):
        found = verdict(made + result, "assert isinstance(make(), Money)", names=("Money", "make"))
        assert found.reason == reason, result
    function = MONEY + "\ndef Money(n): return 7"
    assert verdict(function, "assert isinstance(Money(3), Money)", names=("Money",)).reward == 0.0


def test_an_object_in_the_place_of_a_number_stays_wrong() -> None:
    """A program cannot turn its wrong answer into bad tests by returning an object."""
    program = MONEY + "\ndef double(n): return Money(2 * n)"
    for test in ("assert double(4) == 8", "assert double(4) + 0 == 8", "assert double(4) < 9"):
        assert verdict(program, test, names=("double",)).reward == 0.0
    program = "class A:\n    def __getitem__(self, i): return []\ndef first(n): return A()"
    assert verdict(program, "assert first(3)[:2] == [0, 1]", names=("first",)).reward == 0.0


PYTEST = "import pytest\n@pytest.mark.parametrize('n, want', [(2, 4), (3, 6)])\ndef test_double(n, want):\n"
STYLES = {
    "pytest": f"{PYTEST}    assert double(n) == want",
    "class": "class TestDouble:\n    def test_two(self):\n        assert double(2) == 4",
    "unittest": (
        "import unittest\nclass TestDouble(unittest.TestCase):\n    def setUp(self):\n        self.n = 2\n"
        "    def test_two(self):\n        self.assertEqual(double(self.n), 4)"
    ),
    "raises": (
        "import pytest\ndef test_it():\n    with pytest.raises(TypeError):\n        double(None)\n"
        "    assert double(2) == 4"
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_test_functions_and_classes_run(style: str) -> None:
    right, wrong = "def double(n): return n * 2 if n is not None else n + 1", "def double(n): return 5"
    assert verdict(right, STYLES[style], names=("double",)).reason == "right"
    assert verdict(wrong, STYLES[style], names=("double",)).reason == "wrong_answer"


KINDS = """
from collections import OrderedDict, defaultdict, namedtuple
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple
import functools, decimal
class Pair(NamedTuple):
    left: str
    right: int
@dataclass(frozen=True)
class Frozen:
    x: int
class Perm(IntFlag):
    R = 1
    W = 2
class Sorted(list):
    def add(self, x): self.append(x); self.sort()
class Folded(str):
    def value(self): return str(self)
    def __eq__(self, other): return str(self).lower() == other.lower()
    __hash__ = str.__hash__
class Attrs(dict):
    __getattr__ = dict.__getitem__
class Coin:
    def __init__(self, v): self.v = v
    def __eq__(self, other): return self.v == (other.v if isinstance(other, Coin) else other)
    def __hash__(self): return hash(self.v)
    def __format__(self, spec): return format(self.v, spec)
    def plus(self, n): return Coin(self.v + n)
    def __getitem__(self, key): return [self.v][key]
    def __delitem__(self, key): self.v = None
@contextmanager
def opened():
    log = [0]
    yield log
    log.append(1)
def group(xs):
    found = defaultdict(list)
    for x in xs: found[x % 2].append(x)
    return found
def recent(xs): return OrderedDict.fromkeys(xs, 0)
def pair(a, b): return Pair(a, b)
def numbers(n): yield from range(n)
def hello(name):
    print(f"Hello {name}")
    if not name: raise ValueError("no name")
def divide(a, b): return decimal.Decimal(a) / decimal.Decimal(b)
def traced(f):
    @functools.wraps(f)
    def call(*args): return f(*args)
    return call
def notify(listeners, x):
    for each in listeners: each.update(x)
"""
JUDGED = [
    "g = group([1, 2, 3])\nassert g == {1: [1, 3], 0: [2]} and g[7] == []",
    "d = recent('ab')\nd.move_to_end('a')\nassert list(d) == ['b', 'a'] and d.popitem(last=False)[0] == 'b'",
    "p = pair('a', 2)\nassert p == ('a', 2) and p.left == 'a' and p._replace(right=3).right == 3",
    "import types\ng = numbers(3)\nassert isinstance(g, types.GeneratorType) and list(g) == [0, 1, 2]",
    "import dataclasses\np = Frozen(1)\ntry:\n    p.x = 2\n    assert False\n"
    "except dataclasses.FrozenInstanceError:\n    assert p.x == 1",
    "import decimal\ntry:\n    divide(1, 0)\n    assert False\nexcept decimal.DivisionByZero:\n    pass",
    "import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    hello('Bo')\n"
    "    try:\n        hello('')\n    except ValueError:\n        print('no')\n"
    "assert out.getvalue() == 'Hello Bo\\nHello \\nno\\n'",
    "@traced\ndef slow(x):\n    'the doc'\n    return 2 * x\n"
    "assert slow(2) == 4 and slow.__name__ == 'slow' and slow.__doc__ == 'the doc'",
    "from unittest.mock import Mock\nm = Mock()\nnotify([m, m], 5)\nm.update.assert_called_with(5)\n"
    "assert m.update.call_count == 2",
    "c = Coin(5)\nassert f'{c:>3}' == '  5' and c[-1] == 5 and c[0:1] == [5]\ndel c[0]\nassert c.v is None",
    "assert {Coin(1): 'a'}[Coin(1)] == 'a'",
    "assert len({Coin(1), Coin(1), Coin(2)}) == 2",
    "assert Coin(1).plus(2) == Coin(3)",
    "assert Perm.W in Perm and Perm.R.name == 'R'",
    "p = Pair('a', 2)\nassert p.left == 'a' and p == ('a', 2)",
    "p = Pair('a', 2)\nassert p[0] == 'a' and pair('a', 2) == Pair('a', 2)",
    "assert Perm.R == 1",
    "s = Sorted([3, 1])\ns.add(2)\nassert s == [1, 2, 3]",
    "d = Attrs(a=1)\nassert d.a == 1 and d == {'a': 1}",
]


@pytest.mark.parametrize("test", JUDGED)
def test_values_beyond_plain_ones_are_judged(test: str) -> None:
    names = tuple(
        name for name in (*NAMES, "divide", "traced", "notify") if f"{name}(" in test or name in test
    )
    assert verdict(KINDS, test, names=names).reason == "right"
    wrong = "\n".join(f"class {name}:\n    def __init__(*a): pass" for name in names)
    assert verdict(wrong, test, names=names).reward == 0.0


NAMES = ("group", "recent", "pair", "numbers", "hello", "Frozen", "Coin", "Perm", "Pair", "Sorted", "Attrs")
NAMES += ("Folded",)
UNJUDGED = [
    "assert Folded('A').value() and Folded('A') == 'a'",
    "assert Perm.R | Perm.W == 3",
    "s = Sorted([3, 1])\ns.add(2)\nassert isinstance(s, list)",
    "c = Coin(1)\nassert f'{c}' == '1' and c == 1",
    "with opened() as log:\n    log.append(5)\nassert log == [0, 5, 1]",
    "cm = opened()\nwith cm as log:\n    pass\nassert log == [0, 1]",
    "from unittest.mock import patch\nwith patch('builtins.input'):\n    hello('')\nassert hello",
    "import io, sys\nsys.stdin = io.StringIO('3')\nassert hello('x') is None",
]


@pytest.mark.parametrize("test", UNJUDGED)
def test_values_that_cannot_cross_exactly_are_bad_tests(test: str) -> None:
    names = tuple(name for name in (*NAMES, "opened") if name in test)
    assert verdict(KINDS, test, names=names).reason == "bad_tests"


@pytest.mark.parametrize(
    "program",
    [
        "class Total(int): pass\nTotal = Total",
        "class Total:\n    def __init__(self, n): pass",
        "from typing import NamedTuple\nclass Total(NamedTuple):\n    n: int",
        "from collections import defaultdict\ndef Total(n): return defaultdict(int)",
    ],
)
def test_a_function_whose_name_is_capitalised_is_judged(program: str) -> None:
    """No attribute of it is read: the tests expect a value, and an object in its place is wrong."""
    assert verdict("def Total(n): return 2 * n", "assert Total(3) == 6", names=("Total",)).reason == "right"
    assert verdict(program, "assert Total(3) == 6", names=("Total",)).reason == "wrong_answer"


def test_a_mock_gives_the_program_only_attributes_that_record_calls() -> None:
    test = "from unittest.mock import Mock\nm = Mock()\nf(m)\nm.go.assert_called_once_with(3)"
    assert verdict("def f(m): m.go(3)", test, names=("f",)).reason == "right"
    for forged in (
        "m.go.assert_called_once_with = print",
        "m.reset_mock()",
        "m.go.return_value",
        "m.configure_mock(**{'go.assert_called_once_with': 3})",
        "m.__class__.assert_called_once_with = print",
        "m._mock_children.clear()",
        "getattr(m, 'go').assert_called_once_with(4)",
    ):
        assert verdict(f"def f(m): {forged}", test, names=("f",)).outcome.value == "wrong", forged


LAZY = """
seen = []
def squares(n):
    for i in range(n):
        seen.append(i)
        yield i * i
def growing(n):
    items = []
    for i in range(n):
        items.append(i)
        yield items
def failing(n):
    yield from range(n)
    raise LookupError("end")
def calling(f):
    i = 0
    while True:
        f(i)
        yield i
        i += 1
def mixed(xs):
    for x in xs:
        seen.append(x)
        yield x
def num_seen(): return len(seen)
"""
LOOPS = [
    "assert list(squares(1000)) == [i * i for i in range(1000)]",
    "assert [len(x) for x in growing(500)] == list(range(1, 501))",
    "got = []\ntry:\n    for x in failing(300): got.append(x)\n    assert False\n"
    "except LookupError as e:\n    assert got == list(range(300)) and str(e) == 'end'",
    "log = []\nfor x in calling(log.append):\n    assert log[-1] == x and len(log) == x + 1\n"
    "    if x == 400: break",
    "for i, x in enumerate(squares(400)):\n    assert x == i * i and num_seen() == i + 1",
    "a, b = squares(300), squares(300)\nassert all(x == y for x, y in zip(a, b))\nassert num_seen() == 600",
    "g = squares(2000)\nfor i in range(300):\n    assert next(g) == i * i\nassert num_seen() == 300",
    "def take(n, g): return [next(g) for _ in range(n)]\ng = squares(2000)\nfirst = take(100, g)\n"
    "assert num_seen() == 100 and take(3, g) == [10000, 10201, 10404]",
    "for i, x in enumerate(squares(900)):\n    if i == 299: break\nassert num_seen() == 300",
    "for x in squares(900):\n    if x == 40000: break\nassert num_seen() == 201",
    "import itertools\nassert len(list(itertools.islice(squares(900), 100))) == num_seen() == 100",
    "list(zip(squares(900), range(100)))\nassert num_seen() == 101",
    "assert any(x > 10000 for x in squares(900)) and num_seen() == 102",
    "def list(g): return [next(g) for _ in range(90)]\nassert list(squares(900))[-1] == 7921\n"
    "assert num_seen() == 90",
    "assert sorted(squares(900))[-1] == 808201 == max(squares(900)) and num_seen() == 1800",
    "assert min(squares(900), key=lambda x: -num_seen()) == 808201",
]
STOPS = [("set", "[]"), ("frozenset", "{}"), ("sum", "'a'"), ("max", "'a'"), ("min", "None")]
LOOPS += [
    f"g = mixed([*range(80), {other}, *range(80)])\ntry:\n    {function}(g)\n    assert False\n"
    "except TypeError:\n    assert num_seen() == 81 and next(g) == 0"
    for function, other in STOPS
]


@pytest.mark.parametrize("test", LOOPS)
def test_elements_that_are_fetched_ahead_are_those_of_one_after_the_other(test: str) -> None:
    names = ("squares", "growing", "failing", "calling", "mixed", "num_seen")
    assert verdict(LAZY, test, names=names).reason == "right"
    wrong = LAZY.replace("i * i", "i * i + (i > 150)").replace("range(n)", "range(n - (n > 9))")
    if "num_seen" not in test and "calling" not in test:
        assert verdict(wrong, test, names=names).reason == "wrong_answer"


def test_a_long_loop_over_a_generator_needs_few_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_BATCH_S", 600.0)
    frames: list[bytes] = []
    sent: list[bytes] = []

    program = RpcEndpoint(
        frames.append,
        lambda: None,
        node_classes=frozenset(),
        find_class=lambda name: object,
        find_name=lambda name: lambda: iter(range(10_000)),
    )

    def receive() -> bytes:
        program._answer(json.loads(frames.pop()))
        return frames.pop()

    def send(frame: bytes) -> None:
        frames.append(frame)
        sent.append(frame)

    tester = RpcEndpoint(
        send, receive, node_classes=frozenset(), find_class=lambda name: object, find_name=None
    )
    assert consume(list, tester.named("f")()) == list(range(10_000))
    assert len(sent) < 50
    assert consume(sum, tester.named("f")()) == sum(range(10_000))
    assert len(sent) < 100


CLIENT = """
import os, time
class Client:
    def patch(self, path, n): return f"{path}{n}"
def patch(d, key, n): return {**d, key: n}
def home(): return os.environ["HOME_OF_TESTS"]
def moment(): return time.time()
"""
MOCKED = [
    "with mock.patch.dict(os.environ, HOME_OF_TESTS='a'):\n    assert home() == 'a'",
    "with mock.patch.object(time, 'time', lambda: 5):\n    assert moment() == 5",
    "import unittest.mock as m\n@m.patch('time.time')\ndef test_it(now):\n    assert moment() == now()",
    "from unittest.mock import patch as p\nwith p.dict('os.environ', HOME_OF_TESTS='a'):\n"
    "    assert home() == 'a'",
]


@pytest.mark.parametrize("test", MOCKED)
def test_patches_are_bad_tests_by_every_name_of_them(test: str) -> None:
    setup = "import os, time\nfrom unittest import mock"
    assert verdict(CLIENT, test, setup=setup, names=("home", "moment")).reason == "bad_tests"


def test_functions_and_methods_of_the_program_may_be_named_patch() -> None:
    test = "c = Client()\nassert c.patch('a', 1) == 'a1'"
    assert verdict(CLIENT, test, names=("Client",)).reason == "right"
    for setup in ("", "from unittest.mock import patch"):
        test = "assert patch({}, 'a', 1) == {'a': 1}"
        assert verdict(CLIENT, test, setup=setup, names=("patch",)).reason == "right"
        assert verdict("def patch(*_): return {}", test, setup=setup, names=("patch",)).reward == 0.0
